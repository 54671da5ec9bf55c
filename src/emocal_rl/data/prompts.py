"""The prompt of a row: its picture, its question, and the format's instruction."""

from __future__ import annotations

from typing import Any

from emocal_rl.data.rows import Row
from emocal_rl.rewards import Format


def question(row: Row, form: Format) -> str:
    """The user's text: what is asked, and how to answer; or the data set's own prompt, where the row has one."""
    return row.prompt or f"{row.question} {form.instruction(row.candidates)}"


def chat(row: Row, form: Format) -> list[dict[str, Any]]:
    """The prompt as chat messages with the picture, where there is one, inside."""
    picture = [] if row.source is None else [{"type": "image", "image": row.image}]
    parts = [*picture, {"type": "text", "text": question(row, form)}]
    return [{"role": "user", "content": parts}]
