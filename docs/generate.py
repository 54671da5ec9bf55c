"""Write the pages of the documentation that follow from the code: rewards, recipes and their keys, the command line.

    python docs/generate.py

Text and small SVG pictures, the same on every machine, so that `tests/test_docs.py` can hold them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from keys import formats, sections, table_row
from plots import picture

from emocal_rl import catalogue, preflight, recipe, recipe_source
from emocal_rl.catalogue import Entry
from emocal_rl.cli import VERBS
from emocal_rl.evaluate.payoffs import numbers
from emocal_rl.rewards import Preset, Rule
from emocal_rl.rewards.incentive import describe, safe_weight
from emocal_rl.sweep import spec

DOCS = Path(__file__).resolve().parent
NOTE = "<!-- Written by `python docs/generate.py`; change the code, not this page. -->"
Pages = dict[str, str]

REWARDS = """\
Every scoring rule, distribution rule and group target there is, judged by the code that `emocal-rl check` and
`emocal-rl train` use. `emocal-rl rewards` prints the list, `emocal-rl rewards NAME` one entry with every number, also
for a rule of your own (`module:name`) and for other parameters (`emocal-rl rewards log eps=0.001`).

A rule is judged as `{correct: 1, NAME: 1}`: that reward is **sound** when honesty pays most, a better answer never
pays less, and no unreadable reply beats a readable one. *Safe weight* is the largest weight beside correctness of
weight 1 at which a worse answer never pays: a strictly proper rule that is unsound at weight 1 is sound below it. A
distribution rule is judged alone; a group target as `{correct: 1, brier: {target: NAME}}`. The table is over all
confidences from 0 to 1; the lines below an entry are over those that the format `emocaliber` has (0.01 to 0.99), which
allow slightly more.

