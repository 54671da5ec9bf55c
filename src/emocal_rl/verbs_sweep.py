"""The verb `sweep`."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from emocal_rl.errors import UserError


def sweep_options(parser: ArgumentParser) -> None:
    """Options of `sweep`."""
    parser.add_argument("sweep", metavar="SWEEP", nargs="?", help="a packaged sweep or a .yaml file; none: list them")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="change the recipe all variants start from")
    parser.add_argument("--out", metavar="DIR", help="where the runs go; default runs/SWEEP; called again, it goes on")
    parser.add_argument("--seeds", metavar="0,1,...", help="these seeds in place of the file's")
    parser.add_argument("--only", metavar="NAME,...", help="only these variants or points (VARIANT-SEED)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time on this machine; default 1")


def sweep(args: Namespace) -> None:
    """Train the points of a sweep that are not finished, then compare them."""
    from emocal_rl.sweep import spec
    from emocal_rl.sweep.command import Options, run_sweep

    if args.sweep is None:
        shipped = spec.packaged()
        width = max(map(len, shipped), default=0)
        from emocal_rl.recipe_source import summary

        print("\n".join(f"{name:{width}}  {summary(path)}".rstrip() for name, path in shipped.items()))
        return
    if args.jobs < 1:
        raise UserError(f"sweep: --jobs must be at least 1 (got {args.jobs})")
    plan = spec.load(args.sweep, args.overrides, _seeds(args.seeds))
    options = Options(Path(args.out or Path("runs") / plan.name), _names(args.only), args.jobs)
    print("\n".join(run_sweep(plan, options, ["emocal-rl", *sys.argv[1:]])))


def _names(text: str | None) -> list[str]:
    return [name for name in (text or "").split(",") if name]


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    if not all(word.isdecimal() for word in text.split(",")):
        raise UserError(f"sweep: --seeds takes whole numbers with commas between them (got {text!r})")
    return list(dict.fromkeys(int(word) for word in text.split(",")))
