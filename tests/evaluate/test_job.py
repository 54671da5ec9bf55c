"""`eval`: generate, score, report; resumable; on runs, models and servers."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoint import serving
from small_run import Careful, write_small_run

from emocal_rl import files
from emocal_rl.data import load
from emocal_rl.errors import UserError
from emocal_rl.evaluate.checkpoint import Checkpoint, find_checkpoint
from emocal_rl.evaluate.engines import Decoding
from emocal_rl.evaluate.job import Job, job_recipe, run_job
from emocal_rl.evaluate.run_files import read_run
from emocal_rl.verbs_make import label_options, trace_options

SHORT = ("--limit", "4", "--max-new-tokens", "8", "--resamples", "20")


def job(out: Path, samples: int = 1, temperature: float = 0.0, limit: int = 12) -> Job:
    recipe = job_recipe(Checkpoint("careful", "careful"), data={"name": "emoji"}, limit=limit, resamples=50,
                        splits=["validation", "unseen_style"])  # fmt: skip
    return Job("careful", recipe, out, Decoding(temperature=temperature), samples)


def test_a_job_leaves_records_a_report_and_what_it_evaluated(tmp_path: Path) -> None:
    metrics = run_job(job(tmp_path / "out"), Careful())
    found = metrics["splits"]["unseen_style"]["systems"]["after"]["metrics"]
    assert found["parse_rate"]["value"] == 1.0
    assert (
        found["accuracy"]["value"]
        == metrics["splits"]["unseen_style"]["systems"]["bayes"]["metrics"]["accuracy"]["value"]
    )
    run = read_run(tmp_path / "out")
    assert (run.after, run.splits) == ("careful", ["validation", "unseen_style"])
    assert run.facts["stages"][0]["status"] == "done"
    assert (tmp_path / "out" / "report.html").is_file()
    assert metrics["fitted_on"] == "validation"
    assert "after+isotonic" in metrics["splits"]["unseen_style"]["systems"]


@pytest.mark.slow
def test_failed_rows_are_named_and_tried_again(tmp_path: Path) -> None:
    first_id = json.loads(json.dumps(run_job(job(tmp_path / "whole"), Careful())))["gallery"]
    assert first_id is not None
    rows = files.read_jsonl(tmp_path / "whole" / "records" / "careful-validation.jsonl")
    metrics = run_job(job(tmp_path / "part"), Careful(fail=[rows[0]["id"]]))
    assert metrics["failed"] == {"validation": 1, "unseen_style": 0}
    assert any("incomplete, 1 rows failed" in note for note in metrics["notes"])
    again = run_job(job(tmp_path / "part"), Careful())
    assert again["failed"] == {"validation": 0, "unseen_style": 0}
    assert files.read_jsonl(tmp_path / "part" / "records" / "careful-validation.jsonl") == rows


def test_several_samples_measure_agreement_beside_the_stated_number(tmp_path: Path) -> None:
    metrics = run_job(job(tmp_path / "out", samples=4, temperature=1.0), Careful())
    rows = files.read_jsonl(tmp_path / "out" / "records" / "careful-unseen_style.jsonl")
    assert len(rows) == 48 == len({r["id"] for r in rows})
    assert len({r["cluster"] for r in rows}) <= 12
    of_first = [r for r in rows if r["row"] == rows[0]["row"]]
    assert {r["self_consistency"] for r in of_first if r["answer"] == rows[0]["answer"]} == {
        sum(r["answer"] == rows[0]["answer"] for r in of_first) / 4
    }
    found = metrics["readouts"]["unseen_style"]
    assert found.keys() == {"stated", "self_consistency"}
    assert found["stated"]["accuracy"]["value"] == found["self_consistency"]["accuracy"]["value"]
    assert found["stated"]["brier"]["value"] != found["self_consistency"]["brier"]["value"]
    assert found["stated"]["brier"]["low"] is not None
    assert files.read_jsonl(tmp_path / "out" / "completions" / "unseen_style.jsonl")[1]["repeat"] == 1


def test_one_evaluation_at_a_time_writes_a_directory(tmp_path: Path) -> None:
    run_job(job(tmp_path, limit=2), Careful())
    held = files.Lock(tmp_path / ".lock", str)
    with pytest.raises(UserError, match="is being written by another evaluation"):
        run_job(job(tmp_path, limit=2), Careful())
    held.release()
    assert run_job(job(tmp_path, limit=2), Careful())["failed"] == {"validation": 0, "unseen_style": 0}


@pytest.mark.parametrize(("samples", "temperature"), [(3, 0.0), (0, 1.0)])
def test_samples_that_make_no_sense_are_refused(tmp_path: Path, samples: int, temperature: float) -> None:
    with pytest.raises(UserError, match=f"--samples {samples}"):
        job(tmp_path, samples, temperature)


def test_a_run_is_evaluated_beside_its_own_records(tmp_path: Path, cli: Callable[..., Any]) -> None:
    run = write_small_run(tmp_path / "run")
    before = (run / "records" / "grpo_brier-validation.jsonl").read_bytes()
    done = cli("eval", str(run), "--split", "unseen_style", *SHORT)
    assert (done.code, done.out.splitlines()[-1]) == (0, f"report: {run / 'eval' / 'report.html'}")
    assert (run / "records" / "grpo_brier-validation.jsonl").read_bytes() == before
    assert len(files.read_jsonl(run / "eval" / "records" / "grpo_brier-unseen_style.jsonl")) == 4
    again = cli("eval", str(run), "--split", "unseen_style", *SHORT)
    assert again.code == 0
    assert len(files.read_jsonl(run / "eval" / "completions" / "unseen_style.jsonl")) == 4  # nothing was asked twice
    assert cli("report", str(run / "eval")).code == 0


def test_a_run_is_read_without_the_rule_it_was_paid_by(tmp_path: Path, cli: Callable[..., Any]) -> None:
    run = write_small_run(tmp_path / "run")
    recipe = run / "recipe.yaml"
    own = recipe.read_text().replace("brier: 1.0", "brier: {use: 'my_lost:fair'}")
    assert own != recipe.read_text()
    recipe.write_text(own)
    assert cli("report", str(run)).code == 0
    assert find_checkpoint(str(run)).form == "emocaliber"
    assert job_recipe(find_checkpoint(str(run))).format == "emocaliber"
    assert cli("train", "--resume", str(run)).err.endswith("is finished already; its report is "
                                                           f"{run / 'report.html'}\n")  # fmt: skip


TENTHS = """
from emocal_rl.rewards.formats import TagFormat

