"""Asking the model of the previous stage: in this process, or through any engine with everything kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl.data import Row
from emocal_rl.errors import UserError
from emocal_rl.evaluate.completions import complete_to
from emocal_rl.evaluate.engines import Decoding, Engine, Request
from emocal_rl.evaluate.engines.hf import HfEngine
from emocal_rl.evaluate.generate import complete
from emocal_rl.rewards.formats import find_format
from emocal_rl.train.label_shares import label_shares

if TYPE_CHECKING:
    from emocal_rl.recipe_blocks import Labels


@dataclass(frozen=True)
class ModelAnswers:
    """A transformers model in this process; `seed` of the sampling, `batch_size` replies at a time."""

    model: Any
    processor: Any
    seed: int
    batch_size: int

    def samples(self, rows: Sequence[Row], labels: Labels) -> list[list[str | None]]:
        """`labels.samples` completions a row."""
        asked = [row for row in rows for _ in range(labels.samples)]
        texts = self._complete(asked, labels, labels.temperature, labels.strategy.replace("_", " "))
        return [list(texts[at : at + labels.samples]) for at in range(0, len(texts), labels.samples)]

    def probabilities(self, rows: Sequence[Row], labels: Labels) -> list[list[float] | None]:
        """Of each row's candidates, after the greedy reasoning."""
        texts, form = self._complete(rows, labels, 0.0, "answers"), find_format(labels.format)
        return label_shares(self.model, self.processor, rows, texts, form, self.batch_size)

    def _complete(self, rows: Sequence[Row], labels: Labels, temperature: float, label: str) -> list[str]:
        how = {"batch_size": self.batch_size, "max_new_tokens": labels.max_new_tokens, "seed": self.seed}
        form = find_format(labels.format)
        return complete(self.model, self.processor, rows, form, temperature=temperature, label=label, **how)


@dataclass(frozen=True)
class EngineAnswers:
    """Any engine; completions are appended to `path`, and what is there already is not asked again.

    failed: the ids of rows of which a completion failed; they are asked again by the next job.
    """

    engine: Engine
    path: Path
    seed: int
    failed: set[str] = field(default_factory=set)

    def samples(self, rows: Sequence[Row], labels: Labels) -> list[list[str | None]]:
        """`labels.samples` completions a row."""
        return self._complete(rows, labels, labels.samples, labels.temperature)

    def probabilities(self, rows: Sequence[Row], labels: Labels) -> list[list[float] | None]:
        """Of each row's candidates, after the greedy reasoning; the hf engine alone has them.

        Raises:
            UserError: another engine.
        """
        engine = self.engine
        if not isinstance(engine, HfEngine):
            raise UserError("--strategy answer_probability: the probabilities of tokens are only had from --engine hf")
        texts = [each[0] or "" for each in self._complete(rows, labels, 1, 0.0)]
        return label_shares(*engine.loaded, rows, texts, find_format(labels.format), engine.batch_size)

    def _complete(self, rows: Sequence[Row], labels: Labels, times: int, temperature: float) -> list[list[str | None]]:
        form = find_format(labels.format)
        requests = [Request(row, form, repeat) for row in rows for repeat in range(times)]
        decoding = Decoding(temperature, 1.0, labels.max_new_tokens, self.seed)
        found = complete_to(self.path, requests, self.engine, decoding, label=labels.strategy.replace("_", " "))
        self.failed.update(one.request.row.id for one in found if one.text is None)
        return [[one.text for one in found[at : at + times]] for at in range(0, len(found), times)]
