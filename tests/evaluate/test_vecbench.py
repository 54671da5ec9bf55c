"""VECBench: the published table's arithmetic, every quirk of EmoCaliber's evaluator, and what we do instead."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from emocal_rl.data.taxonomy import TAXONOMIES
from emocal_rl.data.vecbench import TASKS
from emocal_rl.errors import UserError
from emocal_rl.evaluate import vecbench as reading
from emocal_rl.evaluate.vecbench import GROUP_OF, GROUPS, ROWS, Item, read_items
from emocal_rl.evaluate.vecbench_legacy import extract, half_open_ece, legacy_table, overall_prediction, prediction
from emocal_rl.evaluate.vecbench_report import lines, page, vecbench

MIKELS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")
PUBLISHED = {  # accuracy in percent and rows, as the EmoCaliber repository prints them
    "EmoSet-8": (68.10, 1000), "FI-8": (69.70, 1000), "WebEmo-7": (54.00, 1000), "WebEmo-25": (28.28, 997),
    "FI-2": (88.10, 1000), "WebEmo-2": (75.80, 1000), "UnbiasedEmo-6": (79.90, 1000), "Abstract-8": (29.26, 229),
    "Artphoto-8": (41.94, 806),
}  # fmt: skip
POOLED = {"ID VSA": 81.95, "ID VER": 55.04, "OOD VER": 59.16}
PAPER = {"ID VSA": 81.95, "ID VER": 55.03, "OOD VER": 50.37}
OVERALL, TAKEN_IN = 61.35, 115  # 115 right rows whose reasoning names another label first: 4928 of 8032 instead of 5043


def said(answer: str, confidence: object = 0.5, reasoning: str = "a scene") -> str:
    return f"<think>{reasoning}</think><answer>{answer}</answer><confidence>{confidence}</confidence>"


def item(response: str | None = None, truth: str = "fear", task: str = "FI-8", names: tuple[str, ...] = MIKELS) -> Item:
    return Item("1", task, truth, names, response if response is not None else said(truth))


def published_items() -> list[Item]:
    items, misled = [], TAKEN_IN
    for task, (accuracy, n) in PUBLISHED.items():
        right = round(accuracy * n / 100)
        for k in range(n):
            reasoning = "not awe at all" if k < right and misled > 0 else "a scene"
            misled -= reasoning != "a scene"
            answer = "fear" if k < right else "sadness"
            items.append(Item(f"{task}/{k}", task, "fear", MIKELS, said(answer, 0.05 + 0.1 * (k % 10), reasoning)))
    return items


def test_the_published_tables_arithmetic() -> None:
    result = vecbench(published_items(), resamples=0)
    for task, (accuracy, n) in PUBLISHED.items():
        assert 100 * result.ours.tasks[task].metrics["accuracy"].value == pytest.approx(accuracy, abs=0.006)
        assert result.ours.tasks[task].n == n == result.legacy.tasks[task].n
    for group, value in POOLED.items():
        assert 100 * result.ours.groups[group].metrics["accuracy"].value == pytest.approx(value, abs=0.006)
        assert 100 * (result.legacy.groups[group].accuracy or 0) == pytest.approx(value, abs=0.006)
        assert 100 * (result.ours.groups[group].subtask_mean or 0) == pytest.approx(PAPER[group], abs=0.011)
    assert 100 * (result.legacy.overall or 0) == pytest.approx(OVERALL, abs=0.006)
    assert 100 * result.ours.overall.metrics["accuracy"].value == pytest.approx(62.79, abs=0.006)
    [difference] = [d for d in result.differences if "their Overall" in d.what]
    assert difference.count == TAKEN_IN
    assert result.notes == ("WebEmo-25: 997 of 1000 rows",)


def test_tasks_and_groups_are_whole() -> None:
    assert sum(ROWS.values()) == 8035
    assert set(GROUP_OF) == set(ROWS)
    assert {name: sum(ROWS[t] for t in tasks) for name, tasks in GROUPS.items()} == {
        "ID VER": 4000, "ID VSA": 2000, "OOD VER": 2035,
    }  # fmt: skip


def test_tasks_have_as_many_labels_as_their_names_say() -> None:
    assert TASKS.keys() == ROWS.keys()
    assert all(len(TAXONOMIES[name].labels) == int(task.rpartition("-")[2]) for task, name in TASKS.items())


@pytest.mark.parametrize(
    ("response", "names", "theirs", "overall"),
    [
        (said("enjoyment"), ("joy", "enjoyment"), "joy", "joy"),
        (said("enjoyment"), ("enjoyment", "joy"), "enjoyment", "enjoyment"),
        (said("the danger evokes fear"), ("anger", "fear"), "anger", "anger"),
        (said("sadness, anger"), ("anger", "sadness"), "anger", "anger"),
        (said("sadness", reasoning="could be anger"), ("anger", "sadness"), "sadness", "anger"),
        (said("SADNESS"), ("anger", "sadness"), "sadness", "sadness"),
        (said("sadness"), ("Anger", "Sadness"), "sadness", "unknown"),  # capitals: right in tasks, lost overall
        ("<think>anger?</think><answer>\nsadness</answer>", ("anger", "sadness"), "anger", "anger"),  # line break
        ("<think>anger?</think><answer></answer>", ("anger", "sadness"), "anger", "anger"),
        ("I feel sadness", ("anger", "sadness"), "sadness", "sadness"),
        (said("boredom"), ("anger", "sadness"), "unknown", "unknown"),
    ],
)
def test_their_two_rules_of_reading_an_answer(response: str, names: tuple[str, ...], theirs: str, overall: str) -> None:
    one = item(response, names=names)
    assert (prediction(one), overall_prediction(one)) == (theirs, overall)


def test_their_confidence() -> None:
    texts = ["{0.8}", "90%", "high", "", "95", "-0.5", "nan", "0.7\n"]
    items = [item(said("fear", text)) for text in texts] + [item("<answer>fear</answer>")]
    kept, confidences, dropped = extract(items)
    assert [items.index(x) for x in dropped] == [1, 2, 3]
    assert confidences == [0.8, 95.0, -0.5, pytest.approx(math.nan, nan_ok=True), None, None]
    first_wins = item(said("fear", 0.2) + "<confidence>0.9</confidence>")
    assert extract([first_wins])[1] == [0.2]
    assert len(kept) == 6


def test_their_ece_drops_certainty_and_moves_three_values() -> None:
    assert half_open_ece(np.ones(10), np.array([1.0, 0.0] * 5)) == 0.0
    c, y = np.r_[np.full(50, 0.9), np.full(50, 0.95)], np.r_[np.ones(50), np.zeros(50)]
    assert half_open_ece(c, y) == pytest.approx(0.425)
    # .3 belongs to [.3, .4) with .35, but lies below the floating-point edge: alone in [.2, .3)
    assert half_open_ece(np.array([0.3, 0.35]), np.array([1.0, 0.0])) == pytest.approx((0.7 + 0.35) / 2)


def test_their_group_numbers_are_over_different_rows() -> None:
    stated = [item(said("fear", 0.8 + k / 100)) for k in range(5)] + [item(said("awe", 0.2))]
    silent = [item("<answer>awe</answer>")] * 4
    row = legacy_table(stated + silent).groups["ID VER"]
    y, c = np.array([1.0] * 5 + [0.0]), np.array([0.8, 0.81, 0.82, 0.83, 0.84, 0.2])
    assert (row.n, row.accuracy) == (10, pytest.approx(5 / 6))
    answers = ["fear"] * 5 + ["awe"] * 5
    assert row.f1 == pytest.approx(f1_score(["fear"] * 10, answers, average="weighted"))
    assert (row.auroc, row.brier) == (roc_auc_score(y, c), pytest.approx(((c - y) ** 2).mean()))


def test_their_undefined_cases() -> None:
    one_class = legacy_table([item(said("fear", 0.8))] * 3).groups["ID VER"]
    assert (one_class.accuracy, one_class.ece, one_class.brier, one_class.auroc) == (1.0, None, None, None)
    silent = legacy_table([item("<answer>fear</answer>")] * 3).groups["ID VER"]
    assert (silent.crashes, silent.accuracy, silent.f1, silent.n) == (True, None, 1.0, 3)
    lost = legacy_table([item(said("fear", "nan")), item(said("awe", 0.5))]).groups["ID VER"]
    assert math.isnan(lost.brier or 0)
    assert lost.ece == pytest.approx(0.25)  # the row without a number is in the denominator only
    nothing = legacy_table([item(said("fear", "high"))])
    assert (nothing.tasks, nothing.groups, nothing.overall, nothing.thresholds) == ({}, {}, None, ())
    assert nothing.merged["FI-8"].accuracy == 1.0  # the accuracy report still has it


def test_their_thresholds_call_nothing_wrong_answers() -> None:
    found = legacy_table([item(said("fear", 0.55)), item(said("awe", 0.25)), item("<answer>fear</answer>")]).thresholds
    assert [row[0] for row in found] == [k / 10 for k in range(1, 10)]
    assert found[1][1:] == (0.5, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert found[4][1:] == (1.0, 1.0, pytest.approx(1 / 3))
    assert found[8][1:] == (0.0, 0.0, 0.0)


def test_ours_counts_every_row_and_says_what_differs() -> None:
    items = [
        item(said("fear", 0.8)), item(said("fear", 1.0)), item(said("awe", 1.0)), item(said("fear", 0.3)),
        item(said("fear", "90%")), item("<answer>fear</answer>"), item(said("awesome", 0.5), truth="awe"),
        item(said("fear", 95)), Item("9", "FI-8", "fear", MIKELS, None),
        item(said("cheerfulness", 0.6), "cheerfullness", "WebEmo-25", ("cheerfullness", "rage")),
    ]  # fmt: skip
    result = vecbench(items, resamples=0)
    row = result.ours.tasks["FI-8"]
    assert (row.n, row.metrics["accuracy"].value) == (9, pytest.approx(6 / 9))
    assert row.metrics["brier"].n == 5  # a readable answer without a usable confidence is right, and states nothing
    assert row.metrics["brier"].value == pytest.approx((0.04 + 0 + 1 + 0.49 + 0.25) / 5)
    assert row.metrics["parse_rate"].value == pytest.approx(4 / 9)
    found = {d.what.split(":")[0].split(",")[0]: d.count for d in result.differences}
    assert found == {
        "rows without a response": 1,
        "rows theirs drops altogether": 1,
        "rows without a confidence tag": 1,
        "rows stating 1.0 or more": 3,
        "rows stating a number outside [0": 1,
        "rows whose confidence lands in another bin (left-closed": 2,
        "answers right by their substring rule and wrong for ours": 1,
        "answers wrong by their substring rule and right for ours": 1,
        "of those": 1,
    }
    strict = vecbench(items, form="emocaliber", resamples=0)
    assert strict.ours.tasks["FI-8"].metrics["parse_rate"].value == 0.0  # none writes the five parts


def test_all_their_files_and_ours_are_read(tmp_path: Path) -> None:
    question = {"task": "UnbaisedEmo-6", "ground_truth": "fear", "candidates": ["joy", "fear"], "conversations": []}
    merged = tmp_path / "merged.jsonl"
    merged.write_text("\n".join(json.dumps(question | {"response": said("fear", c)}) for c in (0.2, 0.9)))
    items, odd = read_items(merged)
    assert ([i.task for i in items], odd) == (["UnbiasedEmo-6"] * 2, {})
    merged.write_text(json.dumps(question | {"response": said("fear", 0.9), "confidence": None}))
    assert extract(read_items(merged)[0])[1] == [None]  # what their extraction wrote wins
    follow_up = tmp_path / "Std-VECBench.json"
    inner = {"task": "FI-8", "candidates": list(MIKELS)}
    one = {
        "image_path": "x.jpg",
        "prompt": "?",
        "ground_truth": "awe",
        "other_info": inner,
        "generations": [said("awe")],
    }
    follow_up.write_text(json.dumps({"a": one}))
    assert read_items(follow_up)[0] == [Item("a", "FI-8", "awe", MIKELS, said("awe"))]
    asked, ours = tmp_path / "test_8k.jsonl", tmp_path / "completions.jsonl"
    asked.write_text("\n".join(json.dumps(question | {"id": k}) for k in range(3)))
    ours.write_text("\n".join(json.dumps({"id": str(k), "status": "ok", "text": said("fear", 0.9)}) for k in (2, 0)))
    items, odd = read_items(ours, asked)
    assert [i.response is not None for i in items] == [True, False, True]
    assert odd == {reading.UNASKED: 1, reading.NO_RESPONSE: 1}
    asked.write_text("\n".join(json.dumps(question) for _ in range(2)))  # without ids: by position
    assert len([i for i in read_items(ours, asked)[0] if i.response]) == 2


def test_broken_rows_are_counted_and_named(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    good = {"task": "FI-8", "ground_truth": "fear", "candidates": list(MIKELS), "response": said("fear"), "id": 1}
    failed = {"original_data": {k: v for k, v in good.items() if k != "response"}, "error": "out of memory"}
    broken = [{**good, "task": "MNIST"}, {**good, "ground_truth": None}, {**good, "candidates": []}, failed]
    file.write_text("\n".join([*(json.dumps(x) for x in [good, *broken]), '{"torn']))
    items, odd = read_items(file)
    assert len(items) == 2
    torn = f"{reading.NOT_JSON}: {file}:6: not a line of JSON: Unterminated string starting at"
    named = {torn: 1, reading.OTHER_TASK: 1, reading.NO_TRUTH: 2, reading.NO_RESPONSE: 1}
    assert odd == named | {reading.REPEATED: 1}
    assert vecbench(items, odd, resamples=0).notes[0] == f"1 {torn}"


def test_foreign_labels_and_mixed_taxonomies_are_counted_and_named(tmp_path: Path) -> None:
    file = tmp_path / "m.jsonl"
    row = {"task": "FI-2", "ground_truth": "positive", "candidates": ["positive", "negative"], "response": "x"}
    rows = [row, {**row, "ground_truth": "neutral"}, {**row, "candidates": ["positive", "neutral"]}]
    file.write_text("\n".join(json.dumps({"id": i, **x}) for i, x in enumerate(rows)))
    items, odd = read_items(file)
    assert len(items) == 3
    assert odd == {reading.STRANGER: 1, reading.MIXED: 2}


@pytest.mark.parametrize(
    ("content", "questions", "said_of_it"),
    [
        ("", None, "no VECBench row in it: the file is empty"),
        ('{"task": "MNIST"}', None, "no VECBench row in it: 1 rows of tasks that are not VECBench's"),
        ('{"text": "x"}', '{"task": "FI-8"}\n{"task": "FI-8"}', "1 completions for 2 questions, and no ids in common"),
    ],
)
def test_files_that_cannot_be_used_are_one_line(
    tmp_path: Path, content: str, questions: str | None, said_of_it: str
) -> None:
    (tmp_path / "c.jsonl").write_text(content)
    (tmp_path / "q.jsonl").write_text(questions or "")
    with pytest.raises(UserError) as problem:
        read_items(tmp_path / "c.jsonl", tmp_path / "q.jsonl" if questions else None)
    assert said_of_it in str(problem.value)
    assert "\n" not in str(problem.value)


def test_the_command_shows_both_and_writes_a_page(tmp_path: Path, cli: Callable[..., Any]) -> None:
    items = published_items()[::40]
    file = tmp_path / "merged.jsonl"
    rows = [
        {"task": i.task, "ground_truth": i.truth, "candidates": i.candidates, "response": i.response} for i in items
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    done = cli("score", str(file), "--vecbench", "--resamples", "50", "--out", str(tmp_path / "out"))
    assert done.code == 0
    assert [line.split()[0] for line in done.out.splitlines() if line.startswith(tuple(ROWS))] == list(ROWS)
    numbers = json.loads((tmp_path / "out" / "vecbench.json").read_text())
    assert numbers["ours"]["groups"]["ID VER"]["metrics"]["accuracy"]["low"] is not None
    assert "theirs" in (tmp_path / "out" / "vecbench.html").read_text()
    assert cli("score", str(file), "brier=1", "--vecbench").err.startswith("error: score: --vecbench has its own rules")
    assert cli("score", str(file), "--questions", str(file)).err.startswith("error: score: --questions goes with")


def test_the_page_escapes_what_models_write() -> None:
    hostile = Item("<script>alert(1)</script>", "FI-8", "fear", MIKELS, said("awesome", 1.0))
    result = vecbench([hostile], resamples=0)
    assert "<script>" not in page(result)
    assert any("<script>" in line for line in lines(result))


def test_without_a_format_the_command_reads_the_first_closed_tags(tmp_path: Path, cli: Callable[..., Any]) -> None:
    file = tmp_path / "merged.jsonl"
    row = {"task": "FI-8", "ground_truth": "fear", "candidates": MIKELS, "response": said("fear", 0.9)}
    file.write_text(json.dumps(row))
    for options, share in (((), 1.0), (("--format", "emocaliber"), 0.0)):
        out = tmp_path / f"out{len(options)}"
        assert cli("score", str(file), "--vecbench", "--resamples", "2", "--out", str(out), *options).code == 0
        numbers = json.loads((out / "vecbench.json").read_text())
        assert numbers["ours"]["overall"]["metrics"]["parse_rate"]["value"] == share


def test_what_is_no_row_of_a_json_file_is_counted(tmp_path: Path) -> None:
    good = {"task": "FI-8", "ground_truth": "fear", "candidates": MIKELS, "response": said("fear")}
    (tmp_path / "c.json").write_text(json.dumps({"1": good, "2": "oops", "3": 7}))
    items, odd = read_items(tmp_path / "c.json")
    assert ([each.id for each in items], odd[reading.NOT_JSON]) == (["1"], 2)
    (tmp_path / "d.json").write_text("7")
    with pytest.raises(UserError, match="no VECBench row in it"):
        read_items(tmp_path / "d.json")
