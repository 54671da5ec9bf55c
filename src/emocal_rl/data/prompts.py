"""The prompt of a row: its picture, its question, and the format's instruction."""

from __future__ import annotations

from typing import Any

from emocal_rl.data.rows import Row
from emocal_rl.rewards import Format


def question(row: Row, form: Format) -> str:
    """The user's text: what is asked, and how to answer."""
    return f"{row.question} {form.instruction(row.candidates)}"


def chat(row: Row, form: Format) -> list[dict[str, Any]]:
    """The prompt as chat messages with the picture inside."""
    parts = [{"type": "image", "image": row.image}, {"type": "text", "text": question(row, form)}]
    return [{"role": "user", "content": parts}]
