"""What a sweep shows while it runs: a table that is kept up to date on a terminal, plain lines anywhere else."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from emocal_rl.progress import duration
from emocal_rl.sweep.schedule import State

if TYPE_CHECKING:
    from rich.table import Table

Watch = Callable[[Sequence[State]], None]
STYLES = {"done": "green", "broken": "bold red", "running": "cyan", "queued": "dim", "waiting": "dim"}


@contextmanager
def board(title: str, capacity: int | None, stream: TextIO | None = None) -> Iterator[Watch]:
    """Give the function that is shown the states of a sweep's tasks."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield _Lines(stream)
        return
    from rich.console import Console
    from rich.live import Live

    began = time.monotonic()
    with Live(console=Console(file=stream), auto_refresh=False) as live:
        yield lambda states: live.update(_table(title, states, left(states, began, capacity)), refresh=True)


class _Lines:
    """One line for every change."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.seen = stream, dict[str, str]()

    def __call__(self, states: Sequence[State]) -> None:
        if not self.seen and (before := sum(state.status == "done" for state in states)):
            self._say(f"{before} of {len(states)} runs are finished already")
        for state in states:
            known = self.seen.get(state.task.name, "done" if state.seconds is None else "waiting")
            if state.status != known and state.status not in ("waiting", "queued"):
                done = sum(each.status == "done" for each in states)
                self._say(f"{state.task.name}: {_said(state)} ({done} of {len(states)} done)")
            self.seen[state.task.name] = state.status

    def _say(self, line: str) -> None:
        print(line, file=self.stream, flush=True)


def _said(state: State) -> str:
    took = "" if state.seconds is None else f" in {duration(state.seconds)}"
    return {
        "running": "running" if state.attempts < 2 else f"running again (was: {state.reason})",
        "done": f"done{took}",
        "broken": f"failed: {state.reason}",
    }[state.status]


def left(states: Sequence[State], began: float, capacity: int | None) -> str:
    """The time left in words, from the mean time of the runs finished so far."""
    took = [state.seconds for state in states if state.status == "done" and state.seconds is not None]
    running = sum(state.status == "running" for state in states)
    open_ = running + sum(state.status in ("waiting", "queued") for state in states)
    passed = duration(time.monotonic() - began)
    if not took or not open_:
        return passed
    return f"{passed}, about {duration(sum(took) / len(took) * open_ / min(capacity or running or 1, open_))} left"


def _table(title: str, states: Sequence[State], clock: str) -> Table:
    from rich.table import Table

    points = [state for state in states if not state.task.name.startswith("cold/")]
    seeds = list(dict.fromkeys(state.task.recipe.seed for state in states))
    table = Table(title=title, caption="\n".join([clock, *(f"{s.task.name}: {s.reason}" for s in broken(states))]))
    table.add_column("variant")
    for seed in seeds:
        table.add_column(f"seed {seed}", justify="right")
    cold = [state for state in states if state not in points]
    groups = {"cold start": cold} if cold else {}
    for state in points:
        groups.setdefault(state.task.name.removesuffix(f"-{state.task.recipe.seed}"), []).append(state)
    for name, members in groups.items():
        table.add_row(name, *(" ".join(_cell(s) for s in members if s.task.recipe.seed == seed) for seed in seeds))
    return table


def broken(states: Sequence[State]) -> list[State]:
    """The tasks that failed."""
    return [state for state in states if state.status == "broken"]


def _cell(state: State) -> str:
    text = state.status
    if state.status == "running" and (share := progress(state)) is not None:
        text = f"{share:.0%}"
    if state.status == "done" and state.seconds is not None:
        text = duration(state.seconds)
    return f"[{STYLES[state.status]}]{text}[/]"


def progress(state: State) -> float | None:
    """The share of the steps of the stage that a run is in; None before the first."""
    path = state.task.path / "metrics.jsonl"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 4000))
            row = json.loads(file.read().splitlines()[-1])
        return float(row["step"] / row["max_steps"])
    except (OSError, ValueError, IndexError, KeyError):
        return None
