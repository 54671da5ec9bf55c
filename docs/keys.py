"""Every key of a recipe as tables: what it may be, its default and its meaning, from the schema alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from emocal_rl import recipe
from emocal_rl.rewards import FORMATS
from emocal_rl.rewards.graders import GRADERS

Schema = dict[str, Any]
KINDS = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "mapping",
    "null": "null",
}
MARKS = {ord(letter): f"\\{letter}" for letter in "*_<[]"}
BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most", "exclusiveMaximum": "less than"}


def sections() -> Iterator[str]:
    """Lines of the page: the keys of a stage, what the stages share, then every block at the place where it stands."""
    schema = recipe.json_schema()
    keys = schema["properties"]
    own = {key: made for key, made in keys.items() if key not in recipe.SHARED_KEYS}
    shared = {key: keys[key] for key in recipe.SHARED_KEYS}
    yield from ("## A stage", "", "At the top of the file, for the last stage, and in `warm_start.NAME`.", "")
    yield from _table(own, schema)
    yield from ("## All stages", "", "At the top of the file only.", "")
    yield from _table(shared, schema)
    for part, made in _parts("", {**own, **shared}, schema):
        yield from (f"## `{part}`", "", made["description"], "")
        yield from _table(made["properties"], schema, part)


def formats() -> Iterator[str]:
    """Lines of the tables of formats and of graders: what `format` and `grader` may be, besides `module:name`."""
    yield from ("## Formats", "", "What `format` may be, with what it asks of a question with the answers no and yes;")
    yield from ("`module:name` for one of your own ([adding one](adding.md#a-format)).", "")
    yield from ("| format | states | what the prompt says |", "|---|---|---|")
    for name, form in sorted(FORMATS.items()):
        yield table_row(f"`{name}`", form.states, _plain(form.instruction(["no", "yes"])))
    yield from ("", "## Graders", "", "What `grader` may be; without one, the row's votes or its label decide.", "")
    yield from ("| grader | how an answer is graded |", "|---|---|")
    for name, grader in sorted(GRADERS.items()):
        yield table_row(f"`{name}`", _plain((grader.__doc__ or "").partition("\n\n")[0]))
    yield ""


def _plain(text: str) -> str:
    """On one line and safe from being read as markup."""
    return " ".join(text.split()).translate(MARKS)


def table_row(*cells: str) -> str:
    """A line of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _parts(above: str, keys: Schema, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Key -> what it holds, for every mapping of known keys: `model`, then `model.lora`."""
    for key, made in keys.items():
        name = _reference(made)
        if name is None or name == "Stage":
            continue
        part = schema["$defs"][name]
        yield above + key, part
        yield from _parts(f"{above}{key}.", part["properties"], schema)


def _reference(made: Schema) -> str | None:
    """Name of the definition that a key, or one of its choices, is."""
    found = [each["$ref"] for each in [made, *made.get("anyOf", ())] if "$ref" in each]
    return str(found[0]).rpartition("/")[2] if found else None


def _table(keys: Schema, schema: Schema, above: str = "") -> Iterator[str]:
    yield from ("| key | what it may be | default | what it means |", "|---|---|---|---|")
    for key, made in keys.items():
        place = f"{above}.{key}" if above else key
        yield table_row(f"`{key}`", _kind(made, place), _default(made), _meaning(made, schema))
    yield ""


def _kind(made: Schema, place: str) -> str:
    """What a value may be, in words.

    >>> _kind({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}, "limit")
    'whole number (at least 1) or null'
    >>> _kind({"type": "array", "items": {"type": "string"}}, "splits")
    'list of texts'
    >>> _kind({"anyOf": [{"enum": [4, 8]}, {"type": "null"}]}, "bits")
    '`4`, `8` or null'
    """
    kinds = [kind for each in made.get("anyOf", [made]) for kind in _kinds(each, place)]
    return f"{', '.join(kinds[:-1])} or {kinds[-1]}" if len(kinds) > 1 else kinds[0]


def _kinds(made: Schema, place: str) -> list[str]:
    if "$ref" in made:
        return ["[stage](#a-stage)" if _reference(made) == "Stage" else f"[`{place}`](#{_anchor(place)})"]
    if "const" in made or "enum" in made:
        return [f"`{value}`" for value in made.get("enum", [made.get("const")])]
    if made["type"] == "array":
        count = f"{made['minItems']} " if "minItems" in made else ""
        item = _kind(made["items"], place)
        return [f"list of {count}{item}{'s' if item in KINDS.values() else ''}"]
    bounds = [f"{words} {made[key]:g}" for key, words in BOUNDS.items() if key in made]
    return [KINDS[made["type"]] + (f" ({', '.join(bounds)})" if bounds else "")]


def _anchor(place: str) -> str:
    """As headings are named in links.

    >>> _anchor("model.lora")
    'modellora'
    """
    return re.sub(r"[^\w-]", "", place.lower())


def _default(made: Schema) -> str:
    if "default" not in made:
        return "*must be given*"
    if "$ref" in made:
        return "those of its keys"
    return f"`{json.dumps(made['default'])}`"


def _meaning(made: Schema, schema: Schema) -> str:
    """The description, of the key or else of what it holds, on one line and safe from being read as markup."""
    text = made.get("description") or schema["$defs"][_reference(made)]["description"]
    pieces = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(piece if piece.startswith("`") else piece.translate(MARKS) for piece in pieces)
