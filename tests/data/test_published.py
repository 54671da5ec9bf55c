"""Every published layout on a small tree with its known oddities: counts, labels, votes, splits and error texts."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path

import data_trees as trees
import numpy as np
import pytest
from data_trees import LDL, MIKELS, THINK
from PIL import Image

from emocal_rl.data import DataSet, load
from emocal_rl.data.emoset import Annotation
from emocal_rl.data.load import NAMES
from emocal_rl.data.splits import STAGES
from emocal_rl.data.trees import SOURCES
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Data


def rows(data: DataSet) -> dict[str, object]:
    """Every row once, by id."""
    return {row.id: row for name in data.splits if name not in STAGES for row in data.split(name)}


def sizes(data: DataSet) -> dict[str, int]:
    return {name: len(data.split(name)) for name in data.splits}


def read(name: str, root: Path, **more: object) -> DataSet:
    return load(Data(name=name, root=str(root), **more))


# EmoSet


@pytest.mark.parametrize("columns", [3, 4])
def test_emoset_with_both_forms_of_its_index(tmp_path, columns):
    data = read("emoset", trees.emoset(tmp_path, columns))
    found = sizes(data)
    assert (found["train"], found["validation"], found["test"]) == (16, 4, 4)
    assert Counter(row.label for row in data.split("train")) == dict.fromkeys(MIKELS, 2)
    row = rows(data)["image/awe/awe_train001.jpg"]
    assert (row.label, row.votes, row.image.size) == ("awe", (0, 1, 0, 0, 0, 0, 0, 0), (9, 7))


def test_emosets_stages_share_no_row_and_make_up_train(tmp_path):
    data = read("emoset", trees.emoset(tmp_path))
    parts = [{row.id for row in data.split(stage)} for stage in STAGES]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(data.split("train"))


def test_emosets_polarity(tmp_path):
    data = read("emoset", trees.emoset(tmp_path), classes=2)
    assert Counter(row.label for row in data.split("train")) == {"positive": 8, "negative": 8}


def test_emosets_attributes_become_reasoning_and_do_not_name_the_emotion(tmp_path):
    data = rows(read("emoset", trees.emoset(tmp_path)))
    assert dict(data["image/amusement/amusement_train000.jpg"].parts) == {
        "element": "dog, tennis ball; very dark; very colorful",
        "human": "action: playing sports",
        "context": "beach",
        "interaction": "playing sports with dog, tennis ball (beach)",
    }
    assert data["image/awe/awe_train001.jpg"].parts["context"] == "no particular setting is noted"  # -1


def test_an_annotation_that_is_not_there_is_named_when_it_is_needed(tmp_path):
    with pytest.raises(UserError, match=f"annotation {tmp_path}/no.json cannot be read: No such file or directory"):
        Annotation(tmp_path / "no.json")["element"]


def test_emoset_without_some_pictures_goes_on_and_says_so(tmp_path):
    trees.emoset(tmp_path)
    (tmp_path / "image/awe/awe_train001.jpg").unlink()
    data = read("emoset", tmp_path)
    assert len(data.split("train")) == 15
    (note,) = data.notes
    assert note == f"1 pictures that an index names are missing, for example {tmp_path}/image/awe/awe_train001.jpg"


def test_emoset_without_most_pictures_is_refused(tmp_path):
    trees.emoset(tmp_path)
    for path in list((tmp_path / "image").rglob("*.jpg"))[:20]:
        path.unlink()
    with pytest.raises(UserError, match=r"is not laid out as expected: 20 of 24 pictures are missing, for example"):
        read("emoset", tmp_path)


def test_corrupt_rows_of_an_index_are_all_named(tmp_path):
    trees.emoset(tmp_path)
    table = json.loads((tmp_path / "val.json").read_text())
    table[0], table[2] = ["awe"], ["anguish", *table[2][1:]]
    (tmp_path / "val.json").write_text(json.dumps(table))
    with pytest.raises(UserError) as error:
        read("emoset", tmp_path)
    assert error.value.lines == [
        f"{tmp_path}/val.json: row 1: expected [emotion, id, picture, annotation] or those without the id, got ['awe']",
        f"{tmp_path}/val.json: row 3: 'anguish' is no label of mikels8; choose from {', '.join(MIKELS)}",
    ]


def test_the_tree_may_be_one_folder_below(tmp_path):
    trees.emoset(tmp_path / "EmoSet-118K")
    assert len(read("emoset", tmp_path).split("train")) == 16


# FI


def test_fi_votes(tmp_path):
    data = read("fi", trees.fi_votes(tmp_path))
    found = rows(data)
    assert {key: row.label for key, row in found.items()} == {
        "images/x1.jpg": "amusement",
        "images/x3.jpg": "fear",
        "images/x4.jpg": "sadness",
    }
    assert found["images/x4.jpg"].votes == pytest.approx((*[2 / 7] * 7, 3))
    assert found["images/x3.jpg"].share == 1.0
    assert data.notes == [
        "1 pictures that no majority agreed on, for example http://f.com/x2.jpg (amusement)",
        "1 pictures that an index names are missing, for example http://f.com/dead.jpg",
        "1 pictures judged for several emotions: the one most agreed on counts, for example images/x3.jpg",
    ]


@pytest.mark.parametrize("below", ["", "train", "images"])
def test_fi_in_folders(tmp_path, below):
    data = read("fi", trees.folders(tmp_path, MIKELS, 3, below))
    assert Counter(row.label for row in rows(data).values()) == dict.fromkeys(MIKELS, 3)
    assert ("train" in data.splits and "test" not in data.splits) == (below == "train")


def test_fi_with_a_bad_row(tmp_path):
    trees.fi_votes(tmp_path)
    trees.lines(tmp_path / "agg/awe_1.csv", ["0,u.jpg,1,4", "1,v.jpg,one,4"])
    with pytest.raises(UserError, match=r"agg/awe_1.csv:2: expected number, url, disagree, agree, got 1,v.jpg,one,4"):
        read("fi", tmp_path)


def test_fi_tables_without_pictures(tmp_path):
    trees.lines(tmp_path / "agg/awe_1.csv", ["0,u.jpg,1,4"])
    with pytest.raises(
        UserError, match="not laid out as expected: it has the tables and no picture; expected agg/EMOTION"
    ):
        read("fi", tmp_path)


# WebEmo and the other folders


def test_webemo_lists(tmp_path):
    data = read("webemo", trees.webemo_lists(tmp_path))
    found = rows(data)
    assert found["images/24/p24.jpg"].label == "zest"
    assert found["images/1/p1.jpg"].label == "cheerfullness"
    assert found["images/1/p1.jpg"].aliases["cheerfulness"] == "cheerfullness"
    assert found["images/3/same.jpg"].label == "contentment"
    assert "images/9/same.jpg" not in found
    assert len(data.split("train")) + len(data.split("validation")) == 26
    assert {row.label for row in data.split("test")} == {"surprise", "confusion"}
    assert [note.partition(",")[0] for note in data.notes] == ["1 names that several pictures have"]


@pytest.mark.parametrize(("classes", "zest"), [(7, "joy"), (2, "positive")])
def test_webemos_hierarchy(tmp_path, classes, zest):
    found = rows(read("webemo", trees.webemo_lists(tmp_path), classes=classes))
    assert found["images/24/p24.jpg"].label == zest
    assert len(found["images/24/p24.jpg"].candidates) == classes


def test_webemo_numbered_folders(tmp_path):
    trees.folders(tmp_path, map(str, range(25)), 1, "train25")
    data = read("webemo", trees.folders(tmp_path, map(str, range(25)), 1, "test25"))
    assert rows(data)["test25/13/0.jpg"].label == "neglect"
    assert len(data.split("test")) == 25


def test_webemo_json(tmp_path):
    data = read("webemo", trees.webemo_json(tmp_path))
    assert {key: row.label for key, row in rows(data).items()} == {
        "images/a.jpg": "zest", "images/b.jpg": "confusion", "images/c.jpg": "cheerfullness",
    }  # fmt: skip
    assert data.notes == [
        "1 rows whose coarser labels differ from ours: the 25 decide, for example "
        f"{tmp_path}/train.json: row 2 (confusion: sadness)"
    ]


def test_webemo_with_a_label_that_is_none(tmp_path):
    trees.webemo_lists(tmp_path)
    trees.lines(tmp_path / "test25.txt", ["http://w.com/q.jpg 25"])
    with pytest.raises(
        UserError, match=r"test25.txt:1: expected an address and a label from 0 to 24, got http://w.com"
    ):
        read("webemo", tmp_path)


PARROTT = ("anger", "fear", "joy", "love", "sadness", "surprise")


def test_unbiasedemo_has_names_twice_and_no_training_rows(tmp_path):
    for folder in ("dogs", "cats"):
        trees.folders(tmp_path, [f"{label}/{folder}" for label in PARROTT], 1, "images")
    data = read("unbiasedemo", tmp_path)
    assert sizes(data) == {"test": 12}
    assert rows(data)["images/joy/dogs/0.jpg"].label == rows(data)["images/joy/cats/0.jpg"].label == "joy"


def test_emotion6_of_webemos_authors_with_its_misplaced_folder(tmp_path):
    trees.folders(tmp_path, [*PARROTT, "anger/digust"], 2, "images")
    found = rows(read("emotion6_parrott", tmp_path))
    assert Counter(row.label for row in found.values()) == {"anger": 4} | dict.fromkeys(PARROTT[1:], 2)


def test_emotionroi_keeps_its_splits(tmp_path):
    ekman = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
    trees.folders(tmp_path, ekman, 10, "train")
    data = read("emotionroi", trees.folders(tmp_path, ekman, 1, "test"))
    assert len(data.split("test")) == 6
    assert len(data.split("train")) + len(data.split("validation")) == 60


def test_artphoto(tmp_path):
    for name in ("sad_01", "awe_7", "contentment_3"):
        trees.picture(tmp_path / f"testImages_artphoto/{name}.jpg")
    trees.picture(tmp_path / "._awe_7.jpg")  # what a Mac leaves in archives
    data = read("artphoto", tmp_path)
    assert sorted(row.label for row in data.split("test")) == ["awe", "contentment", "sadness"]


def test_folders_with_nothing_to_read(tmp_path):
    trees.picture(tmp_path / "stuff/1.jpg")
    for name in ("unbiasedemo", "artphoto", "emotionroi"):
        with pytest.raises(UserError, match=f"data {name}: {tmp_path} is not laid out as expected: "):
            read(name, tmp_path)


# Votes


def test_abstract_leaves_ties_out(tmp_path):
    data = read("abstract", trees.abstract(tmp_path))
    found = rows(data)
    assert {key: (row.label, row.votes) for key, row in found.items()} == {
        "abstract_0001.jpg": ("contentment", (3, 1, 7, 2, 0, 0, 0, 1)),
        "abstract_0003.jpg": ("sadness", (0, 0, 0, 0, 0, 0, 1, 9)),
    }
    assert sizes(data) == {"test": 2}
    assert data.notes == ["1 rows have a tie for the top label: left out, for example abstract_0002.jpg"]


def test_abstracts_polarity_sums_the_votes(tmp_path):
    found = rows(read("abstract", trees.abstract(tmp_path), classes=2))
    assert found["abstract_0001.jpg"].votes == (13, 1)
    assert found["abstract_0002.jpg"].votes == (11, 3)  # no tie any more


@pytest.mark.parametrize(
    ("classes", "votes"), [(7, (0, 0, 0, 0.3, 0, 0, 0.7)), (6, (0, 0, 0, 0.3, 0, 0)), (2, (0.3, 0))]
)
def test_cornells_emotion6_has_distributions(tmp_path, classes, votes):
    data = read("emotion6", trees.emotion6(tmp_path), classes=classes)
    found = rows(data)
    assert found["images/joy/1.jpg"].votes == votes
    assert found["images/disgust/1.jpg"].votes[:2] == (
        (0.1333, 0.7) if classes > 2 else (0.0667, pytest.approx(0.8333))
    )
    left = [note for note in data.notes if note.startswith("1 rows have no vote for any of the labels: left out")]
    assert ("images/fear/1.jpg" in found, len(left)) == ((True, 0) if classes == 7 else (False, 1))


def test_emotion6_with_a_short_line(tmp_path):
    trees.emotion6(tmp_path)
    with (tmp_path / "ground_truth.txt").open("a") as file:
        file.write("joy/2.jpg\t5\t5\t1\n")
    with pytest.raises(UserError, match=r"ground_truth.txt:5: expected 10 columns \(file, valence, arousal, anger, "):
        read("emotion6", tmp_path)


@pytest.mark.parametrize("name", ["twitter_ldl", "flickr_ldl"])
def test_ldl_text_with_trailing_separators(tmp_path, name):
    data = read(name, trees.ldl_text(tmp_path))
    found = rows(data)
    assert found["images/1.jpg"].votes == (5, 0, 1, 0, 0, 0, 0, 2)
    assert (found["images/4.jpg"].label, found["images/4.jpg"].share) == ("fear", 0.75)
    assert data.notes == ["1 rows have a tie for the top label: kept, for example images/2.jpg"]


def ldl_arrays() -> dict[str, np.ndarray]:
    names = np.empty((4, 1), object)
    names[:, 0] = list(LDL)
    train, test = np.array([[1, 3, 4]], np.uint16), np.array([[2]], np.uint16)
    return {"imgname": names, "train_ind": train, "test_ind": test, "vote": np.array(list(LDL.values()), float)}


@pytest.mark.parametrize("form", ["indices", "mask", "transposed"])
def test_ldl_matlab(tmp_path, form):
    from scipy.io import savemat

    arrays = ldl_arrays()
    if form == "mask":
        arrays |= {"train_ind": np.array([[1], [0], [1], [1]]), "test_ind": np.array([[0], [1], [0], [0]])}
    if form == "transposed":
        arrays["vote"] = arrays["vote"].T
    trees.ldl_text(tmp_path)
    (tmp_path / "ground_truth.txt").unlink()
    savemat(tmp_path / "Twitter_LDL_config.mat", arrays)
    data = read("twitter_ldl", tmp_path)
    assert [row.id for row in data.split("test")] == ["images/2.jpg"]
    assert rows(data)["images/4.jpg"].votes == LDL["4.jpg"]


def test_ldl_takes_votes_from_the_text_and_splits_from_matlab(tmp_path):
    from scipy.io import savemat

    savemat(trees.ldl_text(tmp_path) / "Flickr_LDL_config.mat", ldl_arrays() | {"vote": np.ones((4, 8))})
    data = read("flickr_ldl", tmp_path)
    assert [row.votes for row in data.split("test")] == [LDL["2.jpg"]]


def test_ldl_matlab_73(tmp_path):
    h5py = pytest.importorskip("h5py", reason="reading MATLAB 7.3 is an extra: emocal-rl[matlab]")
    path = trees.ldl_text(tmp_path) / "Twitter_LDL_config.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        cells = file.create_dataset("imgname", (1, 4), dtype=h5py.ref_dtype)
        for place, name in enumerate(LDL):
            codes = np.array([[ord(letter)] for letter in name], np.uint16)
            cells[0, place] = file.create_dataset(f"#refs#/{place}", data=codes).ref
        file["vote"] = np.array(list(LDL.values()), float).T
        file["train_ind"], file["test_ind"] = np.array([[1.0], [3], [4]]), np.array([[2.0]])
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116))
    (tmp_path / "ground_truth.txt").unlink()
    data = read("twitter_ldl", tmp_path)
    assert [row.id for row in data.split("test")] == ["images/2.jpg"]
    assert rows(data)["images/1.jpg"].votes == LDL["1.jpg"]


@pytest.mark.skipif(importlib.util.find_spec("h5py") is not None, reason="h5py is installed")
def test_matlab_73_without_its_library(tmp_path):
    path = trees.ldl_text(tmp_path) / "Twitter_LDL_config.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512))
    with pytest.raises(UserError) as error:
        read("twitter_ldl", tmp_path)
    assert str(error.value) == f"{path}: reading MATLAB 7.3 needs h5py: pip install 'emocal-rl[matlab]'"


def test_a_matlab_file_that_is_none_or_lacks_a_variable(tmp_path):
    from scipy.io import savemat

    path = trees.ldl_text(tmp_path) / "Twitter_LDL_config.mat"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=f"{path}: no readable MATLAB file: "):
        read("twitter_ldl", tmp_path)
    savemat(path, {"vote": np.ones((2, 8))})
    with pytest.raises(UserError, match=f"{path}: no variable imgname, train_ind, test_ind in it"):
        read("twitter_ldl", tmp_path)
    savemat(path, ldl_arrays() | {"test_ind": np.array([[9]])})
    with pytest.raises(UserError, match=f"{path}: test_ind must hold numbers from 1 to 4, got 9 to 9"):
        read("twitter_ldl", tmp_path)


@pytest.mark.parametrize("header", ["image,votes,negative,positive", None])
def test_twitter1_says_when_it_had_to_guess_the_columns(tmp_path, header):
    data = read("twitter1", trees.twitter1(tmp_path, header))
    found = rows(data)
    assert found["pictures/a.jpg"].votes == ((4, 1) if header else (1, 4))
    assert found["pictures/b.jpg"].label == ("negative" if header else "positive")
    assert len(data.notes) == (header is None)


# VECBench and VEC-CoT


def test_vecbenchs_table(tmp_path):
    data = read("vecbench", trees.vecbench(tmp_path))
    assert sizes(data) == {
        "test": 6, "EmoSet-8": 1, "FI-8": 1, "FI-2": 1, "WebEmo-25": 1, "UnbiasedEmo-6": 1, "Abstract-8": 1,
    }  # fmt: skip
    (web,), (unbiased,) = data.split("WebEmo-25"), data.split("UnbiasedEmo-6")
    assert (web.label, web.aliases["cheerfulness"]) == ("cheerfullness", "cheerfullness")
    assert unbiased.candidates == PARROTT
    assert data.split("FI-2")[0].cluster == data.split("FI-8")[0].cluster == "images/fi/2.jpg"
    assert data.split("Abstract-8")[0].label == "contentment"
    assert [note.partition(",")[0] for note in data.notes] == ["1 rows of other tasks are left out"]


def test_vecbenchs_table_with_a_label_of_another_task(tmp_path):
    table = trees.vecbench(tmp_path) / "VECBench/test_metadata.csv"
    table.write_text(table.read_text().replace("negative", "awe"))
    with pytest.raises(UserError) as error:
        read("vecbench", tmp_path)
    assert str(error.value) == f"{table}:4: 'awe' is no label of polarity; choose from positive, negative"


def test_vecbenchs_table_without_a_column(tmp_path):
    table = trees.lines(trees.vecbench(tmp_path) / "VECBench/test_metadata.csv", ["task,split,path,label"])
    with pytest.raises(UserError, match=f"{table}:1: no column image_path; it has task, split, path, label"):
        read("vecbench", tmp_path)


def test_the_test_file_of_vecbenchs_evaluation_code(tmp_path):
    picture = trees.picture(tmp_path / "images/1.jpg")
    content = [{"type": "image", "image": str(picture)}, {"type": "text", "text": "Which emotion?"}]
    row = {"task": "FI-8", "ground_truth": "awe", "candidates": list(MIKELS)}
    row["conversations"] = [{"role": "user", "content": content}]
    trees.jsonl(tmp_path / "input_data/test_8k.jsonl", [row])
    data = read("vecbench", tmp_path)
    (found,) = data.split("FI-8")
    assert (found.label, found.image.size, found.prompt) == ("awe", (9, 7), "")
    assert read("vecbench", tmp_path, given_prompts=True).split("FI-8")[0].prompt == "Which emotion?"


def test_vec_cot(tmp_path):
    data = read("vec_cot", trees.vec_cot(tmp_path))
    assert {name: n for name, n in sizes(data).items() if name in (*STAGES, "test")} == {
        "stage_one": 2, "stage_two": 2, "stage_three": 1, "test": 6,
    }  # fmt: skip
    one, two, three = (data.split(stage)[0] for stage in STAGES)
    assert (one.label, one.confidence, two.confidence, three.label) == ("awe", None, 0.85, "fear")
    assert dict(one.parts) == {
        "element": "a dog", "human": "no people", "context": "a beach", "interaction": "it runs",
        "analysis": "this is awe",
    }  # fmt: skip
    assert (one.candidates, one.image.size, three.image.size) == (MIKELS, (9, 7), (9, 7))
    assert one.question == "Which emotion does this image evoke in the people who look at it?"


def test_vec_cots_rows_write_their_own_completion(tmp_path):
    from emocal_rl.rewards import FORMATS
    from emocal_rl.train.examples import reasoning

    row = read("vec_cot", trees.vec_cot(tmp_path)).split("stage_two")[0]
    text = FORMATS["emocaliber"].write(reasoning(row, row.label), row.label, row.confidence)
    written, given = "".join(text.split()), "".join(THINK.format("awe", "awe").split())
    assert written == f"{given}<confidence>0.85</confidence>"


def test_vec_cots_own_prompts(tmp_path):
    from emocal_rl.data.prompts import question
    from emocal_rl.rewards import FORMATS

    row = read("vec_cot", trees.vec_cot(tmp_path), given_prompts=True).split("stage_one")[0]
    assert question(row, FORMATS["emocaliber"]).startswith(
        "Which emotion might this image evoke? Choose the most likely"
    )


def test_vec_cot_says_what_it_lacks(tmp_path):
    trees.vec_cot(tmp_path)
    (tmp_path / "VECBench/test_metadata.csv").unlink()
    (tmp_path / "VEC-CoT/stage3_14k.jsonl").unlink()
    data = read("vec_cot", tmp_path)
    assert list(data.splits) == ["stage_one", "stage_two"]
    assert len(data.notes) == 2


# All of them


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("emoji", "vader")])
def test_every_data_set_says_where_it_looked_and_for_what(tmp_path, name):
    with pytest.raises(UserError, match=f"^data {name}: say where the pictures are \\(data.root, or --root DIR\\): "):
        load(Data(name=name))
    with pytest.raises(UserError, match=f"^data {name}: {tmp_path}/no is no folder; data.root must be one with "):
        read(name, tmp_path / "no")
    with pytest.raises(UserError, match=f"^data {name}: {tmp_path} is not laid out as expected: .*; expected "):
        read(name, tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_a_number_of_classes_that_is_not_offered(tmp_path, name):
    with pytest.raises(UserError, match=f"^data.classes: {name} has .*, not 5$"):
        read(name, tmp_path, classes=5)


def test_ids_that_are_to_be_left_out(tmp_path):
    trees.emoset(tmp_path)
    path = trees.lines(tmp_path / "bad.txt", ["image/awe/awe_train001.jpg"])
    assert len(read("emoset", tmp_path, exclude=str(path)).split("train")) == 15
    with pytest.raises(UserError, match="data.exclude: .*none.txt cannot be read"):
        read("emoset", tmp_path, exclude=str(tmp_path / "none.txt"))


def test_nothing_is_decoded_before_it_is_looked_at(tmp_path, monkeypatch):
    opened = []
    original = Image.open
    monkeypatch.setattr(Image, "open", lambda path, *args: opened.append(path) or original(path, *args))
    data = read("emoset", trees.emoset(tmp_path))
    assert opened == []
    assert data.split("train")[3].image.size == (9, 7)
    assert len(opened) == 1


def test_labels_of_another_taxonomy_count_as_answers_where_the_recipe_says_so(tmp_path):
    from emocal_rl.rewards import Reward

    trees.folders(tmp_path, [f"{label}/x" for label in PARROTT], 1, "images")
    reward = Reward({"correct": 1.0}, format="rlcr_short", grader="votes")
    said = reward.format.write({"think": "x"}, "contentment", 0.5)
    scores = {}
    for accept in ([], ["mikels8"]):
        (row,) = [r for r in read("unbiasedemo", tmp_path, accept=accept).split("test") if r.label == "joy"]
        scores[len(accept)] = reward([said], [row.target()])[0].correct
    assert scores[1] == 1.0
    assert scores[0] != 1.0
