"""The verbs of the command line: for each one its options, and a function that calls one function and prints."""

import json
import shutil
import signal
import sys
from argparse import ArgumentParser, Namespace
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from emocal_rl import files, launch, recipe_source
from emocal_rl import recipe as recipe_module
from emocal_rl.errors import UserError
from emocal_rl.progress import loading
from emocal_rl.run import Follower, Run, resume_command
from emocal_rl.run_info import read_info, recipe_of
from emocal_rl.suggest import did_you_mean
from emocal_rl.verbs_sweep import listing

# train


def train_options(parser: ArgumentParser) -> None:
    """Options of `train`."""
    parser.add_argument("--recipe", metavar="NAME", help=recipe_source.NAME_HELP)
    parser.add_argument(
        "overrides", nargs="*", metavar="key=value", help="change the recipe, e.g. trainer.max_steps=10"
    )
    parser.add_argument("--run-dir", metavar="DIR", help="where to write; default runs/RECIPE-DATE-TIME")
    parser.add_argument("--resume", metavar="RUN_DIR", help="continue an unfinished run; takes nothing else")
    parser.add_argument(
        "--print-config", action="store_true", help="print the recipe, all defaults filled in, and stop"
    )
    parser.add_argument(
        "--print", choices=launch.SCRIPTS, help="print a job for several machines that runs this command, and stop"
    )


def train(args: Namespace) -> None:
    """Train a recipe or resume a run, then print the table and where the report is."""
    if args.resume is not None:
        if args.recipe or args.overrides or args.run_dir or args.print_config or args.print:
            raise UserError("train: --resume takes nothing else; the run directory holds the recipe")
        _run(Follower(args.resume) if launch.rank() else Run.open(args.resume))
        return
    recipe = _recipe(args, "train")
    if args.print_config:
        print(recipe_source.chosen(args.recipe), file=sys.stderr)
        print(recipe_module.dump(recipe), end="")
        return
    if args.print:
        print(launch.script(args.print, recipe.launch, sys.argv[2:]), end="")
        return
    if launch.processes() > 1:
        launch.need_run_dir(args.run_dir)
    if launch.rank():  # started by a cluster's launcher: the first process makes the directory
        launch.wait_for(Path(args.run_dir) / "run.json")
        _run(Follower(args.run_dir))
        return
    from emocal_rl import preflight

    preflight.require(recipe)
    for line in preflight.warnings(recipe):
        print(f"warning: {line}", file=sys.stderr)
    run = Run.create(recipe, args.run_dir, command=["emocal-rl", *sys.argv[1:]])
    print(recipe_source.chosen(args.recipe), file=sys.stderr)
    _run(run)


def _run(run: Run) -> None:
    """Train in this process, or start the processes that the recipe asks for."""
    if not launch.wanted(run.recipe.launch):
        _train(run)
        return
    run.release()
    print(f"run directory: {run.path}", file=sys.stderr)
    signal.signal(signal.SIGTERM, _interrupt)  # or the processes would outlive this one
    try:
        code = launch.start(run.recipe.launch, run.path)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; continue with: {resume_command(run.path)}") from None
    if code:
        sys.exit(code)


def _train(run: Run) -> None:
    for warning in run.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if launch.processes() == 1:
        print(f"run directory: {run.path}", file=sys.stderr)
    if not launch.rank():
        loading()
    signal.signal(signal.SIGTERM, _interrupt)  # a polite kill ends a run as Ctrl-C does
    try:
        with run:
            from emocal_rl.evaluate.report import summary_lines
            from emocal_rl.train.run import train

            metrics = train(run.recipe, run)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; continue with: {resume_command(run.path)}") from None
    if not launch.rank():
        print("\n".join(summary_lines(metrics)))
        print(f"report: {run.path / 'report.html'}")


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _recipe(args: Namespace, verb: str) -> recipe_module.Recipe:
    if not args.recipe:
        raise UserError(
            f"{verb}: say which recipe: emocal-rl {verb} --recipe grpo_brier (list them: emocal-rl recipes)"
        )
    return recipe_module.load(args.recipe, args.overrides)


# report


