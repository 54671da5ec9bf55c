"""Says once that a model does not reply in the format: then every reply is paid the same, and nothing is learnt."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.rewards import Format, Scored
from emocal_rl.rewards.targets import candidates_of

FIRST = 64
"""Replies that are waited for before it is said."""
SHOWN = 200
"""Characters of a reply that are shown."""


class FirstReplies:
    """Looks at the replies from the first one on, until one can be read or `FIRST` of them could not."""

    def __init__(self) -> None:
        self._unread: int | None = 0

    def look(self, scored: Sequence[Scored], targets: Sequence[Mapping[str, Any]], form: Format) -> None:
        """Count them; log a warning, once, with one of the replies and with what the format asks for."""
        if self._unread is None or not scored:
            return
        if any(row.reply.fault is None for row in scored):
            self._unread = None
            return
        self._unread += len(scored)
        if self._unread >= FIRST:
            logging.getLogger("emocal_rl").warning(sentence(self._unread, scored[-1], targets[-1], form))
            self._unread = None


def sentence(count: int, row: Scored, target: Mapping[str, Any], form: Format) -> str:
    """What is wrong, an example of it, and what to do."""
    text = row.reply.text
    shown = f"{text[:SHOWN]!r}{'...' if len(text) > SHOWN else ''}"
    return (
        f"none of the first {count} replies can be read in format {form.name}, so all are paid the same and nothing is "
        f"learnt; the last one ({row.reply.fault}): {shown}. The format asks for: "
        f"{form.instruction(candidates_of(target))} Put that into the prompt, and start from a model that replies so: "
        "a warm start by imitation teaches it"
    )
