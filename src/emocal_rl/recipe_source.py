"""From a recipe's name and overrides to one tree of plain data that remembers where each key was written."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from emocal_rl import yaml_load
from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean

NAME_HELP = (
    "a .yaml file, or the name of a packaged recipe (see emocal-rl recipes); a file of exactly that name in the "
    "working folder wins, and what is used is printed"
)
"""Help of every `--recipe`."""


@dataclass
class Source:
    """A recipe as written: `tree` is plain data, `marks` says where each path of keys comes from."""

    tree: dict[str, Any]
    marks: dict[yaml_load.Path, str] = field(default_factory=dict)

    def where(self, path: yaml_load.Path) -> str:
        """`file:line` (or the override) of the longest part of `path` that was written down."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, "")


class Override(NamedTuple):
    """A change to a recipe: the parts of the key, the value, and where it was written."""

    key: list[str]
    value: Any
    label: str


def read(name_or_path: str, overrides: Sequence[str | Override], shared_keys: Collection[str]) -> Source:
    """Read a recipe, replace the names in `warm_start` by the stages they stand for, apply the overrides in order."""
    path = find(name_or_path)
    source = read_file(path)
    for key, value, label in (_split(each) if isinstance(each, str) else each for each in overrides):
        if key[0] == "warm_start" and len(key) > 1:
            _inline_warm_starts(source, path, shared_keys, (path,))
        _set(source, key, value, label)
    _inline_warm_starts(source, path, shared_keys, (path,))
    return source


# Finding and reading a file


SWEEPS = "recipes/sweeps"


def packaged(folder: str = "recipes") -> dict[str, Path]:
    """The recipes that come with the package, by name (`grpo_brier`, `emocaliber/stage_one`); or those in `SWEEPS`."""
    root = _root(folder)
    found = [path for path in root.rglob("*.yaml") if path.parent.name != "sweeps" or folder == SWEEPS]
    found.sort(key=lambda path: (len(path.parts), path))
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in found}


def _root(folder: str) -> Path:
    return Path(str(files("emocal_rl"))) / folder


