"""Rows -> what TRL's trainers read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from emocal_rl.data import Row
from emocal_rl.data.augment import jitter
from emocal_rl.data.pictures import Source, open_picture, parallel
from emocal_rl.data.prompts import question
from emocal_rl.errors import UserError
from emocal_rl.rewards import Format

Stated = float | Mapping[str, float]
"""A confidence in (0, 1), or the probability of every label."""


def reasoning(row: Row, label: str) -> dict[str, str]:
    """The five parts for a training target: what can be seen, then the conclusion, unless the data set has its own."""
    return {"analysis": f"people feel {label}", **row.parts}


def prompt_columns(row: Row, form: Format) -> dict[str, Any]:
    """The picture and the prompt, without the picture's place in it."""
    # the content stays a string: Arrow would pad mixed text and image parts with None; TRL puts the picture in front
    picture = {} if row.source is None else {"image": row.image}
    return {"prompt": [{"role": "user", "content": question(row, form)}], **picture}


def sft_example(row: Row, form: Format, stated: Stated | None) -> dict[str, Any]:
    """One supervised example: the picture, the question, and the reasoning, answer and confidence to learn.

    stated: the confidence in the majority answer; a distribution, whose most probable label is then the answer; or None
        where the format states nothing.

    Raises:
        UserError: the row has not all the reasoning that the format writes.
    """
    try:
        text = _target(row, form, stated)
    except UserError as problem:
        where = "reasoning comes with a row (`parts`), or from: emocal-rl trace"
        raise UserError(f"row {row.id}: {problem}; {where}") from None
    return {**prompt_columns(row, form), "completion": [{"role": "assistant", "content": text}]}


def _target(row: Row, form: Format, stated: Stated | None) -> str:
    if not isinstance(stated, Mapping):
        return form.write(reasoning(row, row.label), row.label, stated)
    label = max(stated, key=lambda name: stated[name])
    told = row.parts.get("think") or f"{row.parts.get('element', '')}; people feel {label}".removeprefix("; ")
    return form.write({"think": told}, label, distribution=stated)


def rl_example(row: Row, form: Format) -> dict[str, Any]:
    """One prompt for reinforcement learning, with the columns of a target."""
    return {**prompt_columns(row, form), "id": row.id, **row.target()}


def dataset(rows: Iterable[Row], example: Callable[[Row], dict[str, Any]], augment: float, seed: int) -> Any:
    """A `datasets.Dataset` of examples, each picture jittered anew; files are opened when the trainer comes to them.

    Raises:
        UserError: some rows have a picture and others have none, which TRL (1.16) does not take in one batch.
    """
    from datasets import Dataset

    chosen = list(rows)
    if all(isinstance(row.source, Image.Image) for row in chosen):
        random = np.random.default_rng([seed, 1])
        return Dataset.from_list([example(replace(row, source=jitter(row.image, random, augment))) for row in chosen])
    texts = Dataset.from_list([example(replace(row, source=None)) for row in chosen])
    if all(row.source is None for row in chosen):
        return texts
    if bare := list(dict.fromkeys(row.id for row in chosen if row.source is None)):
        raise UserError(
            f"data: {len(bare)} of {len({row.id for row in chosen})} rows to train on have no picture (first: "
            f"{bare[0]}), and the others have; TRL takes no such mixture, so leave out the ones or the others "
            "(data.exclude)"
        )
    return texts.add_column("image", list(range(len(chosen)))).with_transform(
        Opening([row.source for row in chosen], augment, seed)
    )


@dataclass(frozen=True)
class Opening:
    """Replaces the numbers in the column `image` by pictures, opened in parallel; the same number, the same jitter."""

    sources: Sequence[Source]
    augment: float
    seed: int

    def __call__(self, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The batch with pictures; a UserError names one that cannot be read."""
        return {**batch, "image": list(parallel(self.picture, batch["image"]))} if "image" in batch else batch

    def picture(self, number: int) -> Image.Image:
        """One picture, jittered."""
        random = np.random.default_rng([self.seed, 1, number])
        return jitter(open_picture(self.sources[number]), random, self.augment)
