"""What a sweep recommends, in words and with the evidence; where nothing is shown, that is what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.evaluate.findings import between, number
from emocal_rl.evaluate.tables import spread

ALPHA = 0.05
FLAGS = {
    "one_confidence": "one confidence for everything",
    "all_or_nothing": "confidences of 0 and 1 only",
    "giving_up": "wrong on purpose",
    "losing_the_format": "replies unreadable while training",
    "accuracy_lost": "accuracy lost",
    "unreadable": "unreadable replies",
}


def advice(split: Mapping[str, Any], baseline: str, flags: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Sentences: what to train with, why, and what is demonstrably worse. By the Brier score of one split.

    A variant is recommended over the baseline when its Brier score is lower with an adjusted p below `ALPHA` and it has
    no flag that the baseline lacks; among several the one with the lowest.
    """
    shown = {name: c["brier"] for name, c in split["contrasts"].items()}
    better = [name for name, c in shown.items() if _shown(c) and c["value"] < 0]
    worse = sorted((name for name, c in shown.items() if _shown(c) and c["value"] > 0), key=lambda n: shown[n]["value"])
    clean = [name for name in better if not flags[name].keys() - flags[baseline].keys()]
    best = min(clean, key=lambda name: shown[name]["value"], default=None)
    lines = [_change(best, baseline, split) if best else _keep(baseline, split, bool(better))]
    lines += [
        f"Better than {baseline} by the Brier score, but flagged: {_flagged(n, flags)}."
        for n in better
        if n not in clean
    ]
    if worse:
        lines.append(f"Demonstrably worse than {baseline}: " + "; ".join(_evidence(n, shown[n]) for n in worse) + ".")
    if open_ := [name for name in shown if name not in better and name not in worse]:
        lines.append(f"Not told apart from {baseline} by this many seeds and rows: {', '.join(open_)}.")
    if flagged := [_flagged(name, flags) for name in flags if flags[name]]:
        lines.append(f"Flags: {'; '.join(flagged)}.")
    return lines


def _shown(contrast: Mapping[str, Any]) -> bool:
    return contrast["p_holm"] is not None and contrast["p_holm"] < ALPHA and contrast["better"] is not None


def _change(best: str, baseline: str, split: Mapping[str, Any]) -> str:
    found = split["contrasts"][best]
    accuracy = found["accuracy"]
    return (
        f"Train with {best}: on {split['label']} its Brier score is {_score(best, split)}, {baseline}'s "
        f"{_score(baseline, split)} ({_evidence('', found['brier']).strip()}); accuracy "
        f"{'+' if accuracy['value'] > 0 else ''}{number(100 * accuracy['value'], 1)} points "
        f"{spread('accuracy', accuracy['low'], accuracy['high'])}."
    )


def _keep(baseline: str, split: Mapping[str, Any], flagged: bool) -> str:
    others = len(split["contrasts"])
    but = " without being flagged" if flagged else ""
    return (
        f"Keep {baseline}: on {split['label']} its Brier score is {_score(baseline, split)}, and of {others} other "
        f"{'variant' if others == 1 else 'variants'} none is demonstrably better{but}."
    )


def _score(variant: str, split: Mapping[str, Any]) -> str:
    found = split["variants"][variant]["after"]["brier"]
    return f"{number(found['value'])} {between(found['low'], found['high'])}".strip()


def _evidence(name: str, contrast: Mapping[str, Any]) -> str:
    sign = "+" if contrast["value"] > 0 else ""
    runs = f" in {contrast['better_runs']} of {contrast['runs']} seeds better" if contrast["paired"] else ""
    return (
        f"{name} {sign}{number(contrast['value'])} {between(contrast['low'], contrast['high'])}, "
        f"Holm p {p_value(contrast['p_holm'])},{runs}".rstrip(",")
    )


def p_value(p: float | None) -> str:
    """A p-value for people.

    >>> p_value(0.0004), p_value(0.032), p_value(None)
    ('< 0.001', '0.032', '–')
    """
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _flagged(name: str, flags: Mapping[str, Mapping[str, int]]) -> str:
    return f"{name} ({flag_words(flags[name])})"


def flag_words(flags: Mapping[str, int]) -> str:
    """Flags in words, with the number of runs.

    >>> flag_words({"giving_up": 2})
    'wrong on purpose in 2'
    """
    return ", ".join(f"{FLAGS.get(name, name)} in {count}" for name, count in flags.items())


def missing(names: Sequence[str], count: int) -> str:
    """A sentence about the points that are not there; "" when all are.

    >>> missing(["log-3"], 10)
    '1 of 10 points is missing here: log-3.'
    """
    verb = "is" if len(names) == 1 else "are"
    return f"{len(names)} of {count} points {verb} missing here: {', '.join(names)}." if names else ""
