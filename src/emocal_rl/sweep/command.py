"""`emocal-rl sweep`: plan, train what is not finished, write what happened, compare."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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
    """out: where the runs go. only: names of variants, points or cold starts, empty for all. engine: where they are
    trained, given when it is needed. retries: how often a run that crashed is tried again. part: others train the rest
    of this sweep in the same folder, so nothing is written but the runs.
    """

    out: Path
    only: Sequence[str] = ()
    engine: Callable[[], Engine] = lambda: Local(1)
    retries: int = 1
    part: bool = False


def run_sweep(plan: Plan, options: Options, command: Sequence[str]) -> list[str]:
    """Train, note the state of every run in OUT/sweep.json, compare; what to print at the end.

    Raises `UserError` when points are broken, after the comparison of the others.
    """
    tasks = chosen(tasks_of(plan, options.out), plan, options.only)
    require_same_recipes(tasks)
    states = train(tasks, plan, options, command)
    lines = [] if options.part else compare(plan, options.out)
    if failed := broken(states):
        print("\n".join(lines))
        raise UserError(*[f"{state.task.name}: {state.reason}" for state in failed],
                        f"{len(failed)} of {len(states)} runs failed; the same command tries them again")  # fmt: skip
    return lines


def chosen(tasks: Sequence[Task], plan: Plan, only: Sequence[str]) -> list[Task]:
    """The tasks of these variants, points or cold starts, with the cold starts they need; all of them for no names."""
    points, names = [point.name for point in plan.points], [task.name for task in tasks]
    lost = {name: points if "-" in name else plan.variants for name in only if name not in (*plan.variants, *names)}
    if lost:
        near = {name: did_you_mean(name, among) for name, among in lost.items()}
        raise UserError(*[f"sweep: --only: no variant or point '{name}'{hint}" for name, hint in near.items()])
    wanted = {*only, *(point.name for point in plan.points if not only or point.variant in only)}
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
    """Train what is not finished; only one sweep at a time writes to a folder, the parts of one aside."""
    out = options.out
    with files.writing(out):
        out.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if not options.part:
            lock = files.Lock(
                out / ".lock", lambda pid: f"{out} is in use by process {pid}; wait for that sweep to end"
            )
            stack.callback(lock.release)
        engine = options.engine()
        stack.callback(engine.close)
        # Not before: Ray has a way of its own to end on SIGTERM, without a word.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _interrupt))
        try:
            return _watched(tasks, plan, engine, options, command)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("interrupted; the same command goes on where it was") from None


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _watched(
    tasks: Sequence[Task], plan: Plan, engine: Engine, options: Options, command: Sequence[str]
) -> list[State]:
    last: list[str] = []

    with board(f"{plan.name}: {options.out}", engine.capacity) as show:

        def watch(states: Sequence[State]) -> None:
            show(states)
            if last != (now := [state.status for state in states]) and not options.part:
                last[:] = now
                files.write_json(options.out / "sweep.json", summary(states, plan))

        return run(tasks, engine, lambda task: task.begin(command), watch, retries=options.retries)


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


def compare(plan: Plan, out: Path) -> list[str]:
    """Write the report of all points that are finished; what to print."""
    tasks = {task.name: task for task in tasks_of(plan, out)}
    done = {p.name: tasks[p.name].path for p in plan.points if tasks[p.name].status == "done"}
    if len(done) < 2:
        return [f"{len(done)} of {len(plan.points)} points are finished; a comparison needs two"]
    from emocal_rl.sweep.report import report_lines, write_report

    try:
        numbers = write_report(plan, done, out)
    except UserError as error:
        return [f"no comparison: {line}" for line in error.lines]
    return [*report_lines(numbers), f"report: {out / 'report.html'}"]