tenths = TagFormat(
    name="tenths", states="confidence", grid=tuple(i / 10 for i in range(11)), bounds=(0.0, 1.0),
    blocks=("why", "answer", "confidence"), decimals=1, hint="0.0, 0.1, ..., 1.0", inside=(("why", "one sentence"),),
)
"""


def test_a_format_of_ones_own_is_found_where_the_run_was_started(
    tmp_path: Path, cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_small_run(tmp_path / "run")
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("\nformat: emocaliber\n", "\nformat: my_tenths:tenths\n"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    gone = cli("eval", str(run), "--split", "validation", *SHORT)
    assert (gone.code, gone.err) == (
        2, "error: my_tenths:tenths: no module named 'my_tenths' (is it in this folder, or its folder on PYTHONPATH?)\n"
    )  # fmt: skip
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "my_tenths.py").write_text(TENTHS)
    info = json.loads((run / "run.json").read_text())
    files.write_json(run / "run.json", info | {"folder": str(tmp_path / "start")})
    done = cli("eval", str(run), "--split", "validation", *SHORT)
    assert (done.code, done.err) == (0, done.err), done.err
    faults = [row["fault"] for row in files.read_jsonl(run / "eval" / "records" / "grpo_brier-validation.jsonl")]
    assert len(faults) == 4
    sys.modules.pop("my_tenths")


def test_hf_and_a_server_give_the_same_records(tmp_path: Path, cli: Callable[..., Any]) -> None:
    common = ("--model", "tiny", "--data", "emoji", "--split", "validation", *SHORT)
    assert cli("eval", *common, "--out", str(tmp_path / "hf")).code == 0
    with serving() as server:
        engine = ("--engine", "openai", "--base-url", server.url, "--batch-size", "2", "--engine-option", "timeout=60")
        assert cli("eval", *common, "--out", str(tmp_path / "server"), *engine).code == 0
        server.faults = [400]
        done = cli("eval", *common, "--out", str(tmp_path / "part"), *engine)
        server.faults = [400] * 4
        none = cli("eval", *common, "--out", str(tmp_path / "none"), *engine)
    assert (done.code, done.err.splitlines()[-1]) == (
        1,
        "warning: 1 rows failed and are not in the numbers; the same command tries them again",
    )
    refused = f"{server.url}/v1/chat/completions answered 400: not now"
    assert (none.code, none.err.splitlines()[-1]) == (
        2,
        f"error: tiny on validation: no request succeeded (4 failed); the last: {refused}",
    )
    found = [files.read_jsonl(tmp_path / x / "records" / "tiny-validation.jsonl") for x in ("hf", "server")]
    assert found[0] == found[1]
    assert len(found[0]) == 4


def test_completions_of_an_evaluation_can_be_scored_again(tmp_path: Path, cli: Callable[..., Any]) -> None:
    run_job(job(tmp_path / "out"), Careful())
    done = cli("score", str(tmp_path / "out" / "completions" / "unseen_style.jsonl"), "--resamples", "20")
    assert done.code == 0
    assert "odd:" not in done.out
    line = next(x for x in done.out.splitlines() if x.startswith("brier "))
    value = read_run(tmp_path / "out").records["careful", "unseen_style"].sample
    assert (
        line.split()[1]
        == f"{((value.correct * (1 - value.confidence) ** 2 + (1 - value.correct) * value.confidence**2).mean()):.3f}"
    )


def test_the_last_finished_stage_is_found(tmp_path: Path) -> None:
    run = write_small_run(tmp_path / "run")
    found = find_checkpoint(str(run))
    assert (found.name, found.form, found.run) == ("grpo_brier", "emocaliber", run)
    assert find_checkpoint("org/model-7B").name == "model-7B"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "eval: give a run directory, or --model M --data D"),
        (("--model", "tiny"), "eval: --model needs --data"),
        (("--model", "tiny", "--data", "emoij"), "unknown data set 'emoij'"),
        (("--model", "tiny", "--data", "emoji", "--split", "train"), "--split train: data emoji has stage_one"),
        (("--model", "tiny", "--data", "emoji", "--format", "emocalibre"), "--format emocalibre: no such format"),
        (("--model", "tiny", "--data", "emoji", "--stage", "x"), "--stage x: tiny is not a run directory"),
        (("--model", "tiny", "--data", "emoji", "--samples", "2"), "several samples need --temperature above 0"),
        (("{run}", "--model", "tiny"), "one of the two"),
        (("{run}", "--stage", "sft_reasoning"), "no such finished stage"),
        (("{run}", "--out", "{run}"), "is the directory of a training run; choose another --out"),
        (("{run}", "--engine-option", "x"), "x: engine options are written key=value"),
        (("{empty}",), "is not a run directory"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, cli: Callable[..., Any], arguments: tuple[str, ...], said: str) -> None:
    run = write_small_run(tmp_path / "run", limit=2)
    (tmp_path / "empty").mkdir()
    done = cli("eval", *[a.format(run=run, empty=tmp_path / "empty") for a in arguments])
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_label_says_which_rows_a_server_left_out(tmp_path: Path, cli: Callable[..., Any]) -> None:
    out = tmp_path / "labels.jsonl"
    with serving() as server:
        server.faults = [400]
        asked = ("--model", "tiny", "--data", "emoji", "--limit", "3", "--samples", "1", "--max-new-tokens", "64")
        engine = ("--engine", "openai", "--base-url", server.url, "--batch-size", "1", "--engine-option", "timeout=60")
        part = cli("label", *asked, *engine, "--out", str(out))
        kept = files.read_jsonl(out)
        whole = cli("label", *asked, *engine, "--out", str(out))
    assert (part.code, part.err.splitlines()[-1]) == (
        1,
        "warning: 1 rows failed and are not in the file; the same command tries them again",
    )
    assert len(kept) == 2
    assert whole.code == 0
    assert len(files.read_jsonl(out)) == 3


def test_a_format_that_states_no_confidence_is_judged_by_its_answers(tmp_path: Path, cli: Callable[..., Any]) -> None:
    command = ("--model", "tiny", "--data", "emoji", "--split", "validation", "--format", "emocaliber_answer", *SHORT)
    done = cli("eval", *command, "--out", str(tmp_path / "eval"))
    assert done.code == 0, done.err
    assert "confidence" not in files.read_jsonl(tmp_path / "eval" / "records" / "tiny-validation.jsonl")[0]["terms"]


@pytest.mark.slow
@pytest.mark.parametrize("names", [("warm", "last"), ("last", "warm")])
def test_two_stages_of_a_run_are_before_and_after_in_the_order_of_the_run(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    of_run = {"run": tmp_path, "order": ["warm", "last"]}
    for name in names:
        one = dataclasses.replace(job(tmp_path / "eval", limit=4), name=name, **of_run)
        metrics = run_job(one, Careful())
    assert (metrics["before"], metrics["after"]) == ("warm", "last")
    found = json.loads((tmp_path / "eval" / "run.json").read_text())["stages"]
    assert [(each["name"], each["run"]) for each in found] == [("warm", ".."), ("last", "..")]


@pytest.mark.slow
@pytest.mark.parametrize("runs", [(None, None), ("one", "two"), ("one", None)])
def test_two_models_in_one_directory_are_not_before_and_after(
    tmp_path: Path, runs: tuple[str | None, str | None]
) -> None:
    for name, run in zip("ab", runs, strict=True):
        one = dataclasses.replace(
            job(tmp_path / "out", limit=4), name=name, run=run and tmp_path / run, order=["a", "b"]
        )
        metrics = run_job(one, Careful())
    assert (metrics["before"], metrics["after"]) == (None, "b")
    assert "stage:a" in metrics["splits"]["unseen_style"]["systems"]
    assert "before" not in metrics["headline"]


def test_the_command_says_which_run_a_stage_is_of(tmp_path: Path, cli: Callable[..., Any]) -> None:
    run = write_small_run(tmp_path / "run")
    shutil.copytree(run / "models" / "grpo_brier", run / "models" / "sft_confidence")
    for stage in ("grpo_brier", "sft_confidence"):
        assert cli("eval", str(run), "--stage", stage, "--split", "unseen_style", *SHORT).code == 0
    numbers = json.loads((run / "eval" / "run.json").read_text())
    assert [(each["name"], each["run"]) for each in numbers["stages"]] == [
        ("sft_confidence", ".."),
        ("grpo_brier", ".."),
    ]


def saved_rows(path: Path, *splits: str) -> dict[str, Any]:
    lines = [
        {"id": f"{split}{i}", "split": split, "question": "which?", "candidates": ["a", "b"], "label": "a"}
        for split in splits for i in range(2)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {"name": str(path)}


def test_a_model_is_evaluated_on_all_that_nothing_is_trained_on(tmp_path: Path) -> None:
    alone = Checkpoint("tiny", "tiny")
    data = saved_rows(tmp_path / "d.jsonl", "test", "train", "validation", "hard")
    assert sorted(load(job_recipe(alone, data=data).data).splits) == [
        "hard", "stage_one", "stage_three", "stage_two", "test", "train", "validation"
    ]  # fmt: skip
    chosen = job_recipe(alone, data=data).evaluation.splits
    assert chosen[0] == "validation"  # what recalibration is fitted on
    assert sorted(chosen[1:]) == ["hard", "test"]
    emoji = job_recipe(alone, data={"name": "emoji"}).evaluation.splits
    assert emoji == ["validation", "unseen_style", "unseen_emoji", "other_domain"]


def test_the_splits_of_a_run_are_for_data_that_have_them(tmp_path: Path) -> None:
    of_run = find_checkpoint(str(write_small_run(tmp_path / "run", limit=2)))
    assert job_recipe(of_run).evaluation.splits == ["validation", "unseen_style", "unseen_emoji", "other_domain"]
    data = saved_rows(tmp_path / "d.jsonl", "test", "validation")
    assert job_recipe(of_run, data=data).evaluation.splits == ["validation", "test"]


def test_help_says_where_rows_come_from() -> None:
    told = []
    for options in (trace_options, label_options):
        parser = ArgumentParser()
        options(parser)
        told.append(" ".join(parser.format_help().split()))
    assert "--data D a data set or a .jsonl file; needed --root" in told[0]  # it takes no run that could say which
    assert "--data D a data set or a .jsonl file; default the run's own data --root" in told[1]


def test_options_of_data_without_data_are_refused(tmp_path: Path, cli: Callable[..., Any]) -> None:
    run = write_small_run(tmp_path / "run", limit=2)
    for option in (("--root", "/pictures"), ("--data-option", "classes=3")):
        assert cli("eval", str(run), *option).err.startswith("error: eval: --root and --data-option go with --data")
