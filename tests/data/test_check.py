"""`emocal-rl data`: what it counts, what it finds wrong, and how it ends."""

import json

import data_trees as trees
import pytest
from PIL import Image

from emocal_rl.data import load
from emocal_rl.data.check import look
from emocal_rl.data.pictures import decoded, open_picture, parallel
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Data


@pytest.fixture
def emoset(tmp_path):
    return trees.emoset(tmp_path / "EmoSet")


def test_a_sound_tree(cli, emoset):
    done = cli("data", "emoset", "--root", str(emoset), "--rows", "2")
    lines = done.out.splitlines()
    assert done.code == 0
    table = {line.split()[0]: line.split() for line in lines[1:7]}
    assert {name: (row[1], row[2]) for name, row in table.items() if not name.startswith("stage")} == {
        "train": ("16", "16"), "validation": ("4", "4"), "test": ("4", "4"),
    }  # fmt: skip
    assert table["train"][3:7] == ["3.000", "bits", "0.000", "bits"]  # eight labels, balanced, one vote each
    assert table["test"][3] == "2.000"
    awe = next(line for line in lines if line.startswith("awe "))
    assert awe.split()[1] == "12.5%"
    assert "  image/amusement/amusement_train000.jpg: amusement" in lines
    assert lines[-1] == "24 rows here, 118102 published"


def test_votes_are_shown_and_their_entropy(cli, tmp_path):
    done = cli("data", "abstract", "--root", str(trees.abstract(tmp_path)))
    assert "  abstract_0003.jpg: sadness (fear 1, sadness 9)" in done.out.splitlines()
    # by hand: H(3,1,7,2,1 of 14) = 1.9212 bits, H(1,9 of 10) = 0.4690 bits; their mean
    assert done.out.splitlines()[1].split()[5] == "1.195"


def test_pictures_that_cannot_be_read_end_with_an_error_until_they_are_left_out(cli, emoset, tmp_path):
    bad = [trees.broken(emoset / f"image/awe/awe_train00{n}.jpg") for n in (1, 9)]
    done = cli("data", "emoset", "--root", str(emoset))
    assert done.code == 2
    assert "2 pictures cannot be read:" in done.out
    assert f"  image {bad[0]} cannot be read: " in done.out
    assert done.err.splitlines()[-1] == (
        "error: 2 rows have pictures that cannot be read; mend them, or write their ids with --write-exclude FILE "
        "and leave them out with data.exclude=FILE"
    )
    path = tmp_path / "bad.txt"
    assert cli("data", "emoset", "--root", str(emoset), "--write-exclude", str(path)).code == 0
    assert sorted(path.read_text().split()) == ["image/awe/awe_train001.jpg", "image/awe/awe_train009.jpg"]
    done = cli("data", "emoset", f"exclude={path}", "--root", str(emoset))
    assert (done.code, "cannot be read" in done.out) == (0, False)


def test_without_decoding_nothing_is_opened(cli, emoset):
    trees.broken(emoset / "image/awe/awe_train001.jpg")
    done = cli("data", "emoset", "--root", str(emoset), "--no-decode")
    assert (done.code, "cannot be read" in done.out) == (0, False)


def test_duplicates_within_and_between_splits(emoset):
    first = (emoset / "image/amusement/amusement_train000.jpg").read_bytes()
    for name in ("awe/awe_test001", "fear/fear_train006"):
        (emoset / f"image/{name}.jpg").write_bytes(first)
    data = load(Data(name="emoset", root=str(emoset)))
    facts = look(data)
    home = {row.id: name for name in data.splits if name != "train" for row in data.split(name)}
    stages = {home["image/amusement/amusement_train000.jpg"], home["image/fear/fear_train006.jpg"]}
    assert facts.repeated_pictures() == 2 - len(stages)
    pairs = {frozenset(pair) for pair in facts.shared_pictures()}
    assert pairs == {frozenset((stage, "test")) for stage in stages} | (
        {frozenset(stages)} if len(stages) > 1 else set()
    )


def test_repeated_ids(tmp_path):
    rows = [{"id": i // 2, "question": "?", "label": "a", "candidates": ["a", "b"], "split": "test"} for i in range(6)]
    assert look(load(Data(name=str(trees.jsonl(tmp_path / "r.jsonl", rows))))).repeated_ids() == 3


def test_rows_as_json(cli, emoset):
    done = cli("data", "emoset", "--root", str(emoset), "--rows", "3", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert len(rows) == 3
    assert rows[0]["picture"].endswith("image/amusement/amusement_train000.jpg")
    assert rows[0]["parts"]["context"] == "beach"


def test_list_names_every_data_set_and_its_layout(cli):
    from emocal_rl.data.load import NAMES

    out = cli("data", "--list").out
    assert [line.partition(":")[0] for line in out.splitlines() if not line.startswith(" ")] == list(NAMES)
    assert "classes 25, 7, 2" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fi",), "data fi: say where the pictures are (data.root, or --root DIR): agg/EMOTION_*.csv"),
        (("emoji", "clases=2"), "override data.clases=2: unknown key data.clases; did you mean 'classes'?"),
        (("emoji", "--classes", "7"), "data.classes: emoji has 2 or 3, not 7"),
        (("emoji", "classes"), "override data.classes: write key=value, for example trainer.max_steps=10"),
    ],
)
def test_mistakes(cli, arguments, message):
    done = cli("data", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"error: {message}")


# Pictures


def test_decoding_keeps_order_and_names_what_is_broken(tmp_path, emoset):
    rows = load(Data(name="emoset", root=str(emoset))).split("train")
    found = decoded(rows)
    assert all(isinstance(row.source, Image.Image) for row in found)
    assert [row.image.getpixel((0, 0)) for row in found] == [open_picture(row.source).getpixel((0, 0)) for row in rows]
    path = trees.broken(rows[2].source)
    with pytest.raises(UserError, match=f"image {path} cannot be read: "):
        decoded(rows)
    path.unlink()
    with pytest.raises(UserError, match=f"image {path} does not exist"):
        decoded(rows)


def test_parallel_work_is_bounded(monkeypatch):
    taken = []

    def numbers():
        for number in range(1_000):
            taken.append(number)
            yield number

    results = parallel(lambda number: number, numbers(), workers=2)
    assert next(results) == 0
    assert len(taken) == 8
    assert list(results) == list(range(1, 1_000))


def test_grey_and_palette_pictures_become_rgb(tmp_path):
    for mode in ("L", "P", "RGBA", "1"):
        Image.new(mode, (3, 2)).save(tmp_path / f"{mode}.png")
        assert open_picture(tmp_path / f"{mode}.png").mode == "RGB"
