"""Stated distributions against votes: by hand, in `score`, and in reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import write_run

from emocal_rl.evaluate.distributions import DEFINITIONS, distances, mean_interval, metrics_of, truth_of
from emocal_rl.evaluate.labels import label_distribution, multiclass_brier, multiclass_nll, ranked_probability
from emocal_rl.evaluate.records import read_records
from emocal_rl.evaluate.report import write_report

NAMES = ["negative", "neutral", "positive"]


def test_every_number_is_that_of_the_plain_function() -> None:
    rng = np.random.default_rng(0)
    p, votes = rng.dirichlet(np.ones(3), 40), rng.multinomial(9, np.ones(3) / 3, 40)
    stated = [dict(zip(NAMES, row, strict=True)) for row in p.tolist()]
    targets = [{"candidates": NAMES, "votes": row} for row in votes.tolist()]
    found = distances(stated, targets)
    assert found is not None
    metrics = metrics_of(found, range(40))
    expected = {"multiclass_brier": multiclass_brier(p, votes), "multiclass_nll": multiclass_nll(p, votes),
                "ranked_probability": ranked_probability(p, votes), **label_distribution(p, votes)}  # fmt: skip
    assert metrics.keys() == DEFINITIONS.keys() == expected.keys() - {"labels"}
    for name, metric in metrics.items():
        assert metric.value == pytest.approx(expected[name])
        assert (metric.low or 0) < metric.value < (metric.high or 0)
        assert (metric.n, metric.definition.endswith("; 3 labels")) == (40, True)


def test_rows_are_matched_by_label_and_what_cannot_be_measured_is_left_out() -> None:
    two = {"candidates": ["a", "b"], "votes": [3, 1]}
    stated = [
        {"b": 0.5, "a": 0.5},  # 0.5, whatever the order
        None,
        {"a": 0.4, "b": 0.4},  # guesses that do not add up to 1
        {"a": 1.0},  # one label is missing
        {"b": 0.2, "a": 0.8, "c": 0.0},
        {"a": 1.0, "b": 0.0},
    ]
    targets = [two, two, two, two, {"candidates": ["a", "b", "c"], "label": "a"}, {"candidates": ["a", "b"]}]
    found = distances(stated, targets)
    assert found is not None
    assert dict(zip(found.rows, found.scores["multiclass_brier"].round(6).tolist(), strict=True)) == {0: 0.5, 4: 0.08}
    assert found.labels == (2, 3)
    assert "; 2 to 3 labels" in metrics_of(found, "abcdef")["clark"].definition
    assert found.bound["multiclass_brier"].round(6).tolist() == [0.375, 0.0]  # 1 - (9 + 1) / 16
    assert distances([None], [two]) is None
    assert truth_of({"label": "a"}) is None


@pytest.mark.parametrize("aliases", [{"glad": "a"}, '{"glad": "a", "none": null}'])
def test_aliases_of_a_label_may_be_json_text(aliases: Any) -> None:
    assert truth_of({"candidates": ["a", "b"], "label": "glad", "aliases": aliases}) == {"a": 1.0, "b": 0.0}


def test_the_interval_covers_and_knows_clusters() -> None:
    rng = np.random.default_rng(1)
    draws = [mean_interval(rng.exponential(size=60), range(60)) for _ in range(400)]
    assert 0.9 < np.mean([low < 1 < high for low, high in draws if low is not None and high is not None]) < 0.98
    x = rng.normal(size=50)
    apart, copied = mean_interval(x, range(50)), mean_interval(np.repeat(x, 4), np.repeat(np.arange(50), 4).tolist())
    assert apart == pytest.approx(copied)  # copies of a row are no news
    assert mean_interval([1.0, 2.0], "aa") == (None, None)


def said(p: float) -> str:
    return f"<think>x</think><distribution>negative: {1 - p:.2f}, positive: {p:.2f}</distribution>"


def test_score_prints_and_writes_them(tmp_path: Path, cli: Callable[..., Any]) -> None:
    lines: list[dict[str, Any]] = [
        {"id": i, "candidates": ["negative", "positive"], "votes": [1, 3], "text": said(p)}
        for i, p in enumerate((0.75, 0.5, 0.25))
    ]
    lines.append({"id": 9, "votes": {"negative": 1, "positive": 0}, "text": ""})
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = cli("score", str(tmp_path / "c.jsonl"), "--format", "distribution", "--out", str(tmp_path))
    assert done.code == 0
    assert "chebyshev distance to the votes; 2 labels" in done.out
    assert "the votes themselves, stated, would have multiclass_brier 0.375" in done.out
    found = json.loads((tmp_path / "metrics.json").read_text())["distributions"]
    assert found["stated"]["chebyshev"]["value"] == pytest.approx((0 + 0.25 + 0.5) / 3)
    assert found["stated"]["multiclass_brier"]["n"] == 3
    assert found["bound"]["multiclass_brier"]["value"] == pytest.approx(0.375)


def test_reports_compare_them_before_and_after(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", rows=60, splits=("unseen_style",), fault_rate=0.0)
    for stage, blur in (("sft_confidence", 0.4), ("grpo_brier", 0.1)):
        file = path / "records" / f"{stage}-unseen_style.jsonl"
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        for row in rows:
            share = row["votes"][1] / 20
            q = share + blur * (0.5 - share)
            row["distribution"] = {"negative": 1 - q, "positive": q}
        rows[0]["distribution"] = {"negative": "much"}
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert list(read_records(file).oddities.values()) == [1]
    numbers = write_report(path, lambda identity: None, resamples=50)
    found = numbers["splits"]["unseen_style"]["distributions"]
    assert list(found) == ["before", "after", "after minus before", "bayes"]
    assert found["after"]["intersection"]["value"] > found["before"]["intersection"]["value"]
    change = found["after minus before"]["multiclass_brier"]
    assert change["value"] == pytest.approx(
        found["after"]["multiclass_brier"]["value"] - found["before"]["multiclass_brier"]["value"]
    )
    assert change["high"] < 0
    assert found["bayes"]["multiclass_brier"]["value"] < found["after"]["multiclass_brier"]["value"]
    html = (path / "report.html").read_text()
    for words in ("<th>stated distribution</th>", "<td>after minus before</td>", "kl(votes || stated)"):
        assert words in html
    assert any("distributions that are no mapping" in note for note in numbers["notes"])
