"""A published tree through check, train (TRL itself, pictures opened lazily), eval and score, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import data_trees as trees
import pytest
import yaml

SHARED = {
    "evaluation": {"splits": ["test"], "bootstrap": 0},
    "format": "emocaliber",
}
SFT = {"max_steps": 2, "per_device_train_batch_size": 4, "learning_rate": 1e-4}
RL = {"max_steps": 2, "per_device_train_batch_size": 4, "num_generations": 2, "max_completion_length": 24}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """Stage one, then stage three, on the tree."""
    data = {"name": "emoset", "classes": 2, "root": str(trees.emoset(tmp_path / "EmoSet"))}
    one = {"name": "one", "algorithm": "sft", "split": "stage_one", "format": "emocaliber_answer", "trainer": SFT}
    one["augment"] = 1.0
    three = {"name": "three", "algorithm": "grpo", "split": "train", "target": "majority", "trainer": RL}
    three |= {"reward": {"correct": 1.0, "brier": 1.0}, "warm_start": [one], **SHARED, "data": data}
    path = tmp_path / "three.yaml"
    path.write_text(yaml.safe_dump(three))
    return path


def test_check_counts_the_rows_and_says_what_is_odd(cli, recipe):
    (recipe.parent / "EmoSet/image/awe/awe_train001.jpg").unlink()
    done = cli("check", "--recipe", str(recipe))
    assert done.code == 0, done.err
    assert "three: grpo on 15 rows of train" in done.out
    assert "data: 1 pictures that an index names are missing, for example " in done.out


@pytest.mark.slow
def test_train_and_eval_on_a_tree(cli, recipe, tmp_path):
    run = tmp_path / "run"
    (tmp_path / "EmoSet/image/fear/fear_train006.jpg").unlink()
    done = cli("train", "--recipe", str(recipe), "--run-dir", str(run))
    assert done.code == 0, done.err
    records = [json.loads(line) for line in (run / "records/three-test.jsonl").read_text().splitlines()]
    wanted = {f"image/{label}/{label}_test00{i}.jpg" for i, label in enumerate(trees.MIKELS[:4])}
    assert {record["id"] for record in records} == wanted
    assert (run / "report.html").is_file()
    (note,) = json.loads((run / "run.json").read_text())["data"]
    assert note.startswith("1 pictures that an index names are missing, for example ")
    assert f"warning: data: {note}" in done.err

    bench = str(trees.vecbench(tmp_path / "bench"))
    arguments = ["--data", "vecbench", "--root", bench, "--split", "FI-8,FI-2", "--max-new-tokens", "8"]
    done = cli("eval", str(run), *arguments, "--out", str(tmp_path / "out"))
    assert done.code == 0, done.err
    said = tmp_path / "out/completions/FI-8.jsonl"
    assert json.loads(said.read_text())["candidates"] == list(trees.MIKELS)
    done = cli("score", str(said), "--vecbench", "--resamples", "2")  # the split names the task
    assert done.code == 0, done.err
    assert "FI-8" in done.out


@pytest.mark.slow
def test_a_broken_picture_ends_training_with_its_path(cli, recipe, tmp_path):
    for path in (tmp_path / "EmoSet/image").rglob("*_train*.jpg"):
        trees.broken(path)
    done = cli("train", "--recipe", str(recipe), "--run-dir", str(tmp_path / "run"))
    assert done.code == 2
    assert f"error: image {tmp_path}/EmoSet/image/" in done.err
    assert "cannot be read: " in done.err