def summary(path: Path) -> str:
    """What a recipe says about itself: the first line of its header comment, without the name."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    text = first.lstrip("# ").strip() if first.startswith("#") else ""
    name = text.partition(":")[0]
    return text.removeprefix(name if name.endswith(path.stem) else "").lstrip(" -—:")


def find(name_or_path: str, beside: Path | None = None) -> Path:
    """The file of a recipe: a path that exists wins (first relative to the folder `beside`), then a packaged name."""
    folders = ([] if beside is None else [beside]) + [Path()]
    for candidate in (folder / Path(name_or_path).expanduser() for folder in folders):
        if candidate.is_file():
            return candidate
        if candidate.is_dir() and ("/" in name_or_path or (candidate / "recipe.yaml").is_file()):
            inside = next(iter(sorted(candidate.glob("*.yaml"))), None)
            raise UserError(
                f"{name_or_path} is a folder, not a recipe; name a .yaml file" + (f": {inside}" if inside else "")
            )
    shipped = packaged()
    stem = name_or_path.removesuffix(".yaml")
    if stem in shipped:
        return shipped[stem]
    hint = did_you_mean(stem if "/" in stem else Path(stem).name, shipped, what="there are")
    raise UserError(f"no recipe '{name_or_path}'{hint} (list them: emocal-rl recipes)")


def chosen(name_or_path: str) -> str:
    """One line: which file a name or path means, and how to name the other one where there are two.

    >>> chosen("grpo_brier.yaml")  # where there is no such file in the working folder
    'recipe: grpo_brier (packaged)'
    """
    path, stem, shipped = find(name_or_path), name_or_path.removesuffix(".yaml"), packaged()
    if path == shipped.get(stem):
        rival = Path(f"{stem}.yaml").is_file()
        return f"recipe: {stem} (packaged{f'; the file here is --recipe {stem}.yaml' if rival else ''})"
    rival = stem in shipped and name_or_path != stem
    return f"recipe: {path} (a file{f'; the packaged one is --recipe {stem}' if rival else ''})"


def read_file(path: Path, kind: str = "recipe", needed: str = "name, algorithm, split and format") -> Source:
    """A file of one mapping, with the line of every key; `kind` and `needed` are for the error lines."""
    label = _label(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{label}: not a text file (expected YAML in UTF-8)") from None
    except OSError as error:
        raise UserError(f"{label}: cannot be read: {error.strerror}") from None
    tree, lines = yaml_load.parse(text, label)
    if tree is None:
        raise UserError(f"{label}: the file is empty; a {kind} needs at least {needed}")
    if not isinstance(tree, dict):
        raise UserError(f"{label}:1: a {kind} is a mapping of keys to values, not {_kind(tree)}")
    marks = {at: f"{label}:{line}" for at, line in lines.items() if at} | {(): label}
    return Source(tree, marks)


def _label(path: Path) -> str:
    """The path as the user would type it: packaged recipes by their name alone."""
    inside = (path.relative_to(root) for root in map(_root, (SWEEPS, "recipes")) if path.is_relative_to(root))
    return str(next(inside, path))


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else f"a text ({value:.40s})" if isinstance(value, str) else repr(value)


# Warm starts


def _inline_warm_starts(
    source: Source, path: Path, shared_keys: Collection[str], above: tuple[Path, ...], seen: set[Path] | None = None
) -> None:
    """Replace each name in `warm_start` by the stages it stands for; a recipe reached twice runs once."""
    entries = source.tree.get("warm_start")
    if not isinstance(entries, list):
        return
    seen = set() if seen is None else seen
    stages: list[Any] = []
    marks: dict[yaml_load.Path, str] = {}
    for index, entry in enumerate(entries):
        for stage in _stages_of(entry, source, index, path, shared_keys, above, seen):
            marks |= {("warm_start", len(stages), *at): mark for at, mark in stage.marks.items()}
            stages.append(stage.tree)
    kept = {at: mark for at, mark in source.marks.items() if at[:1] != ("warm_start",) or len(at) == 1}
    source.tree = {**source.tree, "warm_start": stages}
    source.marks = kept | marks


def _stages_of(
    entry: Any,
    source: Source,
    index: int,
    path: Path,
    shared_keys: Collection[str],
    above: tuple[Path, ...],
    seen: set[Path],
) -> Iterator[Source]:
    here: yaml_load.Path = ("warm_start", index)
    if not isinstance(entry, str):
        own = {at[2:]: mark for at, mark in source.marks.items() if at[:2] == here}
        yield Source(entry, {(): source.where(here)} | own)
        return
    try:
        child_path = find(entry, beside=path.parent)
    except UserError as error:
        raise UserError(f"{source.where(here)}: warm_start: {error}") from None
    if child_path.resolve() in {step.resolve() for step in above}:
        circle = " -> ".join(_label(step) for step in (*above, child_path))
        raise UserError(f"{source.where(here)}: warm_start goes in a circle: {circle}")
    if child_path.resolve() in seen:
        return
    seen.add(child_path.resolve())
    child = read_file(child_path)
    _inline_warm_starts(child, child_path, shared_keys, (*above, child_path), seen)
    earlier = child.tree.get("warm_start", [])
    for number in range(len(earlier) if isinstance(earlier, list) else 0):
        prefix = ("warm_start", number)
        yield Source(earlier[number], {at[2:]: mark for at, mark in child.marks.items() if at[:2] == prefix})
    yield Source(
        {key: value for key, value in child.tree.items() if key not in shared_keys},
        {at: mark for at, mark in child.marks.items() if at[:1] != ("warm_start",)},
    )


# Overrides


def overridden(tree: dict[str, Any], overrides: Sequence[str]) -> Source:
    """A tree that was not read from a file, with overrides applied in order."""
    source = Source(tree)
    for override in overrides:
        _set(source, *_split(override))
    return source


def _split(override: str) -> Override:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UserError(f"override {override}: write key=value, for example trainer.max_steps=10")
    parts = [part.strip() for part in key.split(".")]
    if not all(parts):
        raise UserError(f"override {override}: the key has an empty part")
    return Override(parts, yaml_load.parse_value(text, f"override {override}"), f"override {override}")


def _set(source: Source, key: list[str], value: Any, label: str) -> None:
    """Set one leaf; a mapping or a list replaces what was there, missing mappings on the way are made."""
    node: Any = source.tree
    path: yaml_load.Path = ()
    for position, part in enumerate(key):
        step = _step(node, part, path, label)
        path = (*path, step)
        if position == len(key) - 1:
            node[step] = value
        elif isinstance(node, dict) and node.get(step) is None:
            node[step] = {}
            source.marks[path] = label
        node = node[step]
    source.marks = {at: mark for at, mark in source.marks.items() if at[: len(path)] != path} | {path: label}


def _step(node: Any, part: str, path: yaml_load.Path, label: str) -> str | int:
    """The key or index that `part` means in `node`: a list takes an index from 0 or the name of one of its items."""
    if isinstance(node, dict):
        return part
    above = ".".join(map(str, path))
    if not isinstance(node, list):
        raise UserError(f"{label}: {above} is {node!r}, which has no key '{part}'")
    names = [str(item["name"]) for item in node if isinstance(item, dict) and "name" in item]
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(node):
        return int(part)
    raise UserError(f"{label}: {above} has {len(node)} items and none is '{part}'{did_you_mean(part, names)}")
