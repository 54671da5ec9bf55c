"""`predict`: answers for pictures, and silence below a threshold."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endpoint import serving
from hypothesis import given
from hypothesis import strategies as st
from small_run import Careful, write_small_run

from emocal_rl.data import emoji
from emocal_rl.errors import UserError
from emocal_rl.evaluate.abstain import fit_threshold
from emocal_rl.evaluate.checkpoint import find_checkpoint
from emocal_rl.evaluate.engines import Decoding
from emocal_rl.evaluate.predict import predict, question_of, rows_of, validation_threshold
from emocal_rl.evaluate.records import read_records
from emocal_rl.evaluate.selective import threshold_table
from emocal_rl.rewards import FORMATS

FORM = FORMATS["emocaliber"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    names = []
    for row in emoji.load(2)["validation"][:4]:
        names.append(str(tmp_path / f"{row.id}.png"))
        row.image.save(names[-1])
    return names


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(0, 1)), min_size=1, max_size=40),
    st.integers(0, 10).map(lambda k: k / 10),
)
def test_the_fitted_threshold_keeps_the_risk_and_no_lower_one_does(rows: list[tuple[int, int]], risk: float) -> None:
    c, y = np.array([a / 10 for a, _ in rows]), np.array([float(b) for _, b in rows])
    try:
        found = fit_threshold(c, y, risk)
    except UserError:
        assert all((1 - y[c >= t]).mean() > risk for t in c)
        return
    assert (1 - y[c >= found.value]).mean() == pytest.approx(found.risk)
    assert found.risk <= risk + 1e-9
    assert found.coverage == pytest.approx((c >= found.value).mean())
    assert all((1 - y[c >= t]).mean() > risk for t in c[c < found.value])


def test_a_threshold_counts_silent_rows_as_not_answered() -> None:
    assert fit_threshold([0.9, None], [1, 0], 0.0).coverage == 0.5
    with pytest.raises(UserError, match="no row states a confidence"):
        fit_threshold([None], [0], 0.5)
    with pytest.raises(
        UserError, match=r"no threshold keeps the error rate at or below 0.1 on 1 rows; the lowest is 1"
    ):
        fit_threshold([0.9], [0], 0.1)


def test_predictions_come_in_order_and_stay_silent_below_the_threshold(pictures: list[str]) -> None:
    rows = rows_of([*pictures, pictures[0]], "Which?", ["negative", "positive"])
    rows = [replace(row, votes=(1 + number, 4)) for number, row in enumerate(rows)]  # Careful reads the votes
    found = list(predict(rows, FORM, Careful(), Decoding(), threshold=0.7))
    assert [p.image for p in found] == [*pictures, pictures[0]]
    stated = [p.reply.confidence or 0.0 for p in found]
    assert [p.abstains for p in found] == [c < 0.7 for c in stated]
    assert {p.abstains for p in found} == {True, False}
    failed = list(predict(rows[:2], FORM, Careful(fail=[pictures[0]]), Decoding()))
    assert [(p.error, p.abstains) for p in failed] == [("out of luck", True), (None, False)]


def test_the_embedded_model_answers_in_json_lines(pictures: list[str], cli: Callable[..., Any]) -> None:
    done = cli("predict", *pictures, "--model", "tiny", "--json", "--max-new-tokens", "64", "--abstain-below", "0.5")
    assert (done.code, done.err) == (0, "")
    found = [json.loads(line) for line in done.out.splitlines()]
    assert [row["image"] for row in found] == pictures
    assert all(row["threshold"] == 0.5 and row["text"] for row in found)
    plain = cli("predict", pictures[0], "--model", "tiny", "--max-new-tokens", "16")
    assert plain.out.startswith(f"{pictures[0]}: ")


def test_a_server_that_fails_is_an_exit_code(pictures: list[str], cli: Callable[..., Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        options = ["--model", "tiny", "--json", "--engine", "openai", "--engine-option", "tries=1"]
        done = cli("predict", *pictures, *options, "--base-url", address)
        many = cli("predict", *pictures * 8, *options, "--base-url", address)
    assert [(row["image"], row["answer"]) for row in map(json.loads, done.out.splitlines())] == [
        (name, None) for name in pictures
    ]
    refused = f"cannot reach {address}/v1/chat/completions: [Errno 111] Connection refused\n"
    assert (done.code, done.err) == (2, f"error: predict: no request succeeded (4 failed); the last: {refused}")
    assert (many.code, many.err) == (2, f"error: predict: the first 20 requests all failed; the last: {refused}")


def test_one_failed_picture_of_several_is_counted(pictures: list[str], cli: Callable[..., Any]) -> None:
    with serving() as server:
        server.faults = [400]
        options = ["--model", "tiny", "--engine", "openai", "--base-url", server.url, "--batch-size", "1"]
        done = cli("predict", *pictures[:2], *options, "--max-new-tokens", "64")
    assert done.out.startswith(f"{pictures[0]}: no answer: {server.url}/v1/chat/completions answered 400: not now\n")
    assert done.code == 1
    assert done.err == "warning: 1 of 2 pictures have no answer, because the request failed\n"


def test_a_run_brings_its_question_format_and_threshold(
    tmp_path: Path, pictures: list[str], cli: Callable[..., Any]
) -> None:
    run = write_small_run(tmp_path / "run")
    checkpoint = find_checkpoint(str(run))
    assert question_of(checkpoint, None, None) == (emoji.QUESTION, ["negative", "positive"])
    assert question_of(checkpoint, "Why?", None) == ("Why?", ["negative", "positive"])
    found = validation_threshold(checkpoint, 0.25)
    sample = read_records(run / "records" / "grpo_brier-validation.jsonl").sample
    [row] = threshold_table(sample.confidence, sample.correct, [found.value])
    assert (row["risk"], row["coverage"]) == (pytest.approx(found.risk), pytest.approx(found.coverage))
    done = cli("predict", pictures[0], "--model", str(run), "--risk", "0.25", "--json", "--max-new-tokens", "8")
    assert done.code == 0
    assert done.err.startswith(f"threshold {found.value:g}: answers ")
    assert json.loads(done.out)["threshold"] == found.value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gone.png", "--model", "tiny"), "gone.png: no such file"),
        (("{text}", "--model", "tiny"), "no readable picture"),
        (("{picture}", "--model", "/no/such/run"), "/no/such/run: no such folder; give a run directory"),
        (("{picture}", "--model", "tiny", "--abstain-below", "80"), "lies in [0, 1], got 80; 80% is 0.8"),
        (
            ("{picture}", "--model", "tiny", "--abstain-below", "nan"),
            "--abstain-below: a confidence lies in [0, 1], got nan",
        ),
        (("{picture}", "--model", "org/other"), "say what to ask with --question"),
        (("{picture}", "--model", "tiny", "--risk", "0.1"), "tiny is no run directory, so there are no validation"),
        (("{picture}", "--model", "tiny", "--risk", "0.1", "--abstain-below", "0.2"), "give one of them"),
        (("{picture}", "--model", "{run}", "--risk", "0.000001"), "no threshold keeps the error rate"),
        (("{picture}", "--model", "{run}", "--risk", "7"), "an error rate lies in [0, 1]"),
        (
            ("{picture}", "--model", "tiny", "--format", "emocaliber_answer", "--abstain-below", "0.2"),
            "states no confid",
        ),
        (("{picture}",), "the following arguments are required: --model"),
    ],
)
def test_mistakes_are_one_line(
    tmp_path: Path, pictures: list[str], cli: Callable[..., Any], arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    names = {"text": tmp_path / "text.png", "picture": pictures[0], "run": tmp_path / "run"}
    if "{run}" in arguments:
        write_small_run(tmp_path / "run")
    done = cli("predict", *[a.format(**names) for a in arguments])
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
