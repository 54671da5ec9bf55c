"""Progress of a stage: a bar with the time left on a terminal, plain lines anywhere else."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TextIO

LINE_EVERY = 10.0  # seconds between plain lines: readable under nohup and in CI logs


class Tick(Protocol):
    """Reports that `done` of the stage's steps are finished, with numbers worth watching."""

    def __call__(self, done: int, **numbers: float) -> None:
        """Report progress."""


def loading() -> None:
    """Say, where somebody watches, that the next seconds go by with nothing to see."""
    if sys.stderr.isatty():
        print("loading torch and transformers ...", file=sys.stderr, flush=True)


@contextmanager
def stage_progress(
    name: str,
    total: int,
    description: str = "",
    *,
    start: int = 0,
    stream: TextIO | None = None,
    line_every: float = LINE_EVERY,
) -> Iterator[Tick]:
    """Show the progress of `total` steps; call the result with the number of steps done.

    start: steps that an earlier attempt has done; they do not count in the time left.

    >>> with stage_progress("grpo_brier", 4, "grpo", stream=sys.stdout) as tick:
    ...     tick(2, reward=0.5)
    ...     tick(4, reward=0.75)  # doctest: +ELLIPSIS
    grpo_brier grpo 2/4 (50%) ... left  reward 0.500
    grpo_brier grpo 4/4 (100%) in ...  reward 0.750
    """
    stream = sys.stderr if stream is None else stream
    title = f"{name} {description}".strip()
    shown = _bar(title, total, start, stream) if stream.isatty() else _lines(title, total, start, stream, line_every)
    with shown as tick:
        yield tick


@contextmanager
def _bar(title: str, total: int, start: int, stream: TextIO) -> Iterator[Tick]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=Console(file=stream)) as progress:
        task = progress.add_task(title, total=total, completed=start, numbers="")
        log = _log(title, total)

        def tick(done: int, **numbers: float) -> None:
            progress.update(task, completed=done, numbers=_shown(numbers))
            log(done, numbers)

        yield tick


@contextmanager
def _lines(title: str, total: int, start: int, stream: TextIO, line_every: float) -> Iterator[Tick]:
    began = time.monotonic()
    last = float("-inf")  # the first report is shown
    log = _log(title, total)

    def tick(done: int, **numbers: float) -> None:
        nonlocal last
        now = time.monotonic()
        if done >= total or now - last >= line_every:
            last = now
            left = (now - began) * (total - done) / (done - start) if done > start else float("nan")
            when = f"in {duration(now - began)}" if done >= total else f"{duration(left)} left"
            share = done / total if total else 1.0
            print(f"{title} {done}/{total} ({share:.0%}) {when}  {_shown(numbers)}".rstrip(), file=stream, flush=True)
        log(done, numbers)

    yield tick


def _log(title: str, total: int) -> Callable[[int, dict[str, float]], None]:
    """The attempt's log file gets every report."""
    logger = logging.getLogger("emocal_rl.progress")
    return lambda done, numbers: logger.info("%s %d/%d  %s", title, done, total, _shown(numbers))


def _shown(numbers: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in numbers.items())


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(4.2), duration(75), duration(3725), duration(float("nan"))
    ('4s', '1m15s', '1h02m', '?')
    """
    if seconds != seconds:  # NaN: nothing is known yet
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    return f"{whole // 60}m{whole % 60:02d}s" if whole < 3600 else f"{whole // 3600}h{whole % 3600 // 60:02d}m"
