"""`emocal-rl trace`: reasoning for stage one from a teacher, kept where it is well formed and ends in the row's label.

The teacher is not told the label.  Whoever rejects, selects: hard labels lose more rows than easy ones, so what was
rejected is counted by reason and by label.  Rejection sampling of rationales: Zelikman et al., STaR (2022).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from emocal_rl import files
from emocal_rl.data import Row
from emocal_rl.data import load as load_data
from emocal_rl.data.prompts import question
from emocal_rl.errors import UserError
from emocal_rl.evaluate.completions import complete_to
from emocal_rl.evaluate.engines import Completion, Decoding, Engine, Request
from emocal_rl.recipe_blocks import Data
from emocal_rl.rewards.formats import Reply, TagFormat, emocaliber_answer
from emocal_rl.rewards.formats.emocaliber import PARTS
from emocal_rl.rewards.targets import aliases_of

FOR_TEACHER = TagFormat(
    name="emocaliber_teacher",
    states="nothing",
    grid=(),
    bounds=(0.0, 1.0),
    blocks=("think", "answer"),
    think_parts=PARTS,
    inside=(
        ("element", "the salient visual elements"),
        ("human", "the people, their faces and postures, or a sentence that there are none"),
        ("context", "the setting beyond the subjects"),
        ("interaction", "how these act together"),
        ("analysis", "which emotion follows from the four observations, and why"),
    ),
)
"""EmoCaliber's form with its five parts named: a teacher has not learnt them in a stage one."""
FAILED, WRONG, THIN = "no completion", "another label", "a part of fewer words than asked for"
"""Why a trace is rejected, besides the reader's faults."""


@dataclass(frozen=True)
class TraceJob:
    """What to write reasoning for: a split of data, at most `tries` samples a row, into `out`.

    words: fewest words of every part.
    """

    data: Data
    split: str
    out: Path
    decoding: Decoding
    tries: int = 4
    words: int = 3

    def __post_init__(self) -> None:
        if self.tries < 1 or self.words < 1:
            raise UserError(f"trace: --tries and --words must be at least 1, got {self.tries} and {self.words}")
        if self.tries > 1 and not self.decoding.temperature:
            raise UserError(f"trace: --tries {self.tries} needs --temperature above 0; a greedy teacher repeats itself")

    @property
    def completions(self) -> Path:
        """Every completion as it came; an interrupted job goes on here."""
        return self.out.with_suffix(".completions.jsonl")


@dataclass
class Tally:
    """What became of the samples: rows and rows kept by label, kept by try, samples rejected by reason and label."""

    rows: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    at_try: Counter[int] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    rejected_of: dict[str, Counter[str]] = field(default_factory=dict)
    said_instead: Counter[str] = field(default_factory=Counter)

    def reject(self, row: Row, reason: str, answer: str | None) -> None:
        """Count a rejected sample."""
        self.rejected[reason] += 1
        self.rejected_of.setdefault(row.label, Counter())[reason] += 1
        if reason == WRONG:
            self.said_instead[f"{row.label} -> {answer}"] += 1

    def keep(self, row: Row, turn: int) -> None:
        """Count a row whose trace is kept."""
        self.kept[row.label] += 1
        self.at_try[turn] += 1

    @property
    def shift(self) -> float:
        """How far the labels kept are from those asked for: total variation distance, in [0, 1]; 0 is no shift."""
        asked, kept = self.rows.total(), self.kept.total()
        if not kept:
            return 1.0
        return sum(abs(n / asked - self.kept[name] / kept) for name, n in self.rows.items()) / 2

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "rows": self.rows.total(),
            "kept": self.kept.total(),
            "kept_at_try": {str(turn): n for turn, n in sorted(self.at_try.items())},
            "rejected_samples": dict(self.rejected.most_common()),
            "labels": {
                name: {"rows": n, "kept": self.kept[name], "rejected_samples": dict(self.rejected_of.get(name, {}))}
                for name, n in sorted(self.rows.items())
            },
            "said_instead": dict(self.said_instead.most_common()),
            "label_shift": round(self.shift, 4),
        }


