"""The report of a sweep: contrasts, many at once, flags, learning speed, what it recommends."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from synthetic import write_run

from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.evaluate.comparison import comparison_lines
from emocal_rl.evaluate.contrasts import crossing, holm
from emocal_rl.sweep.advice import advice
from emocal_rl.sweep.evidence import _median, curve, reached, rollouts, threshold
from emocal_rl.sweep.report import report_lines, write_report
from emocal_rl.sweep.spec import Plan, Point

RECIPE = recipes.load("grpo_brier")
REFERENCES = ["before this stage", "constant base rate", "before, isotonic"]
GAINS = {"good": 1.0, "same": 1.0, "poor": 0.0}


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, dict[str, Path], Path, dict[str, Any]]:
    """Two equally good variants, one that learns nothing; three seeds; one point missing, one with an alert."""
    out = tmp_path_factory.mktemp("sweep")
    plan = Plan("demo", "good", [Point(v, s, RECIPE.model_copy(update={"seed": s})) for v in GAINS for s in range(3)])
    splits = ("validation", "unseen_style")
    done = {
        p.name: write_run(
            out / p.name, seed=p.seed + 10 * (p.variant == "same"), rows=120, gain=GAINS[p.variant], splits=splits
        )
        for p in plan.points
        if p.name != "same-1"
    }
    for name, path in done.items():
        info = json.loads((path / "run.json").read_text())
        info["seed"] = int(name[-1])
        info["alerts"] = [{"stage": "grpo_brier", "step": 9, "name": "giving_up", "text": ""}] * (name == "poor-2")
        (path / "run.json").write_text(json.dumps(info))
    return plan, done, out, write_report(plan, done, out, resamples=400)


def test_what_is_demonstrably_worse_is_named_and_the_rest_is_not(swept: Any) -> None:
    _, _, _, numbers = swept
    split = numbers["splits"]["unseen_style"]
    poor, same = (split["variants"][name]["contrast"]["brier"] for name in ("poor", "same"))
    assert (poor["better"], poor["runs"], poor["better_runs"], poor["paired"]) == (False, 3, 0, True)
    assert poor["p_holm"] == pytest.approx(2 * poor["p"])
    assert same["runs"] == 2  # only the seeds that both have
    assert same["p_holm"] > 0.05
    assert numbers["advice"][0].startswith("Keep good: on unseen styles its Brier score is 0.")
    assert any(line.startswith("Demonstrably worse than good: poor +0.") for line in numbers["advice"])
    assert "Not told apart from good by this many seeds and rows: same." in numbers["advice"]
    assert numbers["advice"][-1].startswith("Flags: ")
    assert "wrong on purpose in 1" in numbers["advice"][-1]
    assert numbers["missing"] == ["same-1"]


def test_what_costs_no_training_stands_beside_the_variants(swept: Any) -> None:
    """The baseline's runs before the stage, and recalibrated: contrasts with the baseline the same way round."""
    split = swept[3]["splits"]["unseen_style"]
    assert list(split["references"]) == REFERENCES
    after = split["variants"]["good"]["after"]
    for row in split["references"].values():
        for metric, found in row["contrast"].items():
            assert found["value"] == pytest.approx(row["after"][metric]["value"] - after[metric]["value"])
            assert found["low"] <= found["value"] <= found["high"]
    untrained = split["references"]["before this stage"]["contrast"]["brier"]
    assert untrained["value"] > 0
    assert untrained["better"] is False
    assert split["references"]["constant base rate"]["after"]["auroc"]["value"] == 0.5


def test_files_and_terminal(swept: Any) -> None:
    _, done, out, numbers = swept
    assert json.loads((out / "report.json").read_text()) == json.loads(json.dumps(numbers))
    rows = list(csv.DictReader((out / "points.csv").read_text().splitlines()))
    assert [(row["variant"], row["seed"], row["split"]) for row in rows][:2] == [
        ("good", "0", "unseen_style"),
        ("good", "1", "unseen_style"),
    ]
    assert len(rows) == len(done) == 8
    mean = np.mean([float(row["brier_after"]) for row in rows if row["variant"] == "good"])
    assert mean == pytest.approx(numbers["splits"]["unseen_style"]["variants"]["good"]["after"]["brier"]["value"])
    html = (out / "report.html").read_text()
    assert html.count("<img ") == 1
    assert "1 of 9 points is missing here: same-1." in html
    assert "http" not in html.replace("http-equiv", "")
    lines = report_lines(numbers)
    assert lines[0] == numbers["advice"][0]
    assert [line.split("   ")[0] for line in lines[-4:]] == ["poor", *REFERENCES]
    assert json.loads((out / "figures" / "pareto_unseen_style.json").read_text())["bayes"]["brier"] < 0.25