def report_options(parser: ArgumentParser) -> None:
    """Options of `report`."""
    parser.add_argument("run_dirs", metavar="RUN_DIR", nargs="+", help="a run directory; several are compared")
    parser.add_argument("--out", metavar="DIR", help="where a comparison goes, a new folder; default "
                        "runs/comparison, or runs/comparison-2, ... where that is taken")  # fmt: skip


def report(args: Namespace) -> None:
    """Write a run's report again from its records, or compare several runs."""
    paths = [_with_report(Path(name)) for name in args.run_dirs]
    for path in paths:
        read_info(path)
    if len(paths) > 1:
        _compare(paths, _new_folder(args.out))
        return
    if args.out:
        raise UserError("report: --out is for comparing several runs; the report of one run goes into its directory")
    _report(paths[0])


def _new_folder(wanted: str | None) -> Path:
    """Where a comparison is written over nothing: the folder asked for, or the first free default."""
    if wanted is None:
        names = (f"runs/comparison{f'-{number}' if number > 1 else ''}" for number in count(1))
        return next(path for path in map(Path, names) if not path.exists())
    path = Path(wanted)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"report: {path} exists already; choose another --out, or remove it")
    return path


def _with_report(path: Path) -> Path:
    """The directory itself, or what `score --out DIR --report` left in it."""
    inner = path / "report"
    return inner if (inner / "run.json").is_file() and not (path / "run.json").exists() else path


def _report(path: Path) -> None:
    from emocal_rl.data import load
    from emocal_rl.evaluate.pictures import picture_of
    from emocal_rl.evaluate.report import summary_lines, write_report

    info = read_info(path)
    if info.get("kind") == "score":  # saved completions come without pictures
        metrics = write_report(path, lambda identity: None)
    else:
        metrics = write_report(path, picture_of(load(recipe_of(path, info, rewards=False).data)))
    print("\n".join(summary_lines(metrics)))
    print(f"report: {path / 'report.html'}")


def _compare(paths: list[Path], output: Path) -> None:
    from emocal_rl.evaluate.report import compare_runs, comparison_lines

    print("\n".join(comparison_lines(compare_runs(paths, output))))
    print(f"report: {output / 'comparison.html'}")


# check


def check_options(parser: ArgumentParser) -> None:
    """Options of `check`."""
    parser.add_argument("--recipe", metavar="NAME", help=recipe_source.NAME_HELP)
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="change the recipe, e.g. reward.brier=0.5")


def check(args: Namespace) -> None:
    """Print what can be known about a recipe without training; fails when `train` would refuse it."""
    from emocal_rl import preflight

    recipe = _recipe(args, "check")
    print("\n".join([recipe_source.chosen(args.recipe), *preflight.report(recipe)]))
    preflight.require(recipe)


# recipes


def recipes_options(parser: ArgumentParser) -> None:
    """Options of `recipes`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this recipe")
    parser.add_argument("--copy", metavar="DIR", help="copy the recipe (without NAME: all of them) into a folder")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of a recipe, for editors")


def recipes(args: Namespace) -> None:
    """List, show or copy the packaged recipes."""
    shipped = recipe_source.packaged()
    if args.schema:
        print(json.dumps(recipe_module.json_schema(), indent=2))
        return
    stem = (args.name or "").removesuffix(".yaml")
    if args.name and stem not in shipped:
        raise UserError(f"no packaged recipe '{args.name}'{did_you_mean(stem, shipped, what='there are')}")
    chosen = [shipped[stem]] if args.name else list(shipped.values())
    if args.copy:
        _copy(chosen, Path(args.copy))
    elif args.name:
        print(chosen[0].read_text(encoding="utf-8"), end="")
    else:
        print("\n".join(listing(shipped)))


def _copy(chosen: list[Path], folder: Path) -> None:
    places = {path: folder / f"{name}.yaml" for name, path in recipe_source.packaged().items() if path in chosen}
    if taken := [place for place in places.values() if place.exists()]:
        raise UserError(*[f"{path} exists already; move it away or copy to another folder" for path in taken])
    for path, place in places.items():
        with files.writing(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, place)
        print(place)
