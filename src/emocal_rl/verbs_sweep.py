"""The verb `sweep`."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from emocal_rl.errors import UserError

if TYPE_CHECKING:
    from emocal_rl.sweep.engines import Engine
    from emocal_rl.sweep.spec import Plan


def sweep_options(parser: ArgumentParser) -> None:
    """Options of `sweep`."""
    parser.add_argument("sweep", metavar="SWEEP", nargs="?", help="a packaged sweep or a .yaml file; none: list them")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="change the recipe all variants start from")
    parser.add_argument("--out", metavar="DIR", help="where the runs go; default runs/SWEEP; called again, it goes on")
    parser.add_argument("--seeds", metavar="0,1,...", help="these seeds in place of the file's")
    parser.add_argument("--only", metavar="NAME,...", help="only these variants or points (VARIANT-SEED)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="this machine, or a Ray cluster")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="local: runs at a time; default 1")
    parser.add_argument("--address", metavar="HOST:PORT", help="ray: head node; default RAY_ADDRESS, else a local Ray")
    parser.add_argument("--gpus", type=float, default=0.0, metavar="N", help="ray: GPUs a run takes, may be a share")
    parser.add_argument("--cpus", type=float, default=1.0, metavar="N", help="ray: CPU cores a run takes; default 1")
    parser.add_argument("--retries", type=int, default=1, metavar="N", help="tries after a crash; default 1")
    parser.add_argument("--part", action="store_true", help="others train the rest in the same folder: no report")
    parser.add_argument("--print", choices=("slurm", "skypilot"), help="print a script for that scheduler and stop")


def sweep(args: Namespace) -> None:
    """Train the points of a sweep that are not finished, then compare them."""
    from emocal_rl.sweep import spec
    from emocal_rl.sweep.command import Options, run_sweep

    if args.sweep is None:
        _list()
        return
    _check(args)
    plan = spec.load(args.sweep, args.overrides, _seeds(args.seeds))
    out = Path(args.out or Path("runs") / plan.name)
    if args.print:
        print(_script(args, plan, out), end="")
        return
    options = Options(out, _names(args.only), _engine(args), args.retries, args.part)
    print("\n".join(run_sweep(plan, options, ["emocal-rl", *sys.argv[1:]])))


def _list() -> None:
    from emocal_rl.sweep.spec import packaged

    print("\n".join(listing(packaged())))


def listing(shipped: Mapping[str, Path]) -> list[str]:
    """Names of packaged files and what each says about itself: wrapped on a terminal, else a line each, for grep."""
    wide = max(map(len, shipped), default=0) + 2
    lines = [f"{name:{wide}}{first_sentence(path)}" for name, path in shipped.items()]
    if not sys.stdout.isatty():
        return lines
    columns = max(wide + 40, min(120, shutil.get_terminal_size().columns))
    style = textwrap.TextWrapper(columns, subsequent_indent=" " * wide, break_on_hyphens=False)
    return [part for line in lines for part in style.wrap(line)]


def first_sentence(path: Path) -> str:
    """What a packaged file says about itself: the first sentence of its header comment, joined over its lines."""
    from emocal_rl.recipe_source import summary

    further = takewhile(lambda line: re.match(r"# ?\S", line), path.read_text(encoding="utf-8").splitlines()[1:])
    text = " ".join([summary(path), *(line.lstrip("# ") for line in further)])
    found = re.match(r".*?[.?!](?=\s|$)", text)
    return found.group() if found else text


def _check(args: Namespace) -> None:
    problems = [f"--jobs must be at least 1 (got {args.jobs})"] if args.jobs < 1 else []
    problems += [f"--{name} must not be negative (got {value:g})" for name in ("gpus", "cpus", "retries")
                 if (value := getattr(args, name)) < 0]  # fmt: skip
    if args.engine == "ray" and args.jobs != 1:
        problems.append("--jobs is for --engine local; on Ray --gpus and --cpus say how much room a run takes")
    if args.engine == "local" and (args.address or args.gpus or args.cpus != 1):
        problems.append("--address, --gpus and --cpus are for --engine ray")
    if problems:
        raise UserError(*[f"sweep: {problem}" for problem in problems])


def _engine(args: Namespace) -> Callable[[], Engine]:
    if args.engine == "ray":
        from emocal_rl.sweep.cluster import Cluster

        return lambda: Cluster(args.address, args.gpus, args.cpus, args.retries)
    from emocal_rl.sweep.engines import Local

    return lambda: Local(args.jobs)


def _script(args: Namespace, plan: Plan, out: Path) -> str:
    from emocal_rl.sweep import scripts
    from emocal_rl.sweep.command import chosen
    from emocal_rl.sweep.tasks import tasks_of

    command = ["emocal-rl", "sweep", args.sweep, *args.overrides]
    tasks = chosen(tasks_of(plan, out), plan, _names(args.only))
    command += ["--only", args.only] if args.only else []  # the report trains what is missing, and no more than that
    if args.print == "skypilot":
        return scripts.skypilot(plan, command)
    command += ["--out", str(out)]
    command += ["--seeds", args.seeds] if args.seeds else []
    return scripts.slurm(plan, tasks, out, command)


def _names(text: str | None) -> list[str]:
    return [name for name in (text or "").split(",") if name]


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if not all(word.isdecimal() for word in text.split(",")):
        raise UserError(f"sweep: --seeds takes whole numbers with commas between them (got {text!r})")
    return list(dict.fromkeys(int(word) for word in text.split(",")))
