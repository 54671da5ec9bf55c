"""Where the runs of a sweep are trained: processes on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from emocal_rl import environment
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
        self._places: SimpleQueue[dict[str, str]] = SimpleQueue()
        for place in places(jobs, visible_gpus()):
            self._places.put(place)

    def submit(self, task: Task) -> Future[Outcome]:
        """Start a process, which ends with this one."""
        return self._pool.submit(self._train, task)

    def _train(self, task: Task) -> Outcome:
        place = self._places.get()
        try:
            return train(task.path, task.parent.path if task.parent else None, place, self._hold)
        finally:
            self._places.put(place)

    def _hold(self, process: subprocess.Popen[bytes]) -> Callable[[], None]:
        self._running.add(process)
        return lambda: self._running.discard(process)

    def close(self) -> None:
        """Ask what is running to end, as Ctrl-C does, and wait for it."""
        for process in list(self._running):
            process.terminate()
        self._pool.shutdown(cancel_futures=True)


def visible_gpus() -> list[str]:
    """The GPUs of this machine that CUDA_VISIBLE_DEVICES leaves, as it writes them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return [str(index) for index in range(environment.gpus())]


def places(jobs: int, gpus: Sequence[str]) -> list[dict[str, str]]:
    """What each of the jobs finds in its environment: a GPU of its own, shared only when there are too few.

    >>> places(3, ["0", "1"])
    [{'CUDA_VISIBLE_DEVICES': '0'}, {'CUDA_VISIBLE_DEVICES': '1'}, {'CUDA_VISIBLE_DEVICES': '0'}]
    >>> places(2, [])
    [{}, {}]
    """
    return [{"CUDA_VISIBLE_DEVICES": gpus[job % len(gpus)]} if gpus else {} for job in range(jobs)]


def train(
    path: Path,
    parent: Path | None,
    place: Mapping[str, str] | None = None,
    hold: Callable[[subprocess.Popen[bytes]], Callable[[], None]] | None = None,
) -> Outcome:
    """Train one run to its end in a new process.

    place: what its environment has beside this one's. hold: is given the process, and gives what to call when it ends.
    """
    command = [sys.executable, "-m", "emocal_rl.sweep.worker", str(os.getpid()), str(path)]
    log = path / LOG
    log.parent.mkdir(exist_ok=True)
    with log.open("a+b") as file:
        start = file.tell()
        around = {"OMP_NUM_THREADS": "1", **os.environ, **(place or {})}
        process = subprocess.Popen([*command, *([] if parent is None else [str(parent)])], stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=file, env=around)  # fmt: skip
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
