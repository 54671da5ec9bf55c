"""Which run of a sweep is trained when: shared stages before the points that need them, seed by seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field

from emocal_rl.errors import UserError
from emocal_rl.sweep.engines import Engine, Outcome
from emocal_rl.sweep.tasks import Task

LOOK_EVERY = 1.0  # seconds between two looks at the running tasks


@dataclass
class State:
    """Where a task stands: waiting (for its shared stages, or a place here), queued (by a cluster), running, done or
    broken; why it broke; seconds it took this time."""

    task: Task
    status: str = "waiting"
    reason: str = ""
    seconds: float | None = None
    attempts: int = 0
    began: float = field(default=0.0, repr=False)


def run(
    tasks: Sequence[Task], engine: Engine, begin: Callable[[Task], None], watch: Callable[[Sequence[State]], None],
    *, retries: int = 1,
) -> list[State]:  # fmt: skip
    """Train every task that is not finished; a broken one is noted and the others go on.

    begin: makes a task's run directory. watch: is shown the states again and again. retries: how often a task that
    crashed is tried again; a mistake that it explains itself is not retried.
    """
    states = [State(task, "done" if task.status == "done" else "waiting") for task in tasks]
    running: dict[Future[Outcome], State] = {}
    watch(states)
    while running or _ready(states):
        for state in _ready(states)[: None if engine.capacity is None else engine.capacity - len(running)]:
            if future := _start(state, engine, begin):
                running[future] = state
        watch(states)
        finished, _ = wait(running, LOOK_EVERY, FIRST_COMPLETED)
        _leave_queue(running.values())
        for future in finished:
            _end(running.pop(future), future, retries)
        watch(states)
    return states


def _start(state: State, engine: Engine, begin: Callable[[Task], None]) -> Future[Outcome] | None:
    try:
        begin(state.task)
    except UserError as error:
        state.status, state.reason = "broken", error.lines[0]
        return None
    state.status = "queued" if engine.capacity is None else "running"
    state.began, state.attempts = time.monotonic(), state.attempts + 1
    return engine.submit(state.task)


def _leave_queue(states: Iterable[State]) -> None:
    """A cluster says nothing when it starts a run; the run itself does, in the folder that all nodes share."""
    for state in states:
        if state.status == "queued" and state.task.status == "running":
            state.status, state.began = "running", time.monotonic()


def _end(state: State, future: Future[Outcome], retries: int) -> None:
    error = future.exception()
    ended = future.result() if error is None else Outcome(f"{type(error).__name__}: {error}".splitlines()[0])
    state.reason, state.seconds = ended.reason, time.monotonic() - state.began
    state.status = "broken" if ended.reason else "done"
    if ended.again and state.attempts <= retries:
        state.status = "waiting"


def _ready(states: Sequence[State]) -> list[State]:
    """The waiting tasks whose shared stages are finished; what can never start is marked broken."""
    by_path = {state.task.path: state for state in states}
    ready = []
    for state in states:
        parent = by_path.get(state.task.parent.path) if state.task.parent else None
        if state.status == "waiting" and parent is not None and parent.status == "broken":
            state.status, state.reason = "broken", f"{parent.task.name} failed: {parent.reason}"
        if state.status == "waiting" and (parent is None or parent.status == "done"):
            ready.append(state)
    return ready
