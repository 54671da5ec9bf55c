"""The verb `rewards`: list the catalogue with its verdicts, explain one entry, draw it."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from emocal_rl.errors import UserError

if TYPE_CHECKING:
    from emocal_rl.catalogue import Entry


def rewards_options(parser: ArgumentParser) -> None:
    """Options of `rewards`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="explain this one; your own rule is module:name")
    parser.add_argument(
        "options", nargs="*", metavar="key=value", help="its parameters and weight, e.g. cost_ratio ratio=4 weight=2"
    )
    parser.add_argument(
        "--plot", nargs="?", const="", metavar="FILE", help="draw NAME: payoffs, elicited confidence, V(p); "
        "default NAME.png, with the numbers in NAME.json"
    )  # fmt: skip


def rewards(args: Namespace) -> None:
    """List every rule, distribution rule, group target and preset with its verdict; explain or draw one.

    Fails where a rule of your own is not what it declares.
    """
    from emocal_rl import catalogue
    from emocal_rl.evaluate.engines.core import parse_options

    if args.name is None and args.plot is not None:
        raise UserError("rewards: say which one to draw: emocal-rl rewards NAME --plot")
    if args.name is None:
        print("\n".join(catalogue.listing()))
        return
    entry = catalogue.entry(args.name, **parse_options(args.options, "a parameter is written key=value"))
    if args.plot is not None:
        _plot(entry, Path(args.plot or f"{args.name.rpartition(':')[2]}.png"))
    else:
        print("\n".join(catalogue.explain(entry)))
    if entry.problems:
        raise UserError(*entry.problems)


def _plot(entry: "Entry", path: Path) -> None:
    from emocal_rl.evaluate.payoffs import draw

    if path.suffix != ".png":
        raise UserError(f"{path}: the picture is a PNG; name a file that ends in .png")
    made = (path, path.with_suffix(".json"))
    if taken := [str(file) for file in made if file.exists()]:
        raise UserError(*[f"{file} exists already; move it away or name another file after --plot" for file in taken])
    draw(entry.reward, entry.verdict, path, entry.trainer.get("credit", "sequence"))
    print("\n".join(map(str, made)))
