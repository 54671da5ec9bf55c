"""Rows -> what TRL's trainers read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from emocal_rl.data import Row
from emocal_rl.data.augment import jitter
from emocal_rl.data.prompts import question
from emocal_rl.rewards import Format


def reasoning(row: Row, label: str) -> dict[str, str]:
    """The five parts for a training target: what can be seen, then the conclusion."""
    return {**row.parts, "analysis": f"people feel {label}"}


def prompt_columns(row: Row, form: Format) -> dict[str, Any]:
    """The picture and the prompt, without the picture's place in it."""
    # the content stays a string: Arrow would pad mixed text and image parts with None; TRL puts the picture in front
    return {"prompt": [{"role": "user", "content": question(row, form)}], "image": row.image}


def sft_example(row: Row, form: Format, confidence: float | None) -> dict[str, Any]:
    """One supervised example: the picture, the question, and the reasoning, majority answer and confidence to learn."""
    text = form.write(reasoning(row, row.label), row.label, confidence)
    return {**prompt_columns(row, form), "completion": [{"role": "assistant", "content": text}]}


def rl_example(row: Row, form: Format) -> dict[str, Any]:
    """One prompt for reinforcement learning, with the columns of a target."""
    return {**prompt_columns(row, form), "id": row.id, **row.target()}


def dataset(rows: Iterable[Row], example: Callable[[Row], dict[str, Any]], augment: float, seed: int) -> Any:
    """A `datasets.Dataset` of examples, each picture jittered anew."""
    from datasets import Dataset

    random = np.random.default_rng([seed, 1])
    return Dataset.from_list([example(replace(row, image=jitter(row.image, random, augment))) for row in rows])
