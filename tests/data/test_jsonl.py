"""Rows from a JSONL file: what is read, in whose words, and what a broken file is told."""

import json

import pytest
from PIL import Image

from emocal_rl.data import jsonl
from emocal_rl.data.load import load
from emocal_rl.data.rows import visits
from emocal_rl.data.splits import STAGES, held_for_validation
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Data

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


def read(path, **more):
    return load(Data(name=str(path), **more))


def only(path, split="train", **more):
    (row,) = read(path, **more).split(split)
    return row


def test_a_row(folder):
    row = only(write(folder, GOOD))
    assert (row.votes, row.label, row.cluster, row.image.size) == ((7, 3), "awe", "a.png", (8, 8))


def test_a_judge_is_in_the_target(folder):
    for given in ([0.9, 0.2], {"fear": 0.2, "awe": 0.9}):
        assert only(write(folder, GOOD | {"judge": given})).target()["judge"] == {"awe": 0.9, "fear": 0.2}
    assert "judge" not in only(write(folder, GOOD)).target()


def test_a_single_label_is_one_vote(folder):
    entry = {key: value for key, value in GOOD.items() if key != "votes"} | {"label": "fear"}
    assert only(write(folder, entry)).votes == (0, 1)


@pytest.mark.parametrize("votes", [{"awe": 7, "fear": 3}, {"awe": 0.7, "fear": 0.3}, {"fear": 1, "awe": None}])
def test_votes_by_label(folder, votes):
    row = only(write(folder, GOOD | {"votes": votes}))
    assert row.votes == tuple(votes[name] or 0 for name in ("awe", "fear"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image": "b.png"},
            "{path}:1: image {root}/b.png does not exist; paths are relative to {root} (set data.root to change that)",
        ),
        ({"image": 3}, "{path}:1: image must be a path, got 3"),
        ({"parts": "a dog"}, "{path}:1: parts must be an object of texts by name, got 'a dog'"),
        ({"parts": ["a dog"]}, "{path}:1: parts must be an object of texts by name, got ['a dog']"),
        (
            {"judge": [0.2, 1.5]},
            "{path}:1: judge must be 2 numbers in [0, 1], one for each candidate, got [0.2, 1.5]",
        ),
        ({"votes": [1]}, "{path}:1: votes must be 2 counts, one for each candidate, got [1]"),
        ({"votes": [1, -1]}, "{path}:1: votes must be 2 counts, one for each candidate, got [1, -1]"),
        ({"votes": [True, False]}, "{path}:1: votes must be 2 counts, one for each candidate, got [True, False]"),
        ({"votes": [0, 0]}, "{path}:1: votes are all zero: nobody judged this row"),
        ({"votes": {"joy": 1}}, "{path}:1: votes for joy, which is none of awe, fear"),
        ({"candidates": ["awe", "awe"]}, "{path}:1: candidates are repeated: awe, awe"),
        ({"confidence": 85}, "{path}:1: confidence must be a number in [0, 1], got 85"),
        ({"votes": None, "label": "joy"}, "{path}:1: give votes, or a label that is one of awe, fear (got 'joy')"),
        ({"question": None}, "{path}:1: missing question (give one to all rows with data.question)"),
        (
            {"candidates": None, "votes": None},
            "{path}:1: missing label, and there are no candidates or votes (data.columns maps column names)",
        ),
    ],
)
def test_a_bad_value_is_named_with_its_line(folder, change, message):
    path = write(folder, GOOD | change)
    with pytest.raises(UserError) as error:
        read(path)
    assert str(error.value) == message.format(path=path, root=folder)


@pytest.mark.parametrize("picture", ["A" * 300, "data:image/png;base64," + "A" * 5000])
def test_a_picture_inside_the_line_is_no_path_and_not_repeated(folder, picture):
    """Base64 is longer than the name of a file can be, which the system says in an error of its own."""
    path = write(folder, GOOD | {"image": picture})
    with pytest.raises(UserError) as error:
        read(path)
    assert str(error.value) == f"{path}:1: image must be a path, got {picture!r:.40}... (File name too long)"


