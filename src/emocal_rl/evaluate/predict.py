"""Answers for pictures: answer, confidence, reasoning, and silence below a threshold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emocal_rl.data import Row
from emocal_rl.data import load as load_data
from emocal_rl.errors import UserError
from emocal_rl.evaluate.abstain import Threshold, fit_threshold
from emocal_rl.evaluate.checkpoint import Checkpoint
from emocal_rl.evaluate.completions import refuse_failure, until_hopeless
from emocal_rl.evaluate.engines import Completion, Decoding, Engine, Request
from emocal_rl.evaluate.records import read_records
from emocal_rl.recipe_blocks import Data
from emocal_rl.rewards import Format
from emocal_rl.rewards.formats.reply import Reply


@dataclass(frozen=True)
class Prediction:
    """What a model says about a picture. ``abstains``: it could not be read, or states less than the threshold."""

    image: str
    reply: Reply
    error: str | None
    abstains: bool

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready; a reply with a fault has no confidence."""
        reply = self.reply
        return {
            "image": self.image,
            "answer": reply.answer,
            "confidence": None if reply.fault else reply.confidence,
            "reasoning": dict(reply.parts),
            "abstains": self.abstains,
            "fault": reply.fault,
            "error": self.error,
            "text": reply.text,
        }


def question_of(checkpoint: Checkpoint, asked: str | None, candidates: Sequence[str] | None) -> tuple[str, list[str]]:
    """Question and candidates: those given, else those of the run's data or in the model's folder, or of the embedded
    data for the tiny model.

    Raises UserError where there is neither.
    """
    if checkpoint.question is not None:
        return asked or checkpoint.question, list(checkpoint.candidates or () if candidates is None else candidates)
    spec = checkpoint.recipe.data if checkpoint.recipe else Data() if checkpoint.model == "tiny" else None
    if spec is None and asked is None:
        raise UserError(f"{checkpoint.model}: say what to ask with --question, and the labels with --candidates a,b")
    if spec is None or (asked is not None and candidates is not None):
        return str(asked), list(candidates or ())
    row = next(row for rows in load_data(spec).splits.values() for row in rows)
    return asked or row.question, list(row.candidates if candidates is None else candidates)


def rows_of(images: Sequence[str], question: str, candidates: Sequence[str]) -> list[Row]:
    """One row a picture. Raises UserError for all that cannot be opened, one line each."""
    from PIL import Image

    rows, problems = [], []
    for name in images:
        try:
            picture = Image.open(Path(name)).convert("RGB")
        except OSError as problem:
            reason = "no such file" if isinstance(problem, FileNotFoundError) else f"no readable picture ({problem})"
            problems.append(f"{name}: {reason}")
            continue
        rows.append(Row(name, picture, question, tuple(candidates), (0,) * len(candidates), name))
    if problems:
        raise UserError(*problems)
    return rows


def checked_threshold(value: float) -> float:
    """A confidence below which nothing is answered. Raises UserError outside [0, 1].

    >>> checked_threshold(0.8)
    0.8
    """
    if not 0 <= value <= 1:
        hint = f"; {value:g}% is {value / 100:g}" if 1 < value <= 100 else ""
        raise UserError(f"--abstain-below: a confidence lies in [0, 1], got {value:g}{hint}")
    return value


def validation_threshold(checkpoint: Checkpoint, risk: float) -> Threshold:
    """The threshold fitted on the stage's records of the run's validation split (the recipe's first evaluation split).

    Raises UserError without a run or without such records, and when no threshold keeps the risk.
    """
    if checkpoint.run is None or checkpoint.recipe is None:
        raise UserError(f"--risk: {checkpoint.model} is no run directory, so there are no validation records to fit a "
                        "threshold on; use --abstain-below")  # fmt: skip
    split = checkpoint.recipe.evaluation.splits[0]
    path = checkpoint.run / "records" / f"{checkpoint.name}-{split}.jsonl"
    if not path.is_file():
        raise UserError(f"--risk: there are no validation records ({path}); use --abstain-below")
    sample = read_records(path).sample
    return fit_threshold(sample.confidence, sample.correct, risk)


def predict(
    rows: Sequence[Row], form: Format, engine: Engine, decoding: Decoding, threshold: float | None = None
) -> Iterator[Prediction]:
    """One prediction a row, in the order of the rows; the first are handed out while later ones are being made.

    Raises UserError when every request fails: at once after the first of many, else when all have been handed out.
    """
    requests = [Request(row, form) for row in rows]
    numbers = {id(request): index for index, request in enumerate(requests)}  # the same picture may be asked twice
    done: dict[int, Prediction] = {}
    following = 0
    found: list[Completion] = []
    for one in until_hopeless(engine.complete(requests, decoding), "predict"):
        row = one.request.row
        reply = form.read(one.text or "", list(row.candidates) or None)
        silent = bool(reply.fault) or (threshold is not None and (reply.confidence or 0.0) < threshold - 1e-12)
        done[numbers[id(one.request)]] = Prediction(row.id, reply, one.error, silent)
        found.append(one)
        while following in done:
            yield done.pop(following)
            following += 1
    refuse_failure(found, "predict")


def lines(prediction: Prediction, threshold: float | None) -> list[str]:
    """A prediction for people: what it says and how sure it is, then its reasoning."""
    reply = prediction.reply
    if prediction.error is not None:
        return [f"{prediction.image}: no answer: {prediction.error}"]
    if reply.fault:
        return [f"{prediction.image}: the reply cannot be read ({reply.fault})", f"    {reply.text.strip()}"]
    stated = "" if reply.confidence is None else f" ({reply.confidence:.2f})"
    below = f", which is below {threshold:g}: better not to answer" if prediction.abstains else ""
    reasons = [f"    {name}: {text}" for name, text in reply.parts.items() if text]
    return [f"{prediction.image}: {reply.answer}{stated}{below}", *reasons]