Each picture: what is paid for a right and a wrong answer; the confidence that pays most at each belief, as it is and
when advantages are divided by the group's standard deviation (eight generations); what an honest model and one that
gives up can earn. Higher is better everywhere.
"""
PUBLISHED = """\
Published rewards, ported as published, mistakes included, and judged under the trainer settings they were published
with. `reward: NAME` in a recipe trains on one, `EMOCAL_REWARD=NAME` pays it in another framework; where the verdict is
*unsound*, `train` refuses it unless the recipe says `allow_unsound: true`. What a port leaves out is said. The pictures
are those of [the rules](rewards.md), with the number of generations that was published.
"""
RECIPES = """\
The packaged recipes, by what they say themselves. `emocal-rl recipes NAME` prints the file, `emocal-rl recipes NAME
--copy DIR` copies it, `emocal-rl check --recipe NAME` says everything that can be known without training, `emocal-rl
train --recipe NAME --print-config` prints it with all defaults, [Recipe keys](recipe_keys.md) says what each key
means and `emocal-rl recipes --schema` is the JSON Schema.
"""
KEYS = """\
What a recipe file may hold, from the schema that checks it. On the command line a key is written with the blocks above
it, as `trainer.max_steps=10`, `model.lora.rank=8` or `warm_start.sft_confidence.augment=1`; there and in the file a
value is YAML. A key that is not here is refused with a suggestion. What `format` and `grader` may be is at the end:
[formats](#formats), [graders](#graders).
"""
CLI = """\
`emocal-rl COMMAND --help` prints the same. A mistake in the arguments is one line and exit code 2, an interruption 130;
`eval` and `predict` end with 1 when some requests failed, with 2 when all did.
A value in `key=value` is YAML. `--debug`, anywhere, shows the traceback of an error.
"""


def pages() -> Pages:
    """Path below docs/ -> text."""
    rows = list(catalogue.entries())
    rules, presets = [row for row in rows if row.kind != "preset"], [row for row in rows if row.kind == "preset"]
    return {
        "rewards.md": _page("Rewards", REWARDS, _rewards(rules)),
        "published.md": _page("Published rewards", PUBLISHED, _rewards(presets)),
        "recipes.md": _page("Recipes", RECIPES, _recipes()),
        "recipe_keys.md": _page("Recipe keys", KEYS, chain(sections(), formats())),
        "cli.md": _page("Command line", CLI, _commands()),
        **{f"pictures/{row.name}.svg": picture(numbers(row.reward, row.verdict, _credit(row))) for row in rows},
    }


def _page(title: str, opening: str, lines: Iterator[str]) -> str:
    return "\n".join([NOTE, "", f"# {title}", "", opening, *lines]).rstrip() + "\n"


def _credit(row: Entry) -> str:
    return str(row.trainer.get("credit", "sequence"))


# Rewards


def _rewards(rows: list[Entry]) -> Iterator[str]:
    for kind in dict.fromkeys(row.kind for row in rows):
        of_kind = [row for row in rows if row.kind == kind]
        head = ["name", "range", "proper", "safe weight", "verdict"]
        kept = [i for i in range(len(head)) if i != 3 or kind == "rule"]
        yield from (f"## {kind.capitalize()}s", "", table_row(*(head[i] for i in kept)), f"|{'---|' * len(kept)}")
        yield from (table_row(*(_cells(row)[i] for i in kept)) for row in of_kind)
        yield ""
        for row in of_kind:
            yield from _reward(row)


def _cells(row: Entry) -> list[str]:
    low, high = row.range
    return [f"[`{row.name}`](#{row.name})", f"{low:.3g} to {high:.3g}", row.proper, _safe(row), _sound(row)]


def _sound(row: Entry) -> str:
    return "sound" if row.verdict.sound else "**unsound**"


def _safe(row: Entry) -> str:
    if not (isinstance(row.made, Rule) and row.made.proper and row.made.uses_confidence):
        return "-"
    weight = safe_weight(row.made)
    return "any" if weight == float("inf") else f"{weight:.3g}"


def _reward(row: Entry) -> Iterator[str]:
    low, high = row.range
    options = getattr(row.made, "params", {})
    facts = [f"pays from {low:.4g} to {high:.4g}", f"proper: {row.proper}", f"verdict: {_sound(row)}"]
    facts += [f"parameters: {', '.join(f'`{key}={value!r}`' for key, value in options.items())}"] if options else []
    yield from (
        f"### `{row.name}`",
        "",
        _prose(row.doc),
        "",
        f"![{row.name}](pictures/{row.name}.svg)",
    )
    yield from (
        "",
        "; ".join(facts) + ".",
        "",
        *(f"* {line}" for line in [*_published(row), *describe(row.verdict)]),
        "",
    )


def _prose(doc: str) -> str:
    """A docstring without its doctest, safe from being read as markup: formulas are full of it."""
    text = doc.split(">>>")[0].strip()
    return text.translate({ord(letter): f"\\{letter}" for letter in "*_<|^[]"})


def _published(row: Entry) -> list[str]:
    made = row.made
    if not isinstance(made, Preset):
        return []
    trainer = f"scale_rewards={made.scale_rewards}, num_generations={made.num_generations}, credit={made.credit}"
    return [f"format `{made.format}`; trainer: {trainer}"] + ([f"left out: {made.left_out}"] if made.left_out else [])


# Recipes


def _recipes() -> Iterator[str]:
    for name, path in recipe_source.packaged().items():
        yield from (f"## `{name}`", "", "```text", *_header(path), "```", "")
        yield from (table_row("stage", "algorithm", "format", "reward", "credit", "judged"), f"|{'---|' * 6}")
        yield from (_stage(stage) for stage in recipe.load(name).stages)
        yield ""
    yield from ("## Sweeps", "", "`emocal-rl sweep NAME`; see [sweeps](sweeps.md).", "")
    for name, path in spec.packaged().items():
        yield from (f"### `{name}`", "", "```text", *_header(path), "```", "")


def _header(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            return
        yield line.removeprefix("#").removeprefix(" ")


def _stage(stage: recipe.Stage) -> str:
    if stage.algorithm == "sft":
        return table_row(stage.name, "sft", f"`{stage.format}`", "-", "-", "-")
    terms = preflight.reward_of(stage).weights
    paid = stage.reward if isinstance(stage.reward, str) else " + ".join(f"{w:g} {name}" for name, w in terms.items())
    judged = "sound" if preflight.verdict_of(stage).sound else "**unsound**"
    return table_row(stage.name, stage.algorithm, f"`{stage.format}`", paid, stage.credit, judged)


# The command line


def _commands() -> Iterator[str]:
    for name, verb in VERBS.items():
        parser = argparse.ArgumentParser(add_help=False)
        verb.options(parser)
        actions = parser._actions
        places = [_place(action) for action in actions if not action.option_strings]
        yield from (f"## {name}", "", f"{verb.summary[0].upper()}{verb.summary[1:]}.", "")
        yield from ("```text", " ".join(["emocal-rl", name, *places, "[options]"]), "```", "")
        yield from ("| argument | what it is |", "|---|---|", *(table_row(*_option(action)) for action in actions), "")


def _place(action: argparse.Action) -> str:
    shown = str(action.metavar or action.dest)
    return {"?": f"[{shown}]", "*": f"[{shown} ...]", "+": f"{shown} [{shown} ...]"}.get(str(action.nargs), shown)


def _option(action: argparse.Action) -> tuple[str, str]:
    if not action.option_strings:
        return f"`{action.metavar or action.dest}`", action.help or ""
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    takes = "" if action.nargs == 0 else f" [{value}]" if action.nargs == "?" else f" {value}"
    return f"`{', '.join(action.option_strings)}{takes}`", action.help or ""


def main() -> None:
    """Write the pages, and remove the pictures of what is no more."""
    for path in (DOCS / "pictures").glob("*.svg"):
        path.unlink()
    for name, text in pages().items():
        (DOCS / name).parent.mkdir(exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