def test_a_missing_baseline_is_replaced_by_the_first_variant(swept: Any, tmp_path: Path) -> None:
    plan, done, _, _ = swept
    left = {name: path for name, path in done.items() if not name.startswith("good")}
    numbers = write_report(plan, left, tmp_path, resamples=50)
    assert numbers["baseline"] == "same"
    assert len(numbers["missing"]) == 4


def test_learning_speed_by_hand() -> None:
    log = (np.array([64.0, 128.0, 192.0]), np.array([0.30, 0.22, 0.20]))
    assert threshold([log]) == pytest.approx(0.22)  # 80 % of the way from .30 to .20
    assert threshold([(log[0], log[1][::-1])]) is None  # it got worse: there is nothing to reach
    assert reached(log, 0.22) == 128
    assert reached(log, 0.1) is None
    assert _median([128.0, None, 64.0]) == {"rollouts": [128.0, None, 64.0], "reached": 2, "median": 128.0}
    assert _median([128.0, None, None])["median"] is None


def test_rollouts_of_a_step() -> None:
    assert rollouts(RECIPE) == 64
    changes = ["trainer.gradient_accumulation_steps=2", "trainer.num_iterations=4"]
    assert rollouts(recipes.load("grpo_brier", changes)) == 32


def test_curves_count_in_rollouts(tmp_path: Path) -> None:
    path = write_run(tmp_path / "run", rows=4, splits=("unseen_style",))
    seen, values = curve(path, RECIPE)
    assert seen.tolist()[:2] == [64, 128]
    assert values[-1] < values[0]


def test_holm_and_the_p_value_by_hand() -> None:
    # Holm (1979): 4 * .01, 3 * .013, ... never falling
    assert holm({"a": 0.013, "b": 0.01, "c": 0.5, "d": 0.04}) == pytest.approx(
        {"b": 0.04, "a": 0.04, "d": 0.08, "c": 0.5}
    )
    assert crossing(np.array([-1.0] * 1 + [1.0] * 98)) == pytest.approx(2 * 2 / 100)
    assert crossing(np.zeros(10)) == 1.0


def brier(value: float, p: float | None, better: bool | None) -> dict[str, Any]:
    found = {"value": value, "low": value - 0.01, "high": value + 0.01, "p_holm": p, "better": better, "paired": True,
             "runs": 5, "better_runs": 5 if value < 0 else 0}  # fmt: skip
    return {"brier": found, "accuracy": {"value": 0.01, "low": 0.0, "high": 0.02}}


def split_of(**contrasts: Any) -> dict[str, Any]:
    score = {"after": {"brier": {"value": 0.2, "low": 0.19, "high": 0.21}}}
    return {"label": "unseen styles", "contrasts": contrasts, "variants": dict.fromkeys(["base", *contrasts], score)}


def test_a_better_variant_is_recommended_with_its_evidence() -> None:
    split = split_of(a=brier(-0.02, 0.01, True), b=brier(-0.03, 0.004, True), c=brier(-0.09, 0.3, True))
    clean: dict[str, dict[str, int]] = {name: {} for name in ("base", "a", "b", "c")}
    lines = advice(split, "base", clean)
    assert lines == [
        "Train with b: on unseen styles its Brier score is 0.200 [0.190, 0.210], base's 0.200 [0.190, 0.210] "
        "(−0.030 [−0.040, −0.020], Holm p 0.004, in 5 of 5 seeds better); accuracy +1.0 points [0.0, 2.0].",
        "Not told apart from base by this many seeds and rows: c.",
    ]


