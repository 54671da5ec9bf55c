"""What others may rely on, written down in public_api.txt: a change has to be made on purpose.

After such a change: `python tests/test_public_api.py` writes the file again; say in CHANGELOG.md what changed.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from emocal_rl import data, recipe, rewards
from emocal_rl.cli import VERBS
from emocal_rl.evaluate import metrics
from emocal_rl.rewards import DISTRIBUTION_RULES, FORMATS, GRADERS, GROUP_TARGETS, PRESETS, RULES
from emocal_rl.sweep.spec import Sweep, packaged

FILE = Path(__file__).parent / "public_api.txt"


def public() -> Iterator[str]:
    """One line for each name and option."""
    for module in (rewards, data):
        for name in sorted(module.__all__):
            yield f"{module.__name__}.{name}{_parameters(getattr(module, name))}"
    yield from (f"{metrics.__name__}.{name}" for name in sorted(metrics.__all__))
    registries = {"rule": RULES, "distribution rule": DISTRIBUTION_RULES, "format": FORMATS, "grader": GRADERS,
                  "group target": GROUP_TARGETS, "preset": PRESETS, "sweep": packaged()}  # fmt: skip
    yield from (f"{kind} {name}" for kind, names in registries.items() for name in sorted(names))
    yield from (f"recipe {key}" for key in _keys(recipe.Recipe))
    yield from (f"sweep file {key}" for key in Sweep.model_fields)
    for verb, spec in VERBS.items():
        parser = argparse.ArgumentParser(add_help=False)
        spec.options(parser)
        options = [" ".join(action.option_strings) or action.dest for action in parser._actions]
        yield f"command {verb}: {', '.join(options)}"


def _parameters(thing: object) -> str:
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return ""
    try:
        names = list(inspect.signature(thing).parameters)
    except ValueError:
        return ""
    return f"({', '.join(names)})"


def _keys(model: type[recipe.Recipe], above: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        part = field.annotation
        if inspect.isclass(part) and hasattr(part, "model_fields"):
            yield from _keys(part, f"{above}{name}.")


def test_the_public_names_are_those_written_down(python: Callable[..., Any]) -> None:
    written = FILE.read_text("utf-8").splitlines()
    shown = python(__file__, "--print")  # in a new process: other tests register rules and formats of their own
    assert shown.code == 0, shown.err
    now = shown.out.splitlines()
    gone, new = sorted(set(written) - set(now)), sorted(set(now) - set(written))
    assert (gone, new) == ([], []), "on purpose? then: python tests/test_public_api.py"


if __name__ == "__main__":
    text = "\n".join(public()) + "\n"
    if "--print" in sys.argv:
        print(text, end="")
    else:
        FILE.write_text(text, "utf-8")