def test_a_list_with_backslashes_in_a_chat_is_read_as_text(folder):
    r"""'C:\users' is an escape that Python does not take; it ended the command without a line."""
    entry = {"messages": [{"role": "user", "content": r"Which of ['C:\users', 'b']?"}], "label": "b"}
    row = only(write(folder, entry))
    assert (row.candidates, row.answer) == ((), "b")


def test_an_unreadable_picture_is_named_when_it_is_looked_at(folder):
    row = only(write(folder, GOOD | {"image": "broken.png"}))
    with pytest.raises(UserError, match=f"image {folder}/broken.png cannot be read: cannot identify image file"):
        row.image  # noqa: B018


def test_all_bad_lines_at_once(folder):
    path = write(folder, "{,", GOOD, "[]", {"id": 3})
    with pytest.raises(UserError) as error:
        read(path)
    assert str(error.value).splitlines() == [
        f"{path}:1: not JSON: Expecting property name enclosed in double quotes at column 2",
        f"{path}:3: a row must be a JSON object, got list",
        f"{path}:4: missing question (give one to all rows with data.question)",
    ]


def test_many_bad_lines_are_counted(folder):
    path = write(folder, *["{"] * 25)
    with pytest.raises(UserError) as error:
        read(path)
    assert len(error.value.lines) == 21
    assert error.value.lines[-1] == f"{path}: and 5 more lines like these"


def test_bytes_that_are_no_text_are_a_bad_line(folder):
    path = write(folder, GOOD)
    path.write_bytes(path.read_bytes() + b'{"id": "\xff"}\n')
    with pytest.raises(UserError, match=f"^{path}:2: not JSON: the line is not UTF-8$"):
        read(path)


def test_missing_file_unknown_name_and_unknown_split(folder):
    with pytest.raises(UserError, match="no such file; give the path of a .jsonl file in data.name"):
        load(Data(name=str(folder / "none.jsonl")))
    with pytest.raises(
        UserError, match="unknown data set 'emosett'; did you mean 'emoset'.; or give the path of a .jsonl"
    ):
        load(Data(name="emosett"))
    with pytest.raises(UserError, match="no split 'dev'; there are train, stage_one, stage_two, stage_three"):
        read(write(folder, GOOD)).split("dev")
    with pytest.raises(UserError, match="the file has no rows"):
        read(write(folder, ""))


# Other people's words


TEXT = {key: value for key, value in GOOD.items() if key != "image"}
TWO = {"labels": ["awe", "fear"]}


@pytest.mark.parametrize(
    ("entry", "more"),
    [
        ({"image_path": "a.png", "ground_truth": "Awe", "choices": ["awe", "fear"]}, {}),
        ({"images": ["a.png"], "emotion": "awe"}, {"labels": ["awe", "fear"]}),
        ({"meta": {"pic": "a.png", "gold": "awe"}}, {"columns": {"image": "meta.pic", "label": "meta.gold"}, **TWO}),
        ({"reward_model": {"ground_truth": "awe"}, "images": [{"path": "a.png"}], "options": ["awe", "fear"]}, {}),
        ({"image": "a.png", "label": "fear", "gold": "awe"}, {"columns": {"label": "gold"}, "labels": ["awe", "fear"]}),
    ],
)  # fmt: skip
def test_columns_by_other_names(folder, entry, more):
    row = only(write(folder, entry | {"split": "val", "id": 1}), "validation", question="Which?", **more)
    assert (row.id, row.label, row.candidates, row.votes, row.image.size) == (
        "1",
        "awe",
        ("awe", "fear"),
        (1, 0),
        (8, 8),
    )


def test_labels_of_a_taxonomy_in_any_spelling(folder):
    entry = {"image": "a.png", "label": "Sad", "split": "test"}
    row = only(write(folder, entry), "test", labels="mikels8")
    assert (row.label, len(row.candidates), row.question[:13]) == ("sadness", 8, "Which emotion")
    with pytest.raises(UserError, match="no taxonomy 'mikel'; did you mean 'mikels8'"):
        read(write(folder, entry), labels="mikel")


def test_an_open_question_has_an_answer_and_neither_candidates_nor_votes(folder):
    row = only(write(folder, {"question": "7 * 6?", "answer": 42, "split": "train"}))
    assert (row.source, row.label, row.share, row.target()) == (None, "42", 1.0, {"label": "42"})


