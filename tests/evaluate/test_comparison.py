"""Several runs: pooled over seeds, variants named by what differs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import write_run

from emocal_rl.errors import UserError
from emocal_rl.evaluate.comparison import compare_runs, comparison_lines
from emocal_rl.evaluate.seeds import variants


def test_seeds_are_pooled_and_variants_contrasted(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"seed{s}", seed=s, rows=120) for s in range(3)]
    runs += [write_run(tmp_path / f"group{s}", seed=s, rows=120, gain=0.1, scale_rewards="group") for s in range(2)]
    found = compare_runs(runs, tmp_path / "out", resamples=300)
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == json.loads(json.dumps(found))
    split = found["splits"]["unseen_style"]
    assert list(split["variants"]) == ["trainer.scale_rewards=none", "trainer.scale_rewards=group"]
    good = split["variants"]["trainer.scale_rewards=none"]
    change = good["after minus before"]["brier"]
    by_run = [split["runs"][f"seed{s}"]["differences"]["brier"]["value"] for s in range(3)]
    assert change["value"] == pytest.approx(sum(by_run) / 3)
    assert (change["better"], change["better_runs"], change["runs"]) == (True, 3, 3)
    assert change["low"] < min(by_run) or change["low"] < change["value"] < change["high"] < 0
    assert good["after minus before+constant"]["auroc"]["better"] is True
    assert 0.3 < good["bayes_gap_closed"]["value"] < 1
    contrast = split["contrasts"]["trainer.scale_rewards=group"]
    assert contrast["brier"]["better"] is False
    assert contrast["overconfidence"]["low"] > 0.05
    assert found["headline"].startswith("trainer.scale_rewards=none, 3 runs: Brier 0.")
    assert "better in 3 of 3" in found["headline"]
    assert "validation" not in found["splits"]
    html = (tmp_path / "out" / "comparison.html").read_text()
    assert html.count("<img ") == 3
    assert "http" not in html.replace("http-equiv", "")
    lines = comparison_lines(found)
    assert len(lines) == 2 + 2 * 3


def test_a_comparison_is_written_over_nothing(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("emocal_rl.evaluate.report.compare_runs", lambda runs, out: Path(out).mkdir(parents=True))
    monkeypatch.setattr("emocal_rl.evaluate.report.comparison_lines", lambda found: ["compared"])
    runs = [str(write_run(tmp_path / f"s{s}", seed=s, rows=4, splits=("unseen_style",))) for s in range(2)]
    for folder in ("runs/comparison", "runs/comparison-2", "runs/comparison-3"):
        assert cli("report", *runs).out == f"compared\nreport: {folder}/comparison.html\n"
    Path("mine").mkdir()
    Path("mine/notes").write_text("mine")
    done = cli("report", *runs, "--out", "mine")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: report: mine exists already; choose another --out, or remove it\n"


def test_same_recipe_is_one_variant_named_after_it(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"s{s}", seed=s, rows=40, splits=("unseen_style",)) for s in range(2)]
    found = compare_runs(runs, tmp_path / "out", resamples=50)
    split = found["splits"]["unseen_style"]
    assert list(split["variants"]) == ["grpo_brier"]
    assert split["contrasts"] == {}
    assert "before+constant" not in split["variants"]["grpo_brier"]  # nothing to fit on


def test_variants_are_named_by_what_differs() -> None:
    recipes = [{"seed": 0, "warm_start": [{"trainer": {"max_steps": n}}], "b": b} for n, b in ((1, "x"), (2, "x"))]
    assert variants(recipes) == ["warm_start.0.trainer.max_steps=1", "warm_start.0.trainer.max_steps=2"]
    assert variants([{"a": 1}, {}]) == ["a=1", "default"]


def test_what_cannot_be_compared_is_one_clear_line(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", rows=20, splits=("unseen_style",))
    other = write_run(tmp_path / "other", rows=20, splits=("unseen_emoji",))
    with pytest.raises(UserError, match="at least two different run directories"):
        compare_runs([one, one], tmp_path / "out")
    with pytest.raises(UserError, match="share no evaluated rows with a stage before and after"):
        compare_runs([one, other], tmp_path / "out")


def test_no_gap_to_a_bound_that_did_not_judge_the_answers(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / f"s{s}", seed=s, rows=60, splits=("unseen_style",)) for s in range(2)]
    for file in (path for run in runs for path in (run / "records").glob("*.jsonl")):
        rows = [json.loads(x) for x in file.read_text().splitlines()]
        rows = [row | {"correct": float(row["answer"] == row["label"])} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = compare_runs(runs, tmp_path / "out", resamples=100)
    variant = found["splits"]["unseen_style"]["variants"]["grpo_brier"]
    assert "bayes" not in variant
    assert variant["bayes_gap_closed"]["value"] is None
    assert "Bayes" not in " ".join([found["headline"], *found["splits"]["unseen_style"]["findings"]])
