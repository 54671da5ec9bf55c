"""What is wrong with the shape of a recipe, in a newcomer's words: `file:line: what, and what to do`.

Shape is what pydantic finds; what it cannot see is in `recipe_sense`.
"""

import types
from collections.abc import Callable
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from emocal_rl import trainer_keys
from emocal_rl.suggest import closest, did_you_mean
from emocal_rl.yaml_load import Path

Where = Callable[[Path], str]

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
}
BOUNDS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def nowhere(path: Path) -> str:
    """The place of a key that was not read from a file."""
    return ""


def line(where: Where, path: Path, message: str) -> str:
    """One error line: the place, when it is known, then the message."""
    place = where(path)
    return f"{place}: {message}" if place else message


def explain(error: ValidationError, tree: Any, root: type[BaseModel], where: Where) -> list[str]:
    """One line per problem of shape."""
    found: dict[Path, list[Any]] = {}
    for item in error.errors(include_url=False):
        found.setdefault(_path_in(tree, item["loc"], item["type"]), []).append(item)
    # of the branches of a union, the one that got further is the one that was meant
    meant = {path: items for path, items in found.items() if not any(_inside(other, path) for other in found)}
    return [line(where, path, _message(path, items, root, tree)) for path, items in meant.items()]


def _inside(path: Path, outer: Path) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def by_line(text: str) -> tuple[bool, str, int]:
    """Sort key of error lines: by file and line; overrides, which have none, last."""
    file, _, rest = text.partition(":")
    number, _, _ = rest.partition(":")
    return (text.startswith("override "), file, int(number) if number.isdecimal() else 0)


def _path_in(tree: Any, loc: tuple[int | str, ...], kind: str) -> Path:
    """`loc` without the branch names pydantic adds for unions: steps that exist in the data, or the missing key."""
    path: Path = ()
    for position, step in enumerate(loc):
        exists = step in tree if isinstance(tree, dict) else isinstance(tree, list) and isinstance(step, int)
        if exists:
            tree, path = tree[step], (*path, step)
        elif kind == "missing" and position == len(loc) - 1:
            path = (*path, step)
    return path


def _message(path: Path, items: list[Any], root: type[BaseModel], tree: Any) -> str:
    name, item = ".".join(map(str, path)), items[0]
    if item["type"] == "extra_forbidden":
        return f"unknown key {name}{_suggest_stage(path, item['input'], tree) or _suggest_key(path, root)}"
    if item["type"] == "missing":
        field = _model_at(path[:-1], root).model_fields[str(path[-1])]
        return f"missing key {name}: {field.description}"
    if item["type"] == "string_pattern_mismatch":
        return f"{name}: use letters, digits, '_', '-' and '.' only (got {item['input']!r})"
    expected = " or ".join(dict.fromkeys(_expected(each) for each in items))
    subject = f"{name}: " if name else "the recipe: "
    return f"{subject}expected {expected} (got {_shown(item['input'])}){_suggest_value(items)}"


def _expected(item: Any) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "literal_error":
        return str(context["expected"])
    if kind in BOUNDS:
        words, key = BOUNDS[kind]
        return f"{words} {context[key]:g}"
    return EXPECTED.get(kind.split("_")[0], str(item["msg"]).lower())


def _shown(value: Any) -> str:
    text = {None: "nothing", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else repr(value)
    return text if text is not None and len(text) <= 60 else f"{text!s:.57}..."


def _suggest_value(items: list[Any]) -> str:
    for item in items:
        if item["type"] == "literal_error" and isinstance(item["input"], str):
            choices = [word.strip("' ") for word in item["ctx"]["expected"].replace(" or ", ",").split(",")]
            if near := closest(item["input"], choices):
                return f"; did you mean '{near}'?"
    return ""


def _suggest_stage(path: Path, value: Any, tree: Any) -> str:
    """Where the key of a stage belongs whose name was written as if it were a key; nothing for any other key."""
    warm = tree.get("warm_start")
    names = [stage.get("name") for stage in warm if isinstance(stage, dict)] if isinstance(warm, list) else []
    if len(path) > 1 or path[0] not in (*names, tree.get("name")):
        return ""
    steps = ["warm_start", path[0]] if path[0] in names else []
    while isinstance(value, dict) and len(value) == 1:
        key, value = next(iter(value.items()))
        steps.append(key)
    return f"; did you mean '{'.'.join(map(str, steps))}'?" if steps else ""


def _suggest_key(path: Path, root: type[BaseModel]) -> str:
    """The nearest key at this place; else the place where this very key, or one like it, belongs."""
    key, here = str(path[-1]), _model_at(path[:-1], root)
    if near := closest(key, here.model_fields):
        return f"; did you mean '{near}'?"
    if len(path) > 1 and key in root.model_fields:
        return f"; '{key}' belongs at the top of the recipe"
    for name, field in here.model_fields.items():
        part = _part_of(field.annotation)
        if part is not None and get_origin(field.annotation) is not list and key in part.model_fields:
            return f"; did you mean '{name}.{key}'?"
    if "trainer" in here.model_fields and key in (trainer_keys.options("grpo") or {}):
        return f"; did you mean 'trainer.{key}'?"
    return did_you_mean(key, here.model_fields, what="the keys here are", most=20)


def _model_at(path: Path, root: type[BaseModel]) -> type[BaseModel]:
    model = root
    for step in path:
        field = model.model_fields.get(str(step))
        model = (_part_of(field.annotation) if field else None) or model
    return model


def _part_of(annotation: Any) -> type[BaseModel] | None:
    """The model inside `Part`, `Part | None` or `list[Part]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, types.UnionType, list):
        return next((part for each in get_args(annotation) if (part := _part_of(each))), None)
    return None
