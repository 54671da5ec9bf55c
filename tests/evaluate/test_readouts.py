"""Other confidences of the same answers: what the tokens say, and what the samples say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_run import PARTS, Careful

from emocal_rl import files
from emocal_rl.data import emoji
from emocal_rl.errors import UserError
from emocal_rl.evaluate.checkpoint import Checkpoint
from emocal_rl.evaluate.engines import Decoding, Request
from emocal_rl.evaluate.engines.hf import HfEngine
from emocal_rl.evaluate.job import Job, job_recipe, run_job
from emocal_rl.evaluate.readouts import readouts, with_agreement
from emocal_rl.evaluate.token_readouts import log_probabilities, token_readouts
from emocal_rl.rewards import FORMATS, Reply

FORM = FORMATS["emocaliber"]


@pytest.fixture(scope="module")
def hf() -> HfEngine:
    return HfEngine("tiny", batch_size=8)


@pytest.fixture(scope="module")
def request_() -> Request:
    return Request(emoji.load(2)["validation"][0], FORM)


def reply(request: Request, confidence: float = 0.73, answer: str = "positive") -> Reply:
    return FORM.read(FORM.write(PARTS, answer, confidence), request.row.candidates)


def test_greedy_tokens_are_the_most_probable_ones(hf: HfEngine, request_: Request) -> None:
    [one] = hf.complete([request_], Decoding(max_new_tokens=16))
    logs, tokens, offsets = log_probabilities(hf._model, hf._processor, request_, one.text or "")
    assert logs.argmax(-1).tolist() == tokens
    assert "".join((one.text or "")[a:b] for a, b in offsets) == one.text
    assert logs.exp().sum(-1).tolist() == pytest.approx([1.0] * len(tokens), abs=1e-4)


def test_the_answers_probability_is_a_product_over_its_tokens(hf: HfEngine, request_: Request) -> None:
    written = reply(request_)
    logs, tokens, offsets = log_probabilities(hf._model, hf._processor, request_, written.text)
    assert written.answer_span is not None
    first = next(k for k, (a, _) in enumerate(offsets) if a >= written.answer_span[0])
    last = next(k for k, (a, _) in enumerate(offsets) if a >= written.answer_span[1])
    expected = 1.0
    for k in range(first, last):
        expected *= float(logs[k, tokens[k]].exp())
    found = token_readouts(hf._model, hf._processor, request_, written)
    assert found["answer_probability"] == pytest.approx(expected)
    other = token_readouts(hf._model, hf._processor, request_, reply(request_, answer="negative"))
    assert other["answer_probability"] != found["answer_probability"]


def test_the_mean_of_the_digits_by_hand(hf: HfEngine, request_: Request) -> None:
    written = reply(request_, 0.73)
    logs, tokens, offsets = log_probabilities(hf._model, hf._processor, request_, written.text)
    tokenizer = hf._processor.tokenizer
    ids = [tokenizer.convert_tokens_to_ids(str(d)) for d in range(10)]
    at = [k for k, (a, b) in enumerate(offsets) if written.text[a:b] in ("7", "3")]
    assert [tokens[k] for k in at] == [ids[7], ids[3]]
    means = []
    for k in at:
        chance = logs[k, ids].exp()
        means.append(sum(d * float(c) for d, c in enumerate(chance)) / float(chance.sum()))
    found = token_readouts(hf._model, hf._processor, request_, written)["expected_confidence"]
    assert found == pytest.approx(means[0] / 10 + means[1] / 100)


def test_what_cannot_be_read_shows_nothing(hf: HfEngine, request_: Request) -> None:
    nothing = {"answer_probability": None, "expected_confidence": None}
    assert token_readouts(hf._model, hf._processor, request_, FORM.read("no tags")) == nothing
    text = "<think>x</think><answer>positive</answer><analysis>y</analysis><confidence>1</confidence>"
    sure = FORMATS["rlcr"].read(text)
    assert sure.fault is None
    assert token_readouts(hf._model, hf._processor, request_, sure)["expected_confidence"] is None


class CarefulWithTokens(Careful):
    """As careful, with a readout that always says 0.5."""

    def readouts(self, request: Request, reply: Reply) -> dict[str, float | None]:
        return {"answer_probability": 0.5, "expected_confidence": None}


def job(out: Path) -> Job:
    recipe = job_recipe(Checkpoint("m", "m"), data={"name": "emoji"}, limit=6, resamples=20, splits=["validation"])
    return Job("m", recipe, out, Decoding(), token_readouts=True)


def test_a_job_measures_them_side_by_side(tmp_path: Path) -> None:
    found = run_job(job(tmp_path), CarefulWithTokens())["readouts"]["validation"]
    assert found.keys() == {"stated", "answer_probability"}  # a readout that no row has is left out
    rows = files.read_jsonl(tmp_path / "records" / "m-validation.jsonl")
    expected = sum(r["correct"] * 0.25 + (1 - r["correct"]) * 0.25 for r in rows) / len(rows)
    assert found["answer_probability"]["brier"]["value"] == pytest.approx(expected)
    assert (tmp_path / "readouts.json").is_file()


def test_an_engine_without_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only had from --engine hf"):
        run_job(job(tmp_path), Careful())


def test_agreement_counts_unreadable_samples() -> None:
    rows = [{"row": "a", "answer": a, "fault": f} for a, f in (("joy", None), ("joy", None), (None, "no_answer"))]
    assert [r["self_consistency"] for r in with_agreement(rows)] == [pytest.approx(2 / 3), pytest.approx(2 / 3), None]


def test_readouts_leave_out_what_no_row_has() -> None:
    rows = [{"confidence": 0.8, "correct": 1.0, "cluster": "a"}, {"confidence": 0.6, "correct": 0.0, "cluster": "b"}]
    assert readouts(rows, resamples=10).keys() == {"stated"}


def test_the_command_measures_the_embedded_model(tmp_path: Path, cli: Callable[..., Any]) -> None:
    arguments = ("--model", "tiny", "--data", "emoji", "--split", "validation", "--limit", "2", "--readouts")
    done = cli("eval", *arguments, "--max-new-tokens", "8", "--resamples", "10", "--out", str(tmp_path / "out"))
    assert done.code == 0
    [row, _] = files.read_jsonl(tmp_path / "out" / "records" / "tiny-validation.jsonl")
    assert (row["answer_probability"], row["expected_confidence"]) == (None, None)  # eight tokens hold no answer