def test_without_splits_a_hash_of_the_picture_decides_and_stages_share_nothing(folder):
    entries = [
        {"id": i, "question": "?", "label": "a", "candidates": ["a", "b"], "cluster": f"c{i // 2}"} for i in range(600)
    ]
    data = read(write(folder, *entries))
    sizes = {name: len(data.split(name)) for name in data.splits}
    assert sizes["train"] + sizes["validation"] + sizes["test"] == 600
    assert 440 < sizes["train"] < 520
    found = [{row.cluster for row in data.split(name)} for name in (*STAGES, "validation", "test")]
    assert sum(map(len, found)) == len(set.union(*found)) == 300


def test_without_a_validation_split_five_in_85_of_train_are_held_for_it(folder):
    """As published data sets do: whatever is fitted, such as a recalibration, needs rows that nobody trains on."""
    entries = [GOOD | {"id": str(n), "image": f"{n}.png", "split": "train" if n < 400 else "test"} for n in range(420)]
    for n in range(420):
        Image.new("RGB", (1, 1)).save(folder / f"{n}.png")
    splits = read(write(folder, *entries)).splits
    assert sorted(splits) == ["stage_one", "stage_three", "stage_two", "test", "train", "validation"]
    ids = {name: {row.id for row in rows} for name, rows in splits.items()}
    assert ids["validation"] == {str(n) for n in range(400) if held_for_validation(f"{n}.png")}
    assert 15 <= len(ids["validation"]) <= 35
    assert ids["validation"] | ids["train"] == {str(n) for n in range(400)}
    assert not ids["validation"] & ids["train"]
    assert set().union(*(ids[stage] for stage in STAGES)) == ids["train"]
    own = [*entries[:400], entries[400] | {"split": "val"}]
    assert len(read(write(folder, *own)).split("train")) == 400


def test_stages_that_the_file_names_are_kept(folder):
    data = read(write(folder, GOOD, GOOD | {"split": "stage_two"}))
    assert {name: len(rows) for name, rows in data.splits.items()} == {"train": 1, "stage_two": 1}


def test_rows_slice_and_count_from_the_end(folder):
    rows = read(write(folder, *(GOOD | {"id": i} for i in range(5)))).split("train")
    assert [row.id for row in rows[1:4]] == ["1", "2", "3"]
    assert (rows[-1].id, len(rows[:0]), list(rows[:0])) == ("4", 0, [])
    with pytest.raises(IndexError):
        rows[5]
    assert [row.id for row in visits(rows, 5, seed=0)] == [row.id for row in visits(list(rows), 5, seed=0)]


def test_a_file_changed_after_it_was_checked_is_named(folder):
    path = write(folder, GOOD)
    rows = read(path).split("train")
    path.write_text(path.read_text().replace("awe", "joy", 1).replace("[7, 3]", "[7]"))
    with pytest.raises(UserError, match=f"^{path}:1: votes must be 2 counts"):
        rows[0]


def test_a_row_is_found_by_its_id(folder):
    data = read(write(folder, *(GOOD | {"id": i} for i in range(50))))
    assert data.find("37").id == "37"
    assert data.find("nobody") is None


# Size


@pytest.mark.slow
def test_many_rows_take_little_memory(tmp_path, python):
    """80 MB of rows, of which some 100 bytes a row are kept; a million: `python -m benchmarks.data_memory`."""
    out = tmp_path / "memory.json"
    done = python("-m", "benchmarks.data_memory", "--rows", "100000", "--out", str(out))
    assert done.code == 0, done.err
    few, many = json.loads(out.read_text())["measured"]
    assert (few["rows"], many["rows"]) == (1_000, 100_000)
    assert many["file_bytes"] > 7e7
    assert many["memory_bytes"] - few["memory_bytes"] < 3e7


def test_the_reader_keeps_numbers_and_not_rows(tmp_path):
    rows = read(write(tmp_path, *(TEXT | {"id": i} for i in range(2_000)))).split("train")
    assert isinstance(rows, jsonl.JsonlRows)
    assert rows.starts.itemsize * len(rows.starts) + rows.lines.itemsize * len(rows.lines) < 13 * 2_000
