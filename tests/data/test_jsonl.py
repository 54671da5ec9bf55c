"""Rows from a JSONL file: what is read, and what a broken file is told."""

import json

import pytest
from PIL import Image

from emocal_rl.data import jsonl
from emocal_rl.data.load import load
from emocal_rl.errors import UserError
from emocal_rl.recipe import Data

GOOD = {
    "id": "1",
    "split": "train",
    "image": "a.png",
    "question": "Which?",
    "candidates": ["awe", "fear"],
    "votes": [7, 3],
}


@pytest.fixture
def folder(tmp_path):
    Image.new("RGB", (8, 8), "red").save(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    return tmp_path


def write(folder, *entries):
    path = folder / "rows.jsonl"
    path.write_text("\n".join(e if isinstance(e, str) else json.dumps(e) for e in entries) + "\n", "utf-8")
    return path


def test_a_row(folder):
    data = load(Data(name=str(write(folder, GOOD))))
    (row,) = data.split("train")
    assert (row.votes, row.label, row.cluster, row.image.size) == ((7, 3), "awe", "1", (8, 8))


def test_a_single_label_is_one_vote(folder):
    entry = {key: value for key, value in GOOD.items() if key != "votes"} | {"label": "fear"}
    assert jsonl.load(write(folder, entry))["train"][0].votes == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image": "b.png"},
            "{path}:1: image {root}/b.png does not exist; paths are relative to {root} (set data.root to change that)",
        ),
        ({"votes": [1]}, "{path}:1: votes must be 2 counts, one for each candidate, got [1]"),
        ({"votes": [0, 0]}, "{path}:1: votes are all zero: nobody judged this row"),
    ],
)
def test_a_bad_value_is_named_with_its_line(folder, change, message):
    path = write(folder, GOOD | change)
    with pytest.raises(UserError) as error:
        jsonl.load(path)
    assert str(error.value) == message.format(path=path, root=folder)


def test_an_unreadable_picture(folder):
    path = write(folder, GOOD | {"image": "broken.png"})
    with pytest.raises(UserError, match=f"{path}:1: image .*broken.png cannot be read"):
        jsonl.load(path)


def test_all_bad_lines_at_once(folder):
    path = write(folder, "{,", GOOD, "[]", {"id": 3})
    with pytest.raises(UserError) as error:
        jsonl.load(path)
    assert str(error.value).splitlines() == [
        f"{path}:1: not JSON: Expecting property name enclosed in double quotes at column 2",
        f"{path}:3: a row must be a JSON object, got list",
        f"{path}:4: missing split, image, question, candidates",
    ]


def test_missing_file_unknown_name_and_unknown_split(folder):
    with pytest.raises(UserError, match="no such file; give the path of a .jsonl file in data.name"):
        load(Data(name=str(folder / "none.jsonl")))
    with pytest.raises(UserError, match="unknown data set 'imagenet'; use 'emoji' or the path of a .jsonl file"):
        load(Data(name="imagenet"))
    with pytest.raises(UserError, match="no split 'dev'; there are train"):
        load(Data(name=str(write(folder, GOOD)))).split("dev")
