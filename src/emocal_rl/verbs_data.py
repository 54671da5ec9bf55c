"""The verb `data`: look at a data set before training on it."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl import recipe as recipe_module
from emocal_rl.errors import UserError
from emocal_rl.recipe_blocks import Data


def data_options(parser: ArgumentParser) -> None:
    """Options of `data`."""
    parser.add_argument(
        "name", nargs="?", default="emoji", metavar="NAME",
        help="emoji (default), a published data set, the path of a .jsonl file, or hf:NAME",
    )  # fmt: skip
    parser.add_argument("keys", nargs="*", metavar="key=value", help="any other key of a recipe's data, such as "
                        "columns.label=emotion, labels=mikels8, exclude=FILE")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list the published data sets and what a tree looks like")
    parser.add_argument("--root", metavar="DIR", help="folder of the pictures of a data set that is not embedded")
    parser.add_argument("--classes", type=int, metavar="N", help="number of labels, where there is a choice")
    parser.add_argument("--rows", type=int, default=10, metavar="N", help="how many rows to show; default 10")
    parser.add_argument("--json", action="store_true", help="print the rows alone, one JSON object a line")
    parser.add_argument("--no-decode", action="store_true", help="do not open the pictures: seconds, not minutes")
    parser.add_argument("--write-exclude", metavar="FILE", help="write the ids of rows whose picture cannot be read, "
                        "for the recipe key data.exclude")  # fmt: skip


def data(args: Namespace) -> None:
    """Print what a data set holds and what is wrong with it; fails when a picture cannot be read."""
    if args.list:
        print("\n".join(_listed()))
        return
    from emocal_rl.data import check, load
    from emocal_rl.data.trees import SOURCES
    from emocal_rl.progress import stage_progress

    spec = data_of(args.name, args.keys, root=args.root, classes=args.classes)
    rows = load(spec)
    if args.json:
        shown = [row for name in rows.splits for row in rows.split(name)[: args.rows]][: args.rows]
        print("\n".join(json.dumps(check.describe(row), ensure_ascii=False) for row in shown))
        return
    total = sum(len(rows.split(name)) for name in rows.splits)
    with stage_progress(f"data {args.name}", total, "rows") as tick:
        facts = check.look(rows, decode=not args.no_decode, first=args.rows, tick=tick)
    published = SOURCES[spec.name].published if spec.name in SOURCES and spec.limit is None else None
    print("\n".join(check.lines(rows, facts, published)))
    _refuse(facts.unreadable, args.write_exclude)


def _refuse(unreadable: list[tuple[str, str, str]], path: str | None) -> None:
    ids = list(dict.fromkeys(identity for _, identity, _ in unreadable))
    if path and ids:
        files.write_text(Path(path), "".join(f"{identity}\n" for identity in ids))
        print(f"written: {path}; leave the rows out with data.exclude={path}")
    elif ids:
        raise UserError(
            f"{len(ids)} rows have pictures that cannot be read; mend them, or write their ids with --write-exclude "
            "FILE and leave them out with data.exclude=FILE"
        )


def data_of(name: str, keys: list[str], **given: Any) -> Data:
    """The `data` of a recipe from a name and key=value texts. Raises UserError for unknown keys and wrong values."""
    from emocal_rl.recipe_source import overridden

    tree: dict[str, Any] = {"name": "data", "algorithm": "sft", "split": "none", "format": "emocaliber_answer"}
    tree |= {"data": {"name": name, **{key: value for key, value in given.items() if value is not None}}}
    source = overridden(tree, [f"data.{key}" for key in keys])
    return recipe_module.from_tree(source.tree, source.where).data


def _listed() -> list[str]:
    from emocal_rl.data.trees import SOURCES
    from emocal_rl.data.vecbench import COT, TABLE

    told = [
        "emoji: embedded; 2 or 3 classes",
        "vader: Hutto & Gilbert (2014); words and emoticons with ten ratings each",
        "    in the package vaderSentiment (extra text), or its folder",
    ]
    for name, one in sorted(SOURCES.items()):
        rows = "" if one.published is None else f"; {one.published:,} published"
        told += [f"{name}: {one.reference}; classes {', '.join(map(str, one.taxonomies))}{rows}", f"    {one.layout}"]
    told += ["vecbench: Wu et al. (2025), VECBench; a split for each of nine tasks", f"    {TABLE}"]
    return [*told, "vec_cot: Wu et al. (2025), VEC-CoT; three stages", f"    {COT}"]


def at_least_one(text: str) -> int:
    """The whole number that an option of a count takes."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"give a whole number of at least 1 (got {text})")
    return int(text)
