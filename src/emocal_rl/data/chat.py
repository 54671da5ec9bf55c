"""Rows as JSON objects, however they spell it: ours, ms-swift's and Qwen's chats, VECBench's, verl's, your own columns.

A row's fields are looked for under the name that `data.columns` gives; where it gives none, under ours, then under
names that others use. What a chat holds (pictures, question, candidates in brackets, reasoning, answer, confidence) is
taken from it where no field says it.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from emocal_rl.adapters.targets import NAMES
from emocal_rl.data.spec import DataSpec, labels_of, question_for
from emocal_rl.data.taxonomy import answers, with_labels
from emocal_rl.errors import UserError
from emocal_rl.rewards.formats.matching import match

OTHERS: dict[str, tuple[str, ...]] = {
    **NAMES,
    "label": (*NAMES["label"], "gold", "emotion", "reward_model.ground_truth", "other_info.ground_truth"),
    "candidates": (*NAMES["candidates"], "other_info.candidates"),
    "image": ("image_path", "images"),
    "task": ("data_source", "other_info.task"),
    "id": ("index", "question_id", "extra_info.index"),
    "question": ("query", "problem"),
    "chat": ("messages", "conversations", "prompt"),
}
"""Our name of a field -> what others call it; a dot goes into an object."""
FIELDS = ("id", "split", "image", "question", "candidates", "votes", "label", "cluster", "style", "parts", "confidence",
          "task", "judge")  # fmt: skip
TAGS = ("element", "human", "context", "interaction", "analysis")
_ITEM = r"""(?:'[^'\n\\]*'|"[^"\n\\]*")"""  # without backslashes: an escape may be none that Python reads
_LIST = re.compile(rf"\[\s*{_ITEM}(?:\s*,\s*{_ITEM})*\s*,?\s*\]")


def fields_of(raw: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """What a row says, under our names; fields that it lacks are absent.

    >>> fields_of({"emotion": "awe", "images": ["a.png"]}, {})
    {'image': 'a.png', 'label': 'awe'}
    >>> fields_of({"meta": {"gold": "awe"}}, {"label": "meta.gold"})
    {'label': 'awe'}
    """
    found: dict[str, Any] = {}
    for name, places in _places(tuple(columns.items())):
        for place, deep in places:
            value = _at(raw, deep) if deep else raw.get(place)
            if value is not None:
                found[name] = value
                break
    chat = found.pop("chat", None)
    if "image" in found:
        _one_image(found)
    if "candidates" in found and not isinstance(found["candidates"], list | tuple):
        del found["candidates"]
    return {**_told(chat), **found} if isinstance(chat, list) else found


@lru_cache(maxsize=16)
def _places(columns: tuple[tuple[str, str], ...]) -> tuple[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]], ...]:
    """Field -> where to look for it: a key of the row, or the keys of objects inside one another."""
    given = dict(columns)
    every = {name: (given[name],) if name in given else (name, *OTHERS.get(name, ())) for name in FIELDS}
    deep = {name: tuple((p, tuple(p.split(".")) if "." in p else ()) for p in places) for name, places in every.items()}
    return (*deep.items(), ("chat", tuple((name, ()) for name in OTHERS["chat"])))


