"""Rows from a JSONL file: one JSON object a line.

    {"id": "1", "split": "train", "image": "cat.png", "question": "Which emotion?",
     "candidates": ["awe", "fear"], "votes": [7, 3]}                                      (on one line)

`image` is relative to the file (or to `data.root`).  Instead of `votes`, one `label` may be given.  Optional:
`cluster`, `style`, `parts`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from emocal_rl.data.rows import Row
from emocal_rl.errors import UserError

REQUIRED = ("id", "split", "image", "question", "candidates")


def load(path: Path, root: Path | None = None) -> dict[str, list[Row]]:
    """Split name -> rows, pictures opened lazily by Pillow but checked to be readable.

    Raises:
        UserError: the file is missing or empty, or the first twenty rows that cannot be used, one line each.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; give the path of a .jsonl file in data.name")
    splits: dict[str, list[Row]] = {}
    problems = []
    with path.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                entry = parse(line)
                splits.setdefault(entry["split"], []).append(to_row(entry, root or path.parent))
            except UserError as problem:
                problems.append(f"{path}:{number}: {problem}")
    if problems:
        more = [f"{path}: and {len(problems) - 20} more lines like these"] if len(problems) > 20 else []
        raise UserError("\n".join(problems[:20] + more))
    if not splits:
        raise UserError(f"{path}: the file has no rows")
    return splits


def parse(line: str) -> dict[str, Any]:
    """One line as a mapping with the required keys."""
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as problem:
        raise UserError(f"not JSON: {problem.msg} at column {problem.colno}") from None
    if not isinstance(entry, dict):
        raise UserError(f"a row must be a JSON object, got {type(entry).__name__}")
    if missing := [key for key in REQUIRED if key not in entry]:
        raise UserError(f"missing {', '.join(missing)}")
    return entry


def to_row(entry: dict[str, Any], root: Path) -> Row:
    """Check one entry and open its picture."""
    candidates = tuple(str(name) for name in entry["candidates"])
    picture = root / str(entry["image"])
    if not picture.is_file():
        raise UserError(f"image {picture} does not exist; paths are relative to {root} (set data.root to change that)")
    try:
        image = Image.open(picture).convert("RGB")
    except OSError as problem:
        raise UserError(f"image {picture} cannot be read: {problem}") from None
    return Row(
        id=str(entry["id"]),
        source=image,
        question=str(entry["question"]),
        candidates=candidates,
        votes=votes(entry, candidates),
        cluster=str(entry.get("cluster", entry["id"])),
        style=str(entry.get("style", "")),
        parts={str(k): str(v) for k, v in entry.get("parts", {}).items()},
    )


def votes(entry: dict[str, Any], candidates: tuple[str, ...]) -> tuple[int, ...]:
    """The counts parallel to the candidates, from `votes` or from a single `label`."""
    if "votes" not in entry:
        if entry.get("label") not in candidates:
            raise UserError(
                f"give votes, or a label that is one of {', '.join(candidates)} (got {entry.get('label')!r})"
            )
        return tuple(int(name == entry["label"]) for name in candidates)
    counts = entry["votes"]
    if (
        not isinstance(counts, list)
        or len(counts) != len(candidates)
        or not all(isinstance(n, int) and n >= 0 for n in counts)
    ):
        raise UserError(f"votes must be {len(candidates)} counts, one for each candidate, got {counts!r}")
    if not sum(counts):
        raise UserError("votes are all zero: nobody judged this row")
    return tuple(counts)