def test_a_flagged_variant_is_not_recommended() -> None:
    split = split_of(a=brier(-0.02, 0.01, True))
    lines = advice(split, "base", {"base": {}, "a": {"giving_up": 2}})
    assert lines[0].endswith("none is demonstrably better without being flagged.")
    assert lines[1] == "Better than base by the Brier score, but flagged: a (wrong on purpose in 2)."


def test_flagged_variants_keep_the_order_of_the_sweep() -> None:
    names = [f"v{i}" for i in range(8)]
    split = split_of(**{name: brier(-0.02, 0.01, True) for name in names})
    flags: dict[str, dict[str, int]] = {"base": {}, **{name: {"giving_up": 1} for name in names}}
    lines = [line for line in advice(split, "base", flags) if line.startswith("Better than base")]
    assert [line.partition("flagged: ")[2].split()[0] for line in lines] == names


def test_a_sweep_without_a_stage_before_compares_what_was_trained(tmp_path: Path) -> None:
    """As the packaged recipe `rlcr`: one stage from a pretrained model, so nothing is known of before."""
    gains = {"base": 0.0, "good": 1.0}
    plan = Plan("demo", "base", [Point(v, s, RECIPE.model_copy(update={"seed": s})) for v in gains for s in range(3)])
    done = {
        p.name: write_run(tmp_path / p.name, seed=p.seed, rows=120, gain=gains[p.variant], stages=("grpo_brier",),
                          splits=("validation", "unseen_style"))
        for p in plan.points
    }  # fmt: skip
    numbers = write_report(plan, done, tmp_path / "out", resamples=200)
    split = numbers["splits"]["unseen_style"]
    assert split["references"] == {}
    brier = split["variants"]["good"]["contrast"]["brier"]
    assert (brier["better"], brier["better_runs"], brier["paired"]) == (True, 3, True)
    after = {name: variant["after"]["brier"]["value"] for name, variant in split["variants"].items()}
    assert brier["value"] == pytest.approx(after["good"] - after["base"])
    assert numbers["advice"][0].startswith("Train with good: on unseen styles its Brier score is 0.")
    rows = list(csv.DictReader((tmp_path / "out" / "points.csv").read_text().splitlines()))
    assert {row["brier_before"] for row in rows} == {""}
    assert np.mean([float(row["brier_after"]) for row in rows[3:]]) == pytest.approx(after["good"])
    assert "These runs have no stage before the trained one" in (tmp_path / "out" / "report.html").read_text()
    compared = json.loads((tmp_path / "out" / "comparison.json").read_text())
    assert compared["headline"].startswith("base, 3 runs: Brier 0.")
    page = (tmp_path / "out" / "comparison.html").read_text()
    assert "→" not in page
    assert "Circles: runs after training." in page
    assert report_lines(numbers)[-1].startswith("good ")
    assert any("base" in line for line in comparison_lines(compared))


def test_runs_without_a_stage_before_still_need_shared_rows(tmp_path: Path) -> None:
    plan = Plan("demo", "a", [Point(v, 0, RECIPE) for v in "ab"])
    done = {
        p.name: write_run(tmp_path / p.name, rows=9, stages=("grpo_brier",), splits=(p.variant,)) for p in plan.points
    }
    with pytest.raises(UserError, match="these runs share no evaluated rows; evaluate them on the same splits"):
        write_report(plan, done, tmp_path / "out", resamples=20)


@pytest.mark.parametrize("lost", ["ab", "b"])
def test_a_variant_that_cannot_be_read_costs_no_report(tmp_path: Path, lost: str) -> None:
    plan = Plan("demo", "a", [Point(v, s, RECIPE.model_copy(update={"seed": s})) for v in "ab" for s in range(2)])
    done = {
        p.name: write_run(tmp_path / p.name, seed=p.seed, rows=30, stages=("grpo_brier",), splits=("unseen_style",),
                          fault_rate=float(p.variant in lost))
        for p in plan.points
    }  # fmt: skip
    numbers = write_report(plan, done, tmp_path / "out", resamples=50)
    split = numbers["splits"]["unseen_style"]
    assert split["front"] == [name for name in "ab" if name not in lost]
    assert split["variants"]["b"]["after"]["brier"]["value"] is None
    assert split["variants"]["b"]["flags"] == {"unreadable": 2}
    assert numbers["advice"][0].startswith("Keep a: ")
    assert report_lines(numbers)
