"""Rebuilding the embedded data from the packages it comes from."""

import shutil

import numpy as np
import pytest

from emocal_rl.data import emoji_build
from emocal_rl.data.emoji import FILES
from emocal_rl.errors import UserError


@pytest.mark.slow
def test_rebuild_equals_the_shipped_files(tmp_path, capfd):
    pytest.importorskip("resvg_py", reason="drawing needs resvg-py (pip install resvg-py==0.5.0)")
    if shutil.which("npm") is None:
        pytest.skip("the drawings come from npm, which is not installed")
    assert emoji_build.main([str(tmp_path)]) == 0
    assert "same as the shipped files" in capfd.readouterr().out


def test_compare_finds_a_changed_count_and_a_changed_picture(tmp_path):
    shutil.copytree(FILES, tmp_path / "built")
    assert emoji_build.compare(tmp_path / "built", FILES) == []
    table = tmp_path / "built" / "emoji.csv"
    table.write_text(table.read_text("utf-8").replace("6845", "6846"), "utf-8")
    stored = dict(np.load(FILES / "pictures.npz"))
    stored["pixels"] = 255 - stored["pixels"]
    np.savez(tmp_path / "built" / "pictures.npz", **stored)
    first, second = emoji_build.compare(tmp_path / "built", FILES)
    assert first == "emoji.csv: the tables differ"
    assert second.startswith("pictures.npz: pixels differs by ")


def test_text_is_drawn_black_on_white_inside_the_frame():
    drawn = emoji_build.draw_text(":-)")
    assert drawn.shape == (32, 32, 3)
    assert drawn.min() < 60
    assert (drawn[0] == 255).all()
    assert (drawn[:, 0] == 255).all()


def test_without_a_folder_it_says_what_to_give():
    with pytest.raises(UserError, match="give a folder for the downloads"):
        emoji_build.main([])