def trace(job: TraceJob, engine: Engine) -> list[str]:
    """Ask, filter, write the traces and the statistics; returns what to print.  The same job again resumes."""
    rows = list(load_data(job.data).split(job.split))
    tally = Tally(rows=Counter(row.label for row in rows))
    kept = _kept(job, engine, rows, tally)
    if not kept:
        raise UserError(
            f"trace: no sample of {len(rows)} rows could be kept ({_reasons(tally)}); see {job.completions}"
        )
    lines = [entry(job, row, reply, engine.model) for row in rows if (reply := kept.get(row.id))]
    files.write_jsonl(job.out, lines)
    files.write_json(job.out.with_suffix(".stats.json"), tally.as_dict())
    return [*summary(tally), f"written: {job.out} and {job.out.with_suffix('.stats.json')}"]


def _kept(job: TraceJob, engine: Engine, rows: Sequence[Row], tally: Tally) -> dict[str, Reply]:
    """Row id -> the first sample that passes; rows without one are asked again, up to `tries` times."""
    kept: dict[str, Reply] = {}
    for turn in range(job.tries):
        requests = [Request(row, FOR_TEACHER, turn) for row in rows if row.id not in kept]
        if not requests:
            break
        for one in complete_to(job.completions, requests, engine, job.decoding, label=f"traces, try {turn + 1}"):
            reply, reason = judged(one, job.words)
            if reason:
                tally.reject(one.request.row, reason, reply.answer)
            else:
                kept[one.request.row.id] = reply
                tally.keep(one.request.row, turn + 1)
    return kept


def judged(one: Completion, words: int) -> tuple[Reply, str]:
    """A sample as it was read, and why it is rejected, "" when it is kept."""
    row = one.request.row
    if one.text is None:
        return Reply(""), FAILED
    reply = FOR_TEACHER.read(one.text, list(row.candidates) or None, aliases_of(row.target()))
    if reply.fault:
        return reply, reply.fault
    if reply.answer != row.label:
        return reply, WRONG
    return reply, THIN if any(len(text.split()) < words for text in reply.parts.values()) else ""


def entry(job: TraceJob, row: Row, reply: Reply, teacher: str) -> dict[str, Any]:
    """One line: a row of ours with its reasoning, and the same as ms-swift's `messages` and `images`."""
    text = emocaliber_answer.write(reply.parts, row.label)
    mark = "" if row.source is None else "<image>"
    asked = {"role": "user", "content": mark + question(row, emocaliber_answer)}
    picture = {} if row.source is None else {"image": (path := picture_file(job, row)), "images": [path]}
    return {
        "id": row.id,
        "split": job.split,
        **picture,
        "question": row.question,
        **row.target(),
        "cluster": row.cluster,
        "parts": dict(reply.parts),
        "messages": [asked, {"role": "assistant", "content": text}],
        "teacher": teacher,
    }


def picture_file(job: TraceJob, row: Row) -> str:
    """Where the row's picture is; one that is in memory alone is written beside the traces."""
    if isinstance(row.source, Path):
        return str(row.source.resolve())
    folder = job.out.with_suffix(".images")
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", row.id)
    if name != row.id:  # two ids may be the same but for what is no letter, and must not share a picture
        name = f"{name}-{hashlib.sha256(row.id.encode()).hexdigest()[:8]}"
    path = folder / f"{name}.png"
    if not path.exists():
        with files.writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            picture: Image.Image = row.image
            picture.save(path)
    return str(path.resolve())


def summary(tally: Tally) -> list[str]:
    """What was kept, why the rest was not, and which labels lost most."""
    total = tally.rows.total()
    share = {name: tally.kept[name] / n for name, n in tally.rows.items()}
    worst = sorted(share, key=lambda name: share[name])[:3]
    tries = ", ".join(f"{n} at try {turn}" for turn, n in sorted(tally.at_try.items()))
    return [
        f"kept {tally.kept.total()} of {total} rows ({tally.kept.total() / total:.0%}): {tries}",
        f"rejected samples: {_reasons(tally)}",
        f"labels that lost most: {', '.join(f'{name} (kept {share[name]:.0%})' for name in worst)}",
        f"shift of the label distribution by the filter: {tally.shift:.3f} (0: none, 1: total)",
    ]


def _reasons(tally: Tally) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in _common(tally.rejected)) or "none"


def _common(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
