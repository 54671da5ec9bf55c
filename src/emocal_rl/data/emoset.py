"""EmoSet-118K (Yang et al., 2023): three indices, one annotation file a picture, with what can be seen in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from emocal_rl.data.trees import Entry, Tree, source
from emocal_rl.errors import UserError

INDICES = {"train": "train", "val": "validation", "test": "test"}


@source(
    "emoset",
    "mikels8",
    "polarity",
    layout="train.json, val.json, test.json, annotation/EMOTION/ID.json and image/EMOTION/ID.jpg",
    published=118_102,
    reference="Yang et al. (2023), EmoSet",
)
def emoset(tree: Tree) -> Iterator[Entry]:
    """Index rows are [emotion, id, picture, annotation], or without the id in the release that comes with EmoVIT."""
    base = tree.base(*(f"{name}.json" for name in INDICES))
    for name, split in INDICES.items():
        path = base / f"{name}.json"
        if not path.is_file():
            tree.note("indices are missing", path)
            continue
        for where, row in tree.records(path):
            if (entry := _entry(tree, base, where, row)) is not None:
                yield Entry(*entry, split, Annotation(base / row[-1]))


def _entry(tree: Tree, base: Path, where: str, row: Any) -> tuple[str, Path, tuple[float, ...]] | None:
    if not isinstance(row, list) or len(row) not in (3, 4) or not all(isinstance(cell, str) for cell in row):
        tree.corrupt(where, f"expected [emotion, id, picture, annotation] or those without the id, got {row!r:.80}")
        return None
    label, picture = tree.label(where, row[0]), base / row[-2]
    if label is None or tree.picture(picture) is None:
        return None
    return tree.key(picture), picture, tree.one(label)


class Annotation(Mapping[str, str]):
    """What an annotation file says can be seen, by reasoning part, read when it is asked for. The emotion is not in it.

    Attributes that the annotators left out are absent, null, -1 or empty; then the part says that nothing is noted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _parts(self) -> dict[str, str]:
        return described(attributes(self.path))

    def __getitem__(self, part: str) -> str:
        return self._parts[part]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def attributes(path: Path) -> dict[str, Any]:
    """The attributes of one annotation file that are there: brightness, colorfulness, scene, object, ...

    Raises UserError for a file that is missing or is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UserError(f"annotation {path} cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        raise UserError(f"annotation {path}: not valid JSON: {problem}") from None
    if not isinstance(found, dict):
        raise UserError(f"annotation {path}: expected an object, got {type(found).__name__}")
    return {key: value for key, value in found.items() if value not in (None, "", -1, [], [-1])}


def described(found: Mapping[str, Any]) -> dict[str, str]:
    """Attributes as the four descriptive parts of the reasoning.

    >>> described({"brightness": 0.9, "object": ["Dog", "Ball"], "scene": "beach"})["element"]
    'dog, ball; very bright'
    """
    objects = found.get("object", [])
    things = ", ".join(map(_words, objects if isinstance(objects, list) else [objects]))
    light = [_level(found.get("brightness"), "dark", "bright"), _level(found.get("colorfulness"), "muted", "colorful")]
    face, action = (_words(found.get(key, "")) for key in ("facial_expression", "human_action"))
    scene = _words(found.get("scene", ""))
    who = "; ".join(filter(None, (f"facial expression: {face}" if face else "", f"action: {action}" if action else "")))
    meets = " ".join(filter(None, (action, f"with {things}" if things else "", f"({scene})" if scene else "")))
    return {
        "element": "; ".join(filter(None, (things, *light))) or "no objects are noted",
        "human": who or "no people are noted",
        "context": scene or "no particular setting is noted",
        "interaction": meets or "nothing acts on anything else",
    }


def _words(value: Any) -> str:
    return str(value).strip().replace("_", " ").lower()


def _level(value: Any, low: str, high: str) -> str:
    """A number in [0, 1] in words: EmoSet gives brightness and colorfulness in steps of 0.1."""
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        return ""
    steps = (f"very {low}", low, f"neither {low} nor {high}", high, f"very {high}")
    return steps[min(4, int(value * 5))]