def _at(raw: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw


def _one_image(found: dict[str, Any]) -> None:
    """The first of several pictures, and the path of one that is an object."""
    image = found["image"]
    if isinstance(image, list | tuple):
        image = image[0] if image else None
    found["image"] = image.get("path") if isinstance(image, dict) else image
    if found["image"] is None:
        del found["image"]


def _told(chat: Sequence[Any]) -> dict[str, Any]:
    """What a chat says: the last user turn and the assistant's reply to it."""
    said = {str(turn.get("role", turn.get("from"))): turn for turn in chat if isinstance(turn, Mapping)}
    asked, image = _text(said.get("user", said.get("human")))
    reply, _ = _text(said.get("assistant", said.get("gpt")))
    found: dict[str, Any] = {"asked": asked} if asked else {}
    if image:
        found["image"] = image
    if listed := _LIST.search(asked):
        found["candidates"] = ast.literal_eval(listed.group())
    parts = {tag: text for tag in TAGS if (text := inside(reply, tag)) is not None}
    found |= {"parts": parts} if parts else {}
    for name, tag in (("label", "answer"), ("confidence", "confidence")):
        if (text := inside(reply, tag)) is not None:
            found[name] = text.strip("{}")
    return found


def _text(turn: Mapping[str, Any] | None) -> tuple[str, str | None]:
    """The text of a turn without picture marks, and its first picture's path."""
    content = (turn or {}).get("content", (turn or {}).get("value", ""))
    if isinstance(content, str):
        return content.replace("<image>", "").strip(), None
    items = [item for item in content if isinstance(item, Mapping)] if isinstance(content, list) else []
    image = next((item.get("image") for item in items if item.get("type") == "image"), None)
    text = " ".join(str(item.get("text", "")) for item in items if item.get("type") == "text")
    return text.strip(), image.removeprefix("file://") if isinstance(image, str) else None


def inside(text: str, tag: str) -> str | None:
    """What stands in the first closed tag, stripped; None without one."""
    found = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found.group(1).strip() if found else None


def judged(found: Mapping[str, Any], spec: DataSpec) -> dict[str, Any]:
    """Candidates, votes, aliases, question, answer and confidence of a row, checked: the arguments of `Row`.

    Raises:
        UserError: what is missing or cannot be used, without the line.
    """
    votes, label = found.get("votes"), found.get("label")
    names = list(found.get("candidates") or labels_of(spec) or (votes if isinstance(votes, Mapping) else ()))
    candidates = tuple(map(str, names))
    if len(set(candidates)) < len(candidates):
        raise UserError(f"candidates are repeated: {', '.join(candidates)}")
    aliases = other_names(candidates, tuple(spec.accept))
    known: dict[str, Any] = {"candidates": candidates, "aliases": aliases}
    known |= {"confidence": _confidence(found.get("confidence")), "judge": judge(found.get("judge"), candidates)}
    known |= {"question": asked(found, spec, candidates), "prompt": str(found.get("asked", "")) * spec.given_prompts}
    if not candidates:
        if not isinstance(label, str | int | float) or label == "":
            raise UserError("missing label, and there are no candidates or votes (data.columns maps column names)")
        return known | {"votes": (), "answer": str(label)}
    return known | {"votes": counts(votes, candidates) if votes is not None else one(label, candidates, aliases)}


def asked(found: Mapping[str, Any], spec: DataSpec, candidates: tuple[str, ...]) -> str:
    """The question: the recipe's, the row's, the usual one for these labels, or what the chat asks."""
    if spec.question or found.get("question"):
        return str(spec.question or found["question"])
    text = question_for(candidates) or found.get("asked")
    if not text:
        raise UserError("missing question (give one to all rows with data.question)")
    return str(text)


def counts(votes: Any, candidates: tuple[str, ...]) -> tuple[float, ...]:
    """Votes parallel to the candidates, from a list or a mapping of labels."""
    if isinstance(votes, Mapping):
        if strange := [name for name in votes if name not in candidates and votes[name]]:
            raise UserError(f"votes for {', '.join(map(str, strange))}, which is none of {', '.join(candidates)}")
        votes = [votes.get(name) or 0 for name in candidates]
    good = isinstance(votes, list | tuple) and len(votes) == len(candidates)
    if not good or not all(type(n) in (int, float) and 0 <= n < math.inf for n in votes):
        raise UserError(f"votes must be {len(candidates)} counts, one for each candidate, got {votes!r}")
    if not sum(votes):
        raise UserError("votes are all zero: nobody judged this row")
    return tuple(votes)


def judge(given: Any, candidates: tuple[str, ...]) -> tuple[float, ...]:
    """A judge's probabilities parallel to the candidates, from a list or a mapping of labels; () where it said none."""
    if given is None:
        return ()
    listed: Any = [given.get(name) for name in candidates] if isinstance(given, Mapping) else given
    good = isinstance(listed, list | tuple) and len(listed) == len(candidates)
    if not good or not all(type(p) in (int, float) and 0 <= p <= 1 for p in listed):
        raise UserError(f"judge must be {len(candidates)} numbers in [0, 1], one for each candidate, got {given!r}")
    return tuple(map(float, listed))


def one(label: Any, candidates: tuple[str, ...], aliases: Mapping[str, str]) -> tuple[int, ...]:
    """One vote for a label, however it is spelt."""
    known = with_labels(candidates)
    name = None if label is None else match(str(label), candidates, aliases)
    if name is None and known is not None and label is not None:
        meant = known.find(str(label))
        name = next((each for each in candidates if meant is not None and known.find(each) == meant), None)
    if name is None:
        raise UserError(f"give votes, or a label that is one of {', '.join(candidates)} (got {label!r})")
    return tuple(int(each == name) for each in candidates)


@lru_cache(maxsize=256)
def other_names(candidates: tuple[str, ...], accept: tuple[str, ...]) -> Mapping[str, str]:
    """What else counts as an answer -> candidate: other spellings, and labels of the taxonomies in `accept`."""
    known = with_labels(candidates)
    if known is None:
        if accept:
            raise UserError(
                f"data.accept: {', '.join(candidates)} are the labels of no taxonomy that could be mapped to"
            )
        return {}
    spelt = {known.find(name): name for name in candidates}
    return {said: spelt[label] for said, label in answers(known.name, accept).items()}


def parts_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The reasoning parts of a row, as text; {} where it has none. Raises UserError for what is no object."""
    parts = found.get("parts") or {}
    if not isinstance(parts, Mapping):
        raise UserError(f"parts must be an object of texts by name, got {parts!r:.40}")
    return {str(name): str(text) for name, text in parts.items()}


def _confidence(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number <= 1:
        raise UserError(f"confidence must be a number in [0, 1], got {value!r}")
    return number


def picture_path(image: Any, folders: Sequence[Path]) -> Path:
    """Where a row's picture is: its path, relative to one of the folders.

    Raises UserError when it is in none.
    """
    if not isinstance(image, str):
        raise UserError(f"image must be a path, got {image!r:.40}")
    try:
        found = next((path for folder in folders if (path := folder / image).is_file()), None)
    except OSError as problem:  # a name longer than a file's can be, such as a picture in base64
        raise UserError(f"image must be a path, got {image!r:.40}... ({problem.strerror})") from None
    if found is not None:
        return found
    root = folders[0]
    raise UserError(f"image {root / image} does not exist; paths are relative to {root} (set data.root to change that)")
