from __future__ import annotations

import json
from pathlib import Path

import pytest

from emocal_rl.errors import UserError
from emocal_rl.evaluate.run_files import read_run


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "not a run directory (no run.json in it)"),
        ("{", "not valid JSON"),
        ("[]", "expected a JSON object, found list"),
        ("{}", "no evaluation records in"),
    ],
)
def test_a_directory_without_a_run_is_one_clear_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError) as problem:
        read_run(tmp_path)
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_stage_names_may_hold_dashes(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "run.json").write_text(json.dumps({"stages": [{"name": "warm-up"}, {"name": "rl"}]}))
    for name in ("warm-up-unseen_style", "rl-unseen_style", "other-thing-validation"):
        (tmp_path / "records" / f"{name}.jsonl").write_text(json.dumps({"id": "a"}))
    run = read_run(tmp_path)
    assert set(run.records) == {("warm-up", "unseen_style"), ("rl", "unseen_style"), ("other-thing", "validation")}
    assert run.splits == ["validation", "unseen_style"]


def test_the_recipe_is_read_as_recipes_are(tmp_path: Path) -> None:
    """`no` is a text here (Norwegian), and the split that recalibration is fitted on."""
    (tmp_path / "records").mkdir()
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "recipe.yaml").write_text("evaluation: {splits: [no, de]}")
    for split in ("no", "de"):
        (tmp_path / "records" / f"m-{split}.jsonl").write_text(json.dumps({"id": "a"}))
    assert read_run(tmp_path).fit_split == "no"
