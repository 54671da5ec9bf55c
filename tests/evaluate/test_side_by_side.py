"""Evaluations without a stage before, against each other on the rows they share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import write_run

from emocal_rl.errors import UserError
from emocal_rl.evaluate.compare import mcnemar
from emocal_rl.evaluate.comparison import compare_runs, comparison_lines


def evaluation(
    path: Path, seed: int = 0, gain: float = 1.0, rows: int = 120, splits: tuple[str, ...] = ("a", "b")
) -> Path:
    """One stage's records, as `eval` leaves them."""
    return write_run(path, seed=seed, gain=gain, rows=rows, splits=splits, stages=("grpo_brier",))


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    for file in (path / "records").glob("*.jsonl"):
        rows = [change(json.loads(line)) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_evaluations_are_compared_with_paired_tests(tmp_path: Path, cli: Callable[..., Any]) -> None:
    one, two = evaluation(tmp_path / "x" / "eval", 0, gain=0.0), evaluation(tmp_path / "y" / "eval", 1, gain=1.0)
    found = compare_runs([one, two], tmp_path / "out", resamples=200)
    assert json.loads((tmp_path / "out" / "comparison.json").read_text()) == json.loads(json.dumps(found))
    split = found["splits"]["a"]
    assert list(split["systems"]) == ["x/eval", "y/eval", "Bayes bound"]
    brier = split["contrasts"]["y/eval"]["differences"]["brier"]
    values = [split["systems"][name]["metrics"]["brier"]["value"] for name in ("x/eval", "y/eval")]
    assert brier["value"] == pytest.approx(values[1] - values[0])
    assert (brier["better"], brier["p"] < 0.01) == (True, True)
    assert split["contrasts"]["y/eval"]["mcnemar_p"] is None  # annotator shares are not right or wrong
    assert found["headline"].startswith("A, y/eval instead of x/eval: Brier 0.")
    html = (tmp_path / "out" / "comparison.html").read_text()
    assert html.count("<img ") == 2
    assert "y/eval against x/eval" in html
    assert len(comparison_lines(found)) == 2 + 1 + 2 * 3
    done = cli("report", str(one), str(two), "--out", str(tmp_path / "again"))
    assert (done.code, done.err) == (0, "")
    assert "y/eval instead of x/eval" in done.out


def test_hard_answers_of_independent_rows_have_mcnemar_and_the_same_answers_delong(tmp_path: Path) -> None:
    def hard(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "votes": None, "cluster": row["id"], "correct": float(row["correct"] >= 0.5), "fault": None,
                "confidence": row["confidence"] or 0.5}  # fmt: skip

    one, two, three = (evaluation(tmp_path / name, seed, splits=("a",)) for seed, name in enumerate("xyz"))
    for path in (one, two, three):
        rewrite(path, hard)
    answers = [json.loads(line) for line in next((one / "records").glob("*")).read_text().splitlines()]
    stated = {row["id"]: row["correct"] for row in answers}
    rewrite(three, lambda row: {**row, "correct": stated[row["id"]]})
    contrasts = compare_runs([one, two, three], tmp_path / "out", resamples=100)["splits"]["a"]["contrasts"]
    other = [json.loads(line)["correct"] for line in next((two / "records").glob("*")).read_text().splitlines()]
    assert contrasts["y"]["mcnemar_p"] == pytest.approx(mcnemar(list(stated.values()), other))
    assert contrasts["y"]["delong_p"] is None
    assert contrasts["z"]["mcnemar_p"] == 1.0
    assert 0 <= contrasts["z"]["delong_p"] <= 1
    assert "McNemar, accuracy: p = " in (tmp_path / "out" / "comparison.html").read_text()


def test_evaluations_without_common_rows_are_one_clear_line(tmp_path: Path) -> None:
    one, two = evaluation(tmp_path / "x", splits=("a",)), evaluation(tmp_path / "y", splits=("b",))
    with pytest.raises(UserError, match="these evaluations share no rows; evaluate them on the same data and splits"):
        compare_runs([one, two], tmp_path / "out", resamples=10)


def test_the_bound_is_left_out_where_a_label_judged_one_of_them(tmp_path: Path) -> None:
    one, two = evaluation(tmp_path / "x", 0, splits=("a",)), evaluation(tmp_path / "y", 1, splits=("a",))
    rewrite(two, lambda row: {**row, "correct": float(row["answer"] == row["label"])})
    found = compare_runs([one, two], tmp_path / "out", resamples=50)
    assert list(found["splits"]["a"]["systems"]) == ["x", "y"]
