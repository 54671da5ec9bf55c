"""Data sets that the `datasets` library loads: here from folders, since there may be no hub."""

import json

import data_trees as trees
import pytest

from emocal_rl.data import load
from emocal_rl.data.splits import STAGES, held_for_validation
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Data


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """What `datasets` calls an image folder: its labels are class numbers."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for split, size in (("train", 4), ("test", 1)):
        trees.folders(tmp_path / "pictures", ("awe", "fear"), size, split)
    return tmp_path / "pictures"


def test_an_image_folder(folder):
    data = load(Data(name=f"hf:{folder}", labels="mikels8"))
    assert {name: len(rows) for name, rows in data.splits.items() if name not in STAGES} == {"train": 8, "test": 2}
    assert sum(len(data.split(stage)) for stage in STAGES) == 8
    assert data.split("train")[0].id == "pictures:train-0"  # wherever the folder is, and so the stage it falls into
    assert [row.label for row in data.split("test")] == ["awe", "fear"]
    row = data.split("train")[-1]
    assert (row.label, row.image.size, row.question[:13]) == ("fear", (9, 7), "Which emotion")


def test_without_labels_the_class_names_are_the_candidates(folder):
    (row, _) = load(Data(name=f"hf:{folder}", question="Which?")).split("test")
    assert (row.candidates, row.votes, row.question) == (("awe", "fear"), (1, 0), "Which?")


def test_a_name_that_cannot_be_loaded(tmp_path):
    with pytest.raises(UserError, match=f"^data hf:{tmp_path}/none: "):
        load(Data(name=f"hf:{tmp_path}/none"))


def test_an_error_without_words_is_named_by_its_kind(monkeypatch):
    def refuse(*_):
        raise NotImplementedError

    monkeypatch.setattr("datasets.load_dataset", refuse)
    with pytest.raises(UserError, match="^data hf:any: NotImplementedError$"):
        load(Data(name="hf:any"))


def test_a_style_is_taken_from_its_column_as_in_a_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rows").mkdir()
    lines = '{"question": "Which?", "label": "awe", "artist": "Hokusai"}\n'
    (tmp_path / "rows" / "test.jsonl").write_text(lines, "utf-8")
    (row,) = load(Data(name=f"hf:{tmp_path / 'rows'}", columns={"style": "artist"})).split("test")
    assert (row.style, row.answer) == ("Hokusai", "awe")


def test_a_column_that_is_missing_is_named_with_its_row(folder):
    with pytest.raises(UserError, match=f"^{folder}:t(rain|est): row 0: give votes, or a label that is one of "):
        load(Data(name=f"hf:{folder}", labels="mikels8", columns={"label": "emotion"}))


def test_without_a_validation_split_some_of_train_is_held_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rows").mkdir()
    lines = [json.dumps({"id": str(n), "question": "Which?", "label": "awe"}) + "\n" for n in range(200)]
    (tmp_path / "rows" / "train.jsonl").write_text("".join(lines), "utf-8")
    splits = load(Data(name=f"hf:{tmp_path / 'rows'}")).splits
    ids = {name: {row.id for row in rows} for name, rows in splits.items()}
    assert ids["validation"] == {str(n) for n in range(200) if held_for_validation(str(n))} != set()
    assert ids["train"] == {str(n) for n in range(200)} - ids["validation"]
    assert set().union(*(ids[stage] for stage in STAGES)) == ids["train"]
    (tmp_path / "rows" / "validation.jsonl").write_text(lines[0], "utf-8")
    assert len(load(Data(name=f"hf:{tmp_path / 'rows'}")).split("train")) == 200
