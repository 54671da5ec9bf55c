"""Reading, grading and scoring completions against straightforward ports of two published reward functions.

    python -m benchmarks.reward_speed [--rows 100000] [--turns 3]

The texts are completions of about 1,500 characters; four in a hundred have lost a tag. Beside `preset("rlcr")` runs
what RLCR's code does, as described in its paper and repository: five functions, each of which matches one regular
expression for the format and reads the reply again, without the symbolic verifier; beside `preset("emocaliber")` runs
EmoCaliber's function: one search a tag. Both are our own code, and their totals must agree with ours on every row. They
are timed by turns in one process, so that a busy machine is busy for all; ratios are of medians. As in training, they
get a batch of 512 at a time, and only its totals are kept. The texts themselves are hidden from Python's garbage
collector, which would otherwise walk over them in both. Then: a million (confidence, correct) pairs through every rule,
and the import of the package in a fresh interpreter. Results go to `benchmarks/results/reward_speed.json`.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import re
import string
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl import environment, files
from emocal_rl.rewards import FORMATS, RULES, preset

RESULTS = Path(__file__).parent / "results" / "reward_speed.json"
LABELS = ["amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sadness"]
PROSE = (
    "the picture shows a wide view of people near water while soft light falls on their faces and hands so that one "
    "feels calm although something in the distance looks tense which may suggest another reading of the whole scene"
)
PARTS = ("element", "human", "context", "interaction", "analysis")
BATCH = 512
PUNCTUATION = str.maketrans("", "", string.punctuation)

# What is written


def completions(form: str, count: int, length: int = 1500, seed: int = 0) -> tuple[list[str], list[dict[str, Any]]]:
    """Texts of about this length in a format, with targets; four in a hundred have lost something."""
    draw = random.Random(seed)
    texts, targets = [], []
    for _ in range(count):
        answer, label = draw.choice(LABELS), draw.choice(LABELS)
        parts = {name: _prose(draw, (length - 150) // 5) for name in PARTS}
        if form == "rlcr":
            parts = {"think": _prose(draw, 2 * length // 3), "analysis": _prose(draw, length // 4)}
        text = FORMATS[form].write(parts, draw.choice((answer, label)), draw.randint(1, 99) / 100)
        texts.append(_damaged(text, draw) if draw.random() < 0.04 else text)
        targets.append({"candidates": LABELS, "label": label})
    return texts, targets


def _prose(draw: random.Random, length: int) -> str:
    words = draw.choices(PROSE.split(), k=length // 3)
    return " ".join(words)[:length].strip().capitalize() + "."


def _damaged(text: str, draw: random.Random) -> str:
    return text.replace(draw.choice(["</think>", "<answer>", "</confidence>"]), "")


# What RLCR's code does: format 0.5, correctness 0.5, Brier 0.5, two more functions for the log alone

RLCR = re.compile(
    r"\s*<think>.*?</think>\s*<answer>.*?</answer>\s*<analysis>.*?</analysis>\s*<confidence>.*?</confidence>\s*\Z",
    re.DOTALL,
)
ANSWER, CONFIDENCE = (re.compile(f"<{tag}>(.*?)</{tag}>", re.DOTALL) for tag in ("answer", "confidence"))


def rlcr_format(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    return [float(RLCR.match(text) is not None) for text in texts]


def rlcr_accuracy(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    well = rlcr_format(texts, labels)
    found = [ANSWER.findall(text) for text in texts]
    said = [_even(answers[-1]) if answers else "" for answers in found]
    return [ok * (one == _even(label)) for ok, one, label in zip(well, said, labels, strict=True)]


def _even(answer: str) -> str:
    return " ".join(answer.lower().translate(PUNCTUATION).split())


def _stated(text: str) -> float:
    found = CONFIDENCE.findall(text)
    try:
        value = float(found[-1]) if found else 0.0
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0


def rlcr_brier(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    well, right = rlcr_format(texts, labels), rlcr_accuracy(texts, labels)
    stated = [_stated(text) for text in texts]
    return [ok * (1 - (y - c) ** 2) for ok, y, c in zip(well, right, stated, strict=True)]


def rlcr_mean_confidence(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    return [_stated(text) for text in texts]


def rlcr_sure(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    return [float(_stated(text) in (0.0, 1.0)) for text in texts]


def rlcr(texts: Sequence[str], labels: Sequence[str]) -> list[float]:
    """The total of every text; the last two functions are logged and hardly paid."""
    functions = ((rlcr_format, 0.5), (rlcr_accuracy, 0.5), (rlcr_brier, 0.5), (rlcr_mean_confidence, 0), (rlcr_sure, 0))
    columns = [[weight * value for value in function(texts, labels)] for function, weight in functions]
    return [sum(row) for row in zip(*columns, strict=True)]


# What EmoCaliber's function does, one text at a time


def emocaliber(text: str, label: str) -> dict[str, float]:
    """1 + y + 2 (y ln c + (1-y) ln(1-c)) where every tag is there and 0 < c < 1, else -5; with what it logs."""
    think, answer, confidence = (_inside(tag, text) for tag in ("think", "answer", "confidence"))
    if think is None or answer is None or confidence is None or any(_inside(tag, think) is None for tag in PARTS):
        return BAD
    try:
        c = float(confidence)
    except ValueError:
        return BAD
    if not 0 < c < 1:
        return BAD
    words = answer.translate(PUNCTUATION).lower().split()
    y = float(len(words) == 1 and words[0] == label.lower())
    log = 2 * (y * math.log(c) + (1 - y) * math.log(1 - c))
    return {"score": 1 + y + log, "format": 1.0, "log": log, "correct": y, "brier": -((c - y) ** 2), "confidence": c}


BAD = {"score": -5.0, "format": 0.0, "log": -5.0, "correct": 0.0, "brier": -1.0, "confidence": 1.0}


def _inside(tag: str, text: str) -> str | None:
    found = re.search(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    return found.group(1) if found else None


# Timing


def race(name: str, theirs: Callable[..., list[float]], rows: int, turns: int) -> dict[str, Any]:
    """Median seconds of ours and of theirs, taken by turns, and their ratio; both must agree on every total."""
    reward = preset(name).reward()
    texts, targets = completions("rlcr" if name == "rlcr" else "emocaliber", rows)
    labels = [str(target["label"]) for target in targets]
    taken: list[tuple[float, float]] = []
    gc.collect()
    gc.freeze()
    for _ in range(turns):
        ours, fast = _timed(lambda: _in_batches(lambda *batch: [row.total for row in reward(*batch)], texts, targets))
        others, slow = _timed(lambda: _in_batches(theirs, texts, labels))
        assert np.allclose(ours, others), f"{name}: the totals differ"
        taken.append((fast, slow))
    gc.unfreeze()
    fast, slow = (float(np.median(column)) for column in zip(*taken, strict=True))
    characters = float(np.mean([len(text) for text in texts]))
    return {"ours_s": fast, "theirs_s": slow, "ratio": slow / fast, "rows": rows, "characters": characters}


def _in_batches(call: Callable[..., list[float]], texts: list[str], rows: list[Any]) -> list[float]:
    starts = range(0, len(texts), BATCH)
    return [total for at in starts for total in call(texts[at : at + BATCH], rows[at : at + BATCH])]


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    made = call()
    return made, time.perf_counter() - began


def million() -> dict[str, float]:
    """Seconds that each rule takes for a million pairs, the fastest of three."""
    c, y = np.random.default_rng(0).random((2, 1_000_000))
    return {name: min(_timed(partial(made(), c, y))[1] for _ in range(3)) for name, made in RULES.items()}


def import_seconds(turns: int = 5) -> float:
    """Seconds that `import emocal_rl.rewards` takes in a fresh interpreter, numpy included, the fastest of several."""
    code = "import time; t = time.perf_counter(); import emocal_rl.rewards; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", code]
    return min(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(turns))


def main() -> None:
    """Time, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    ports: dict[str, Callable[..., list[float]]] = {
        "rlcr": rlcr,
        "emocaliber": lambda texts, labels: [emocaliber(*row)["score"] for row in zip(texts, labels, strict=True)],
    }
    races = {name: race(name, port, options.rows, options.turns) for name, port in ports.items()}
    for name, found in races.items():
        print(
            f"{name:11} {found['rows']} completions of {found['characters']:.0f} characters: ours {found['ours_s']:.2f}"
            f" s, its own way {found['theirs_s']:.2f} s, {found['ratio']:.1f} times faster"
        )
    pairs, imported = million(), import_seconds()
    slowest = max(pairs, key=lambda name: pairs[name])
    print(f"a million pairs: brier {pairs['brier']:.3f} s, the slowest rule ({slowest}) {pairs[slowest]:.3f} s")
    print(f"import emocal_rl.rewards: {imported:.3f} s, numpy included")
    found = {"races": races, "million_pairs_s": pairs, "import_s": imported}
    files.write_json(RESULTS, found | {"device": environment.device(), "versions": environment.versions()})


if __name__ == "__main__":
    main()
