"""The embedded data: emojis in ten drawing styles, with the votes of the people who annotated them.

Each picture has real annotation counts (negative / neutral / positive; Kralj Novak et al., 2015): how people judged the
sentiment of messages that carry that emoji.  What is left uncertain once only the picture is seen is exactly what a
calibrated confidence should say.  The other domain is drawn emoticons, each rated by ten people (Hutto & Gilbert,
2014).

Two classes drop the neutral votes and balance the majority label; three classes keep everything.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from emocal_rl.data.rows import Row, balanced, ordinal

FILES = Path(__file__).parent / "emoji_files"
QUESTION = "Which sentiment do people express with this picture?"
CANDIDATES = {2: ("negative", "positive"), 3: ("negative", "neutral", "positive")}
MIN_VOTES = 10  # fewer, and the observed share of the top label overstates how much people agree

# The split rule: who drew a picture decides what it may be used for, and a fifth of the emojis is never trained on.
# Stage three has most pictures: which of them deserve a confidence is harder to learn than what words to say.  Choices
# are made on a style that is trained on nowhere, since that is what they have to be right about in the end.
SPLIT_OF_STYLE = {
    "noto": "stage_one", "twemoji": "stage_one", "fxemoji": "stage_three",
    "emojione": "stage_two", "emojione-mono": "stage_three", "streamline": "stage_three",
    "noto-v1": "validation", "emojione-v1": "stage_three",
    "fluent-flat": "unseen_style", "openmoji": "unseen_style",
}  # fmt: skip
STYLES = tuple(SPLIT_OF_STYLE)
TRAINED = ("stage_one", "stage_two", "stage_three")
TRAIN_STYLES = tuple(style for style, split in SPLIT_OF_STYLE.items() if split in TRAINED)
TEST_STYLES = tuple(style for style, split in SPLIT_OF_STYLE.items() if split == "unseen_style")
EVALUATED = ("validation", "unseen_style", "unseen_emoji", "other_domain")
SPLITS = (*TRAINED, *EVALUATED)


def held_out(codepoint: str) -> bool:
    """Whether the emoji is kept out of every training split: a fifth of them, by a hash of the code point.

    >>> held_out("1f600"), held_out("1f602")
    (False, False)
    """
    return ordinal("emoji", codepoint) % 5 == 0


def split_of(codepoint: str, style: str) -> str | None:
    """The one split a picture belongs to, by emoji AND style (None: used nowhere).

    Every style has its split: each stage trains on styles of its own, and choices are made and results reported on
    styles that no stage saw.  The test emojis come in the styles that were trained on.
    """
    if held_out(codepoint):
        return "unseen_emoji" if style in TRAIN_STYLES else None
    return SPLIT_OF_STYLE[style]


@cache
def table(name: str) -> list[dict[str, str]]:
    """One of the shipped tables, `emoji` or `emoticons`."""
    with (FILES / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@cache
def pictures() -> dict[str, np.ndarray]:
    """`pixels` (N, 32, 32, 3) with `emoji` and `style` indices (N,), and `emoticons` (M, 32, 32, 3); all uint8 RGB."""
    with np.load(FILES / "pictures.npz") as stored:
        return {name: stored[name] for name in stored.files}


def votes(entry: dict[str, str], classes: int) -> tuple[int, ...] | None:
    """The counts of one table row over the candidates; None where too few people voted or the majority is tied."""
    counts = tuple(int(entry[name]) for name in CANDIDATES[classes])
    if sum(counts) < MIN_VOTES or counts.count(max(counts)) > 1:
        return None
    return counts


def emoji_rows(classes: int) -> dict[str, list[Row]]:
    """The labelled emoji pictures by split; test and validation splits balanced over the majority label."""
    splits = labelled(classes)
    return {name: balanced(rows) if name in EVALUATED else rows for name, rows in splits.items()}


def labelled(classes: int) -> dict[str, list[Row]]:
    """All labelled emoji pictures by split."""
    stored, entries = pictures(), table("emoji")
    splits: dict[str, list[Row]] = {name: [] for name in SPLITS[:-1]}
    for pixels, index, style in zip(stored["pixels"], stored["emoji"], stored["style"], strict=True):
        entry, style = entries[index], STYLES[style]
        split, counts = split_of(entry["codepoint"], style), votes(entry, classes)
        if split and counts:
            splits[split].append(
                row(
                    f"{entry['codepoint']}-{style}",
                    pixels,
                    counts,
                    classes,
                    entry["codepoint"],
                    style,
                    describe(entry, pixels),
                )
            )
    return splits


def emoticon_rows(classes: int) -> list[Row]:
    """The other domain: emoticons drawn as text, ten ratings each; ties and, with two classes, neutral ones dropped."""
    rows = []
    for number, (entry, pixels) in enumerate(zip(table("emoticons"), pictures()["emoticons"], strict=True)):
        counts = tuple(int(entry[name]) for name in CANDIDATES[classes])
        if sum(counts) >= MIN_VOTES // 2 and counts.count(max(counts)) == 1:
            rows.append(row(f"emoticon-{number:03d}", pixels, counts, classes, entry["token"], "", {}))
    return balanced(rows) if classes == 2 else rows  # hardly any emoticon is neutral: balance would leave six


def row(
    key: str, pixels: np.ndarray, counts: tuple[int, ...], classes: int, cluster: str, style: str, parts: dict[str, str]
) -> Row:
    """One row of the embedded data."""
    return Row(key, Image.fromarray(pixels), QUESTION, CANDIDATES[classes], counts, cluster, style, parts)


PEOPLE = {
    "face": "a face",
    "cat-face": "a cat face",
    "monkey-face": "a monkey face",
    "hand": "a hand",
    "hands": "hands",
    "person": "a person",
    "family": "people",
}
COLOURS = {
    "black": (20, 20, 20), "grey": (128, 128, 128), "white": (245, 245, 245), "red": (220, 45, 50),
    "orange": (245, 145, 40), "yellow": (252, 205, 60), "green": (90, 170, 70), "blue": (60, 140, 220),
    "purple": (150, 90, 190), "pink": (240, 130, 170), "brown": (140, 90, 60),
}  # fmt: skip


def describe(entry: dict[str, str], pixels: np.ndarray) -> dict[str, str]:
    """What can be seen, by reasoning part: nothing here depends on the votes.

    The name and the subgroup say what is drawn; the colours are measured on the pixels.
    """
    subgroup = entry["subgroup"]
    kind = next(
        (text for key, text in PEOPLE.items() if subgroup == key or subgroup.startswith(f"{key}-")), "no people"
    )
    return {
        "element": entry["name"],
        "human": kind,
        "context": entry["group"].split("-")[0],
        "interaction": f"mostly {colour(pixels)}",
    }


def colour(pixels: np.ndarray) -> str:
    """The commonest colour name of a picture's drawn part (white paper left out), (H, W, 3) uint8 -> word.

    >>> colour(np.full((4, 4, 3), (250, 200, 60), np.uint8))
    'yellow'
    """
    flat = pixels.reshape(-1, 3).astype(int)
    drawn = flat[flat.min(1) < 235]
    if not len(drawn):
        return "white"
    names = list(COLOURS)
    distance = ((drawn[:, None] - np.array([COLOURS[name] for name in names])) ** 2).sum(-1)
    return names[int(np.bincount(distance.argmin(1), minlength=len(names)).argmax())]


@cache
def load(classes: int = 2) -> dict[str, list[Row]]:
    """Every split of the embedded data, by name (cached: do not modify)."""
    return {**emoji_rows(classes), "other_domain": emoticon_rows(classes)}
