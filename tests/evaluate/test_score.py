"""`score`: saved completions of any tool; broken input is counted, named and reported."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synthetic import write_run

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.evaluate import saved as reading
from emocal_rl.evaluate.saved import read_saved
from emocal_rl.evaluate.score import score
from emocal_rl.rewards import Reward


def reply(answer: str = "joy", confidence: object = 0.9) -> str:
    head = f"<think>a smile</think><answer>{answer}</answer>"
    return f"{head}<analysis>clear</analysis><confidence>{confidence}</confidence>"


def row(number: int, text: Any = None, **changes: Any) -> dict[str, Any]:
    line = {
        "id": f"r{number}",
        "candidates": ["joy", "fear"],
        "label": "joy",
        "text": reply() if text is None else text,
    }
    return line | changes


def written(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_numbers_by_hand(tmp_path: Path) -> None:
    # right at .9, wrong at .6, unreadable: accuracy 1/3, Brier of the two (.01 + .36) / 2
    file = written(tmp_path / "c.jsonl", row(1), row(2, reply("fear", 0.6)), row(3, "joy, surely"))
    found = score(read_saved(file), form="rlcr", resamples=50)
    assert found.metrics["accuracy"].value == pytest.approx(1 / 3)
    assert found.metrics["brier"].value == pytest.approx(0.185)
    assert (found.metrics["brier"].n, found.metrics["accuracy"].n) == (2, 3)
    assert found.metrics["parse_rate"].value == pytest.approx(2 / 3)
    assert found.faults == {"no_think": 1}
    # correct + brier: 1 - .01, 0 - .36, and the floor, which is -1
    assert found.means["total"] == pytest.approx((0.99 - 0.36 - 1) / 3)
    assert found.metrics["f1_macro"].value == pytest.approx((2 * 1 / (1 + 3) + 0) / 2)


def test_it_is_the_reward_call_of_training(tmp_path: Path) -> None:
    file = written(tmp_path / "c.jsonl", row(1), row(2, reply("fear", "{0.6}")), row(3, reply("joy", "85%")))
    found = score(read_saved(file), form="rlcr", resamples=0)
    reward = Reward({"correct": 1.0, "brier": 1.0}, format="rlcr", grader="label")
    saved = read_saved(file)
    assert list(found.scored) == reward([r.text for r in saved.rows], [r.target for r in saved.rows])
    assert [s.reply.fault for s in found.scored] == [None, None, "confidence_not_a_number"]


def test_everything_broken_is_counted_and_named(tmp_path: Path) -> None:
    file = written(
        tmp_path / "c.jsonl",
        row(1), row(1, reply("fear")), row(2, reply(confidence="85%")), row(3, reply(confidence="{0.8}")),
        row(4, reply(confidence="nan")), row(5, reply(confidence=1.2)), row(6, ""), row(7, reply("")),
        {"id": "r8", "text": reply()}, {"id": "r9", "candidates": ["joy"], "label": "joy"},
        row(10, label="awe"), row(11, candidates=["joy", "awe"]), row(12, votes=[1, 2, 3]),
        row(13, votes=[1, 2, 3], label=None), {"id": "r14", "status": "error", "error": "timed out"},
        "[1, 2]", "not json", '{"id": "torn", "te',
    )  # fmt: skip
    found = score(read_saved(file), form="rlcr", resamples=20)
    places = ((16, "a list, not an object"), (17, "Expecting value"), (18, "Unterminated string starting at"))
    broken = "; ".join(f"{file}:{number}: not a line of JSON: {why}" for number, why in places)
    assert found.saved.oddities == {
        f"{reading.NOT_JSON}: {broken}": 3, reading.REPEATED: 1, reading.EMPTY: 1, reading.UNGRADED: 1,
        reading.NO_TEXT: 1,
        reading.STRANGER: 1, reading.BAD_VOTES: 2, reading.FAILED: 1, reading.MIXED: 3,
    }  # fmt: skip
    assert found.faults == {
        "no_think": 1, "not_text": 1, "confidence_not_a_number": 2, "confidence_out_of_range": 1, "no_answer": 1,
    }  # fmt: skip
    # 18 lines: 3 no JSON, 1 failed, 1 repeated, 2 without anything to grade against; the others all count
    assert found.metrics["accuracy"].n == 11 == len(found.scored)
    kept = {r.id: s for r, s in zip(found.saved.rows, found.scored, strict=True)}
    assert kept["r1"].correct == 0.0  # the last line counts
    assert kept["r3"].reply.confidence == 0.8
    repaired = found.metrics["repair_rate"]  # r3 alone: braces are the one thing that is mended
    assert (repaired.value, repaired.n, repaired.low) == (pytest.approx(1 / 11), 11, 0.0)


def test_a_torn_line_is_named_with_its_file_and_number(tmp_path: Path, cli: Callable[..., Any]) -> None:
    file = written(tmp_path / "c.jsonl", row(1), '{"id": "torn", "te', *[row(i) for i in range(2, 9)])
    done = cli("score", str(file), "--format", "rlcr", "--resamples", "2")
    said = f"odd: 1 lines that are not JSON objects, left out: {file}:2: not a line of JSON: Unterminated string"
    assert (done.code, done.err) == (0, "")
    assert said in done.out
    file = written(tmp_path / "d.jsonl", row(1), *["{"] * 9)
    assert len(next(iter(read_saved(file).oddities)).split("; ")) == reading.SHOWN + 1  # and no line of a thousand


def test_answers_read_elsewhere_are_checked_as_replies_are(tmp_path: Path) -> None:
    cells = [("joy", 0.7, None), ("Joy.", 1, None), ("awe", 0.7, "answer_not_a_candidate"), ("", 0.7, "no_answer"),
             ("joy", None, "no_confidence"), ("joy", "85%", "confidence_not_a_number"),
             ("joy", True, "confidence_not_a_number"), ("joy", 85, "confidence_out_of_range")]  # fmt: skip
    lines = [
        {"index": i, "choices": ["joy", "fear"], "gold": "joy", "answer": answer, "confidence": confidence}
        for i, (answer, confidence, _) in enumerate(cells)
    ]
    lines.append({"index": 8, "choices": ["joy", "fear"], "gold": "joy", "answer": "joy", "confidence": float("nan")})
    found = score(read_saved(written(tmp_path / "c.jsonl", *lines)), resamples=0)
    assert [s.reply.fault for s in found.scored] == [*(fault for *_, fault in cells), "confidence_not_a_number"]
    assert [s.correct for s in found.scored[:2]] == [1.0, 1.0]


@pytest.mark.parametrize(
    "line",
    [
        {"completion": reply(), "solution": "joy"},
        {"response": reply(), "ground_truth": "joy", "candidates": ["joy", "fear"]},
        {"generations": [reply(), "other"], "other_info": {"candidates": ["joy", "fear"]}, "ground_truth": "joy"},
        {"completion": [{"role": "user", "content": "?"}, {"role": "assistant", "content": reply()}], "label": "joy"},
        {"text": reply(), "votes": {"joy": 3, "fear": 0}},
        {"text": reply(), "candidates": ["joy", "fear"], "votes": [3, 0]},
    ],
)
def test_other_tools_columns(tmp_path: Path, line: dict[str, Any]) -> None:
    found = score(read_saved(written(tmp_path / "c.jsonl", line)), form="rlcr", resamples=0)
    assert [s.correct for s in found.scored] == [1.0]
    assert found.saved.oddities == {}


def test_votes_grade_with_the_share_and_labels_where_a_row_has_no_votes(tmp_path: Path) -> None:
    both = [row(1, votes=[3, 1], label=None), row(2, votes=[1, 1])]
    assert [s.correct for s in score(read_saved(written(tmp_path / "a", *both)), form="rlcr").scored] == [0.75, 0.5]
    some = [row(1, votes=[3, 1], label=None), row(2)]
    assert [s.correct for s in score(read_saved(written(tmp_path / "b", *some)), form="rlcr").scored] == [1.0, 1.0]


def test_tasks_have_their_own_numbers_and_images_are_resampled_whole(tmp_path: Path) -> None:
    lines = [row(i, reply("joy" if i % 3 else "fear"), task=f"t{i % 2}", image=f"{i // 10}.png") for i in range(60)]
    found = score(read_saved(written(tmp_path / "c.jsonl", *lines)), form="rlcr", resamples=200)
    assert {task: m["accuracy"].n for task, m in found.parts.items()} == {"t0": 30, "t1": 30}
    alone = score(
        read_saved(written(tmp_path / "d.jsonl", *[r | {"image": ""} for r in lines])), form="rlcr", resamples=200
    )
    widths = [r.metrics["accuracy"].high - r.metrics["accuracy"].low for r in (found, alone)]  # type: ignore[operator]
    assert widths[0] < widths[1]  # every image here has the same mixture, so whole images vary less


def test_the_format_that_would_read_them_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "c.jsonl", *[row(i) for i in range(4)])
    [note] = score(read_saved(file), resamples=0).notes
    assert note == (
        "only 0 of 4 replies can be read with the format emocaliber; rlcr reads 4 of the first 4: try --format rlcr"
    )
    assert score(read_saved(file), form="rlcr", resamples=0).notes == ()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "no line is a JSON object (0 broken lines)"),
        (["nonsense"], "no line is a JSON object (1 broken lines)"),
        ([{"text": "x", "foo": 1}], "no row can be scored: 1 rows without votes or label"),
        ([{"status": "error"}], "no row can be scored: 1 failed generations"),
    ],
)
def test_a_file_without_rows_is_one_clear_line(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(UserError) as problem:
        read_saved(written(tmp_path / "c.jsonl", *lines))
    assert said in str(problem.value)
    assert "\n" not in str(problem.value)


def test_the_command_prints_writes_and_needs_no_torch(tmp_path: Path, python: Callable[..., Any]) -> None:
    file = written(tmp_path / "c.jsonl", *[row(i, reply("joy" if i % 3 else "fear")) for i in range(30)])
    arguments = ["score", str(file), "correct=1", "log=0.5", "--format", "rlcr", "--out", str(tmp_path)]
    script = (
        "import sys; from emocal_rl.cli import main; code = main(sys.argv[1:]); "
        "assert not {'torch', 'transformers', 'matplotlib'} & sys.modules.keys(); sys.exit(code)"
    )
    done = python("-c", script, *arguments)
    assert (done.code, done.err) == (0, "")
    assert "ece/10/right-closed" in done.out
    assert "log" in done.out.split("reward, mean")[1]
    assert len(files.read_jsonl(tmp_path / "records.jsonl")) == 30
    numbers = json.loads((tmp_path / "metrics.json").read_text())
    assert numbers["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert numbers["reward"]["weights"] == {"correct": 1.0, "log": 0.5}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.jsonl"], "missing.jsonl: no such file"),
        (["{file}", "brier"], "brier: score: a term of the reward is written term=weight"),
        (["{file}", "breir=1"], "did you mean 'brier'?"),
        (["{file}", "brier=high"], "the weight of brier must be a number, got 'high'"),
        (["{file}", "--format", "nope"], "unknown format 'nope'"),
        (["{file}", "--grader", "labl"], "did you mean 'label'?"),
        (["{file}", "--resamples", "-5"],
         "score: argument --resamples: give a whole number of at least 1 (got -5) (see emocal-rl score --help)"),
        (["{file}", "--resamples=0", "--vecbench"], "--resamples: give a whole number of at least 1 (got 0)"),
        (["{file}", "--report"], "score: --report needs --out DIR to write to"),
        (["{file}", "--vecbench", "--report"], "--vecbench writes its own page with --out; it takes no --report"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(tmp_path: Path, cli: Callable[..., Any], arguments: list[str], said: str) -> None:
    file = written(tmp_path / "c.jsonl", row(1))
    done = cli("score", *[a.format(file=file) for a in arguments])
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.slow
def test_a_report_has_a_section_for_every_task_or_split(tmp_path: Path, cli: Callable[..., Any]) -> None:
    lines = [row(i, reply("joy" if i % 3 else "fear", 0.6 + 0.1 * (i % 4)), task=f"t {i % 2}") for i in range(40)]
    lines[0] |= {"label": None, "candidates": None, "votes": {"joy": 2, "fear": 1}}
    file = written(tmp_path / "my runs.jsonl", *lines)
    arguments = ["--format", "rlcr", "--resamples", "50", "--report"]
    done = cli("score", str(file), *arguments, "--out", str(tmp_path / "a"))
    assert (done.code, done.err) == (0, "")
    numbers = json.loads((tmp_path / "a" / "report" / "metrics.json").read_text())
    assert {name: split["rows"] for name, split in numbers["splits"].items()} == {"all": 40, "t_0": 20, "t_1": 20}
    assert numbers["fitted_on"] is None
    after = numbers["splits"]["all"]["systems"]["after"]["metrics"]
    scored = json.loads((tmp_path / "a" / "metrics.json").read_text())["metrics"]
    assert after["brier"]["value"] == pytest.approx(scored["brier"]["value"])
    assert after["f1_macro"]["value"] == pytest.approx(scored["f1_macro"]["value"])
    assert "my_runs" in (tmp_path / "a" / "report" / "report.html").read_text()
    for name in ("ece_10_floor", "ece_10_p", "smece_floor"):  # the two files agree
        assert after[name]["value"] == pytest.approx(scored[name]["value"])
    again = cli("report", str(tmp_path / "a"))
    assert (again.code, again.err) == (0, "")
    assert "all: as stated" in again.out
    assert "after" not in again.out
    file = written(
        tmp_path / "s.jsonl", *[x | {"split": "test" if i % 4 else "validation"} for i, x in enumerate(lines)]
    )
    assert cli("score", str(file), *arguments, "--out", str(tmp_path / "b")).code == 0
    numbers = json.loads((tmp_path / "b" / "report" / "metrics.json").read_text())
    assert numbers["fitted_on"] == "validation"
    assert "after+isotonic" in numbers["splits"]["test"]["systems"]


@pytest.mark.slow
def test_a_report_replaces_the_one_that_was_there(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """Two files are not the before and after of one model, and sections that the file no longer has go."""
    lines = [row(i, reply("joy" if i % 3 else "fear"), split="new" if i % 2 else "test") for i in range(20)]
    out = ["--format", "rlcr", "--resamples", "20", "--report", "--out", str(tmp_path / "o")]
    assert cli("score", str(written(tmp_path / "z_old.jsonl", *lines)), *out).code == 0
    file = written(tmp_path / "a_new.jsonl", *[line | {"split": "test"} for line in lines])
    done = cli("score", str(file), *out)
    assert (done.code, done.err) == (0, "")
    report = tmp_path / "o" / "report"
    numbers = json.loads((report / "metrics.json").read_text())
    assert (numbers["before"], numbers["after"], list(numbers["splits"])) == (None, "a_new", ["test"])
    assert [path.name for path in (report / "records").iterdir()] == ["a_new-test.jsonl"]
    assert json.loads((report / "run.json").read_text())["status"] == "done"
    again = cli("score", str(report / "records" / "a_new-test.jsonl"), *out)
    assert again.err.endswith("a_new-test.jsonl belongs to the report that would be replaced; choose another --out\n")
    assert (report / "records" / "a_new-test.jsonl").is_file()


def test_a_report_is_not_written_over_another_run(tmp_path: Path, cli: Callable[..., Any]) -> None:
    report = write_run(tmp_path / "o" / "report", rows=4, splits=("test",))
    before = {path: path.read_bytes() for path in report.rglob("*") if path.is_file()}
    file = written(tmp_path / "c.jsonl", row(1))
    done = cli("score", str(file), "--format", "rlcr", "--resamples", "20", "--report", "--out", str(tmp_path / "o"))
    assert (done.code, done.err) == (2, f"error: score: {report} holds another run; choose another --out\n")
    assert {path: path.read_bytes() for path in report.rglob("*") if path.is_file()} == before


def test_a_section_with_votes_that_labels_judged_has_no_bound(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """One row without votes, and the label grades all: no section is held against the bound of the votes then."""
    lines = [row(i, reply("joy" if i % 4 else "fear"), votes=[3, 1], split="test") for i in range(20)]
    file = written(tmp_path / "c.jsonl", *lines, row(20, split="validation"))
    done = cli("score", str(file), "--format", "rlcr", "--resamples", "20", "--report", "--out", str(tmp_path / "o"))
    assert (done.code, done.err) == (0, "")
    numbers = json.loads((tmp_path / "o" / "report" / "metrics.json").read_text())
    assert "bayes" not in numbers["splits"]["test"]["systems"]
    assert numbers["splits"]["test"]["people"]["after"] == {}
    assert "Bayes" not in numbers["headline"]


def test_aliases_may_be_json_text_and_odd_ones_are_named(tmp_path: Path) -> None:
    text = "<think>a</think><answer>glee</answer><analysis>b</analysis><confidence>0.9</confidence>"
    file = written(
        tmp_path / "c.jsonl", row(1, text, aliases='{"glee": "joy"}'), row(2, text, aliases={"glee": "joy"}),
        row(3, aliases=["glee"]),
    )  # fmt: skip
    found = score(read_saved(file), form="rlcr", resamples=0)
    assert [each.correct for each in found.scored] == [1.0, 1.0, 1.0]
    assert found.saved.oddities == {"rows whose aliases are no mapping of spellings to labels (left out)": 1}
    told = score(read_saved(file), form="emocaliber", resamples=0).notes  # tries other formats on the same rows
    assert any("try --format rlcr" in note for note in told)


def test_a_report_of_completions_does_not_speak_of_training(tmp_path: Path, cli: Callable[..., Any]) -> None:
    lines = [row(i, reply("joy", 0.6 + 0.1 * (i % 4)), split="test" if i % 2 else "validation") for i in range(20)]
    file = written(tmp_path / "theirs.jsonl", *lines)
    arguments = ["--format", "rlcr", "--resamples", "20", "--report", "--out", str(tmp_path / "o")]
    assert cli("score", str(file), *arguments).code == 0
    page = (tmp_path / "o" / "report" / "report.html").read_text()
    shown = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<style.*?</style>|data:image[^\"]*", "", page, flags=re.S)))
    shown = " ".join(shown.split())
    assert "completions scored: theirs.jsonl" in shown.lower()
    assert "completions 20 format rlcr graded by label reward 1 correct + 1 brier" in shown
    assert "rows they must beat: the same answers with a constant base rate" in shown
    for word in ("after", "before", "recipe", "sft", "tiny", "stage"):
        assert not re.search(rf"\b{word}\b", shown, re.IGNORECASE), word
    numbers = json.loads((tmp_path / "o" / "report" / "figures" / "before_after.json").read_text())
    assert set(numbers["test"]["brier"]) == {"after", "after+constant", "after+temperature", "after+isotonic"}


def test_every_task_of_every_split_has_its_own_numbers(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """Confidence 0.8 everywhere; of ten answers a task and split, the number below is right."""
    right = {("validation", "a"): 9, ("validation", "b"): 8, ("test", "a"): 7, ("test", "b"): 2, ("new", "a"): 1}
    lines = [
        row(i, reply("joy" if i < hits else "fear", 0.8), id=f"{split}-{task}-{i}", split=split, task=task)
        for (split, task), hits in right.items() for i in range(10)
    ]  # fmt: skip
    file = written(tmp_path / "s.jsonl", *lines)
    done = cli("score", str(file), "--format", "rlcr", "--out", str(tmp_path), "--report", "--resamples", "20")
    assert (done.code, done.err) == (0, "")
    parts = {n: m["accuracy"]["value"] for n, m in json.loads((tmp_path / "metrics.json").read_text())["parts"].items()}
    assert parts == pytest.approx({
        "validation": 0.85, "validation: a": 0.9, "validation: b": 0.8,
        "test": 0.45, "test: a": 0.7, "test: b": 0.2, "new": 0.1,
    })  # fmt: skip
    assert [line.split()[:2] for line in done.out.splitlines() if line.startswith("test: b")] == [["test:", "b"]]
    splits = json.loads((tmp_path / "report" / "metrics.json").read_text())["splits"]
    assert {name: list(split["tasks"]) for name, split in splits.items()} == {
        "validation": ["a", "b"], "test": ["a", "b"], "new": [],
    }  # fmt: skip
    found = {task: systems["after"]["metrics"] for task, systems in splits["test"]["tasks"].items()}
    assert {task: (m["accuracy"]["n"], m["accuracy"]["value"]) for task, m in found.items()} == {
        "a": (10, 0.7), "b": (10, 0.2),
    }  # fmt: skip
    # 0.7 * 0.04 + 0.3 * 0.64 and 0.2 * 0.04 + 0.8 * 0.64
    assert [found[task]["brier"]["value"] for task in "ab"] == pytest.approx([0.22, 0.52])
    assert found["a"]["brier"]["low"] < 0.22 < found["a"]["brier"]["high"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("<th>task</th>") == 2
    assert page.index("<h3>Test: 20 rows") < page.index(">a, 10 rows</td>") < page.index("<h3>Validation: 20 rows")


def test_recalibration_is_fitted_pooled_and_on_every_task(tmp_path: Path, cli: Callable[..., Any]) -> None:
    """Confidence 0.8 everywhere; right 3 times of 4 in task a and once in b. Task c is not in the validation rows."""
    right = {"a": (1, 1, 1, 0), "b": (1, 0, 0, 0)}
    lines = [
        {"id": f"{split}-{task}-{i}", "label": "joy", "candidates": ["joy", "fear"], "confidence": 0.8,
         "answer": "joy" if hit else "fear", "task": task, "split": split}
        for split in ("validation", "test") for task in right for i, hit in enumerate(right[task] * 10)
    ]  # fmt: skip
    lines += [{**line, "id": f"c-{i}", "task": "c", "split": "new"} for i, line in enumerate(lines[:4])]
    file = written(tmp_path / "s.jsonl", *lines)
    done = cli("score", str(file), "--out", str(tmp_path / "o"), "--report", "--resamples", "200")
    assert (done.code, done.err) == (0, "")
    numbers = json.loads((tmp_path / "o" / "report" / "metrics.json").read_text())
    systems = numbers["splits"]["test"]["systems"]
    brier = {key: round(system["metrics"]["brier"]["value"], 6) for key, system in systems.items()}
    assert brier["after"] == 0.34  # (0.75 * 0.04 + 0.25 * 0.64 + 0.25 * 0.04 + 0.75 * 0.64) / 2
    for name in ("constant", "histogram", "isotonic", "platt", "beta"):
        assert brier[f"after+{name}"] == pytest.approx(0.25, abs=1e-5)
        assert brier[f"after+{name}/task"] == pytest.approx(0.1875, abs=1e-5)
    assert systems["after+isotonic/task"]["label"] == "s + isotonic, per task"
    assert {"after+temperature/task", "after+venn_abers/task"} <= set(systems)
    assert not [key for key in numbers["splits"]["new"]["systems"] if key.endswith("/task")]
    [said] = [line for line in numbers["findings"] if line.startswith("Test: against its own")]
    assert "strongest recalibration (" in said
    assert ", per task, Brier 0.188) the model is worse in Brier (+0.15" in said
    page = (tmp_path / "o" / "report" / "report.html").read_text()
    assert "+ isotonic, per task" in page
    assert "those per task on the task" in page


def test_a_row_or_image_numbered_0_keeps_its_number(tmp_path: Path) -> None:
    lines = [row(1) | {"id": number, "image_id": 0} for number in (0, 1)]
    found = read_saved(written(tmp_path / "c.jsonl", *lines)).rows
    assert [(each.id, each.cluster) for each in found] == [("0", "0"), ("1", "0")]


def test_ids_that_start_again_in_every_split_or_task_are_different_rows(tmp_path: Path) -> None:
    splits = [row(0, split=name) for name in ("validation", "test")]
    tasks = [row(0, task=name) for name in ("a", "b")]
    found = read_saved(written(tmp_path / "c.jsonl", *splits, *tasks, row(0, task="b")))
    assert len(found.rows) == 4
    assert found.oddities == {reading.REPEATED: 1}


def test_other_info_that_is_a_text_is_passed_over(tmp_path: Path) -> None:
    file = written(tmp_path / "c.jsonl", row(1, other_info="seen twice"))
    assert read_saved(file).rows[0].task is None
