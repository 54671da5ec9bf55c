"""Where the runs of a sweep are trained: processes on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from emocal_rl.sweep.tasks import Task

LOG = Path("logs") / "console.log"
"""What a run prints, inside its directory."""
_EXCEPTION = re.compile(r"[\w.]*(Error|Exception|Exit)\b")


class Outcome(NamedTuple):
    """How a run ended: "" or, when it failed, the reason in one line; whether trying again may help."""

    reason: str
    again: bool = False


class Engine(Protocol):
    """capacity: how many runs can be trained at a time; None for as many as there are."""

    capacity: int | None

    def submit(self, task: Task) -> Future[Outcome]:
        """Start training."""

    def close(self) -> None:
        """Stop what is running."""


class Local:
    """Processes on this machine, `jobs` at a time, each with one thread of its own."""

    def __init__(self, jobs: int) -> None:
        self.capacity: int | None = jobs
        self._pool = ThreadPoolExecutor(jobs)
        self._running: set[subprocess.Popen[bytes]] = set()

    def submit(self, task: Task) -> Future[Outcome]:
        """Start a process, which ends with this one."""
        return self._pool.submit(train, task.path, task.parent.path if task.parent else None, self._hold)

    def _hold(self, process: subprocess.Popen[bytes]) -> Callable[[], None]:
        self._running.add(process)
        return lambda: self._running.discard(process)

    def close(self) -> None:
        """Ask what is running to end, as Ctrl-C does, and wait for it."""
        for process in list(self._running):
            process.terminate()
        self._pool.shutdown(cancel_futures=True)


def train(
    path: Path, parent: Path | None, hold: Callable[[subprocess.Popen[bytes]], Callable[[], None]] | None = None
) -> Outcome:
    """Train one run to its end in a new process."""
    command = [sys.executable, "-m", "emocal_rl.sweep.worker", str(os.getpid()), str(path)]
    log = path / LOG
    log.parent.mkdir(exist_ok=True)
    with log.open("a+b") as file:
        start = file.tell()
        threads = os.environ.get("OMP_NUM_THREADS", "1")
        process = subprocess.Popen([*command, *([] if parent is None else [str(parent)])], stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=file, env=os.environ | {"OMP_NUM_THREADS": threads})  # fmt: skip
        release = hold(process) if hold else lambda: None
        try:
            code = process.wait()
        finally:
            release()
        file.seek(start)
        return outcome(code, file.read().decode("utf-8", "replace"))


def outcome(code: int, printed: str) -> Outcome:
    """How a process ended that printed this: its first error line, else its exception, else the last line.

    >>> outcome(2, "error: no such split")
    Outcome(reason='no such split', again=False)
    >>> outcome(-9, "step 3")
    Outcome(reason='killed by signal 9 (too little memory?)', again=True)
    """
    if code == 0:
        return Outcome("")
    if code < 0:
        return Outcome(f"killed by signal {-code}" + (" (too little memory?)" if code == -9 else ""), True)
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    raised = [line for line in lines if _EXCEPTION.match(line)]
    return Outcome((errors or raised[-1:] or lines[-1:] or [f"exit code {code}"])[0], code not in (2, 130))
