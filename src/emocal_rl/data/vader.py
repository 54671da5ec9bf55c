"""Words, slang and emoticons with the ratings that ten people gave each (Hutto and Gilbert, VADER, 2014; MIT licence).

The ratings come in the Python package vaderSentiment: whole numbers from -4 (extremely negative) to +4 (extremely
positive), ten an item.  They are votes: on two, three, five or nine ordered labels.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from emocal_rl.data.rows import Row, ordinal
from emocal_rl.errors import UserError

FILE = "vader_lexicon.txt"
QUESTION = 'How do most people rate the sentiment of "{}"?'
LABELS = {
    2: ("negative", "positive"),
    3: ("negative", "neutral", "positive"),
    5: ("very negative", "negative", "neutral", "positive", "very positive"),
    9: (
        "extremely negative", "very negative", "negative", "slightly negative", "neutral",
        "slightly positive", "positive", "very positive", "extremely positive",
    ),
}  # fmt: skip
"""Ordered labels.  Two: the sign, neutral left out.  Three: the sign.  Five: pairs of points.  Nine: the scale."""
SHARES = (("stage_one", 30), ("stage_two", 25), ("stage_three", 25), ("validation", 8), ("unseen_words", 12))
"""Percent of the word families in each split."""
FEWEST = 8  # ratings that must remain of an item once neutral ones are dropped


def load(classes: int | None = None, root: str | None = None) -> dict[str, list[Row]]:
    """Split -> rows.  Words of one family (the same first five letters) are in one split; `emoticons` have no letters.

    root: a folder with vader_lexicon.txt, in place of the package's.

    Raises:
        UserError: no such number of labels, no file, or a line of it that cannot be read.
    """
    count = 2 if classes is None else classes
    if count not in LABELS:
        raise UserError(f"data.classes: vader has {', '.join(map(str, LABELS))} labels (got {count})")
    splits: dict[str, list[Row]] = {name: [] for name in (*(name for name, _ in SHARES), "emoticons")}
    for word, ratings in items(lexicon(root)).items():
        votes = votes_of(ratings, count)
        if sum(votes) >= FEWEST:
            splits[split_of(word)].append(row(word, votes, count))
    return splits


def items(path: Path) -> dict[str, list[int]]:
    """Every item's ratings.  Some items, lower-cased by the authors, are there twice: twenty people rated those."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            word, ratings = parse(line, f"{path}:{number}")
            found.setdefault(word, []).extend(ratings)
    return found


def lexicon(root: str | None) -> Path:
    """The file of ratings, in `root` or in the package."""
    spec = importlib.util.find_spec("vaderSentiment")
    folder = Path(root).expanduser() if root else Path(spec.origin).parent if spec and spec.origin else None
    if folder is None or not (folder / FILE).is_file():
        raise UserError(
            f"data vader: no {FILE} in {folder}" if folder else
            "data vader: the ratings come in a Python package: pip install 'emocal-rl[text]', or set data.root"
        )  # fmt: skip
    return folder / FILE


def parse(line: str, where: str) -> tuple[str, list[int]]:
    """The item and its ratings; a `UserError` names the line.

    >>> parse("foolish\\t-1.1\\t0.83\\t[-1, -1, 0, -2, -1, -1, -2, -1, 0, -2]", "f:1")
    ('foolish', [-1, -1, 0, -2, -1, -1, -2, -1, 0, -2])
    """
    cells = line.split("\t")
    try:
        ratings = ast.literal_eval(cells[3])
    except (IndexError, SyntaxError, ValueError):
        ratings = None
    if not isinstance(ratings, list) or not ratings or not all(type(n) is int and -4 <= n <= 4 for n in ratings):
        raise UserError(f"{where}: expected item, mean, deviation and a list of ratings from -4 to 4, split by tabs")
    return cells[0], ratings


def votes_of(ratings: Sequence[int], classes: int) -> tuple[int, ...]:
    """Counts of each label.

    >>> votes_of([-4, -1, 0, 2, 3], 2), votes_of([-4, -1, 0, 2, 3], 3), votes_of([-4, -1, 0, 2, 3], 5)
    ((2, 2), (2, 1, 2), (1, 1, 1, 1, 1))
    """
    signs = [(n > 0) - (n < 0) for n in ratings]
    if classes == 2:
        places = [max(sign, 0) for sign in signs if sign]
    elif classes == 9:
        places = [n + 4 for n in ratings]
    else:
        steps = signs if classes == 3 else [sign * -(-abs(n) // 2) for n, sign in zip(ratings, signs, strict=True)]
        places = [step + classes // 2 for step in steps]
    return tuple(places.count(place) for place in range(classes))


def family(word: str) -> str:
    """What keeps the forms of a word together: its first five characters.

    >>> family("foolishly") == family("foolisher") == "fooli"
    True
    """
    return word.lower()[:5]


def split_of(word: str) -> str:
    """The split of an item, by its family, the same in every release."""
    if not any(letter.isalpha() for letter in word):
        return "emoticons"
    place = ordinal("vader", family(word)) % 100
    for name, share in SHARES:
        place -= share
        if place < 0:
            return name
    raise AssertionError("the shares add up to 100")


def row(word: str, votes: tuple[int, ...], classes: int) -> Row:
    """One item; its reasoning names it, because there is nothing else to see."""
    return Row(
        id=word,
        source=None,
        question=QUESTION.format(word),
        candidates=LABELS[classes],
        votes=votes,
        cluster=family(word),
        parts={"think": f'I ask myself how ten people would rate "{word}".'},
    )
