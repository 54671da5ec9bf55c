"""`emocal-rl sweep`: plan, train what is not finished, write what happened, compare."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from emocal_rl import files
from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean
from emocal_rl.sweep.board import board, broken
from emocal_rl.sweep.engines import Engine, Local
from emocal_rl.sweep.schedule import State, run
from emocal_rl.sweep.spec import Plan
from emocal_rl.sweep.tasks import Task, tasks_of


@dataclass(frozen=True)
class Options:
    """out: where the runs go. only: names of variants or points, empty for all. jobs: runs at a time."""

    out: Path
    only: Sequence[str] = field(default=())
    jobs: int = 1


def run_sweep(plan: Plan, options: Options, command: Sequence[str]) -> list[str]:
    """Train, note the state of every run in OUT/sweep.json, compare; what to print at the end.

    Raises `UserError` when points are broken, after the comparison of the others.
    """
    tasks = chosen(tasks_of(plan, options.out), plan, options.only)
    require_same_recipes(tasks)
    states = train(tasks, plan, options, command)
    lines = compare(states, plan, options.out)
    if failed := broken(states):
        print("\n".join(lines))
        raise UserError(*[f"{state.task.name}: {state.reason}" for state in failed],
                        f"{len(failed)} of {len(states)} runs failed; the same command tries them again")  # fmt: skip
    return lines


def chosen(tasks: Sequence[Task], plan: Plan, only: Sequence[str]) -> list[Task]:
    """The tasks of these variants or points, with the cold starts they need; all of them for no names."""
    known = [*plan.variants, *(point.name for point in plan.points)]
    if lost := [name for name in only if name not in known]:
        raise UserError(*[f"sweep: --only: no variant or point '{name}'{did_you_mean(name, known)}" for name in lost])
    wanted = {point.name for point in plan.points if not only or point.name in only or point.variant in only}
    parents = {task.parent.path for task in tasks if task.name in wanted and task.parent}
    return [task for task in tasks if task.name in wanted or task.path in parents]


def require_same_recipes(tasks: Sequence[Task]) -> None:
    """Raise one `UserError` for all run directories that were made with another recipe."""
    problems = []
    for task in tasks:
        try:
            task.require_same_recipe()
        except UserError as error:
            problems += error.lines
    if problems:
        raise UserError(*problems)


def train(tasks: Sequence[Task], plan: Plan, options: Options, command: Sequence[str]) -> list[State]:
    """Train with one process a run; only one sweep at a time writes to a folder."""
    out = options.out
    with files.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    lock = files.Lock(out / ".lock", lambda pid: f"{out} is in use by process {pid}; wait for that sweep to end")
    engine = Local(options.jobs)
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _watched(tasks, plan, engine, out, command)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command goes on where it was") from None
    finally:
        engine.close()
        signal.signal(signal.SIGTERM, before)
        lock.release()


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _watched(tasks: Sequence[Task], plan: Plan, engine: Engine, out: Path, command: Sequence[str]) -> list[State]:
    last: list[str] = []

    with board(f"{plan.name}: {out}", engine.capacity) as show:

        def watch(states: Sequence[State]) -> None:
            show(states)
            if last != (now := [state.status for state in states]):
                last[:] = now
                files.write_json(out / "sweep.json", summary(states, plan))

        return run(tasks, engine, lambda task: task.begin(command), watch)


def summary(states: Sequence[State], plan: Plan) -> dict[str, Any]:
    """The content of sweep.json."""
    return {
        "schema": 1,
        "sweep": plan.name,
        "baseline": plan.baseline,
        "runs": [
            {"name": state.task.name, "status": state.status, "reason": state.reason or None,
             "seconds": None if state.seconds is None else round(state.seconds, 1)}
            for state in states
        ],
    }  # fmt: skip


def compare(states: Sequence[State], plan: Plan, out: Path) -> list[str]:
    """Write the report of the finished points; what to print."""
    done = {state.task.name: state.task.path for state in states if state.status == "done"}
    finished = sum(point.name in done for point in plan.points)
    if finished < 2:
        return [f"{finished} of {len(plan.points)} points are finished; a comparison needs two"]
    from emocal_rl.sweep.report import report_lines, write_report

    try:
        numbers = write_report(plan, done, out)
    except UserError as error:
        return [f"no comparison: {line}" for line in error.lines]
    return [*report_lines(numbers), f"report: {out / 'report.html'}"]
