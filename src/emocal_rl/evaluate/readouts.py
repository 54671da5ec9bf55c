"""Other confidences of the same answers, measured beside the stated one.

Answer-token probability and the mean of the digits come from one more forward pass (`token_readouts`, engine hf).
Self-consistency (Wang et al. 2023; as a confidence, Xiong et al. 2024): the share of the samples of a row that give
the same answer. It costs k completions a row and needs no words, so it is what a stated confidence has to beat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from emocal_rl.evaluate.intervals import headline
from emocal_rl.evaluate.measure import Metric

AGREEMENT = "self_consistency"
READOUTS = (AGREEMENT, "answer_probability", "expected_confidence")
COMPARED = ("accuracy", "brier", "auroc", "ece_10", "augrc", "mean_confidence")


def with_agreement(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Records with ``self_consistency``: the share of the row's samples, unreadable ones included, with this answer.

    >>> rows = [{"row": "a", "answer": x, "fault": None} for x in ("joy", "joy", "fear", "joy")]
    >>> [r["self_consistency"] for r in with_agreement(rows)]
    [0.75, 0.75, 0.25, 0.75]
    """
    samples = Counter(r["row"] for r in records)
    answers = Counter((r["row"], r["answer"]) for r in records if not r["fault"])
    return [
        {**r, AGREEMENT: None if r["fault"] else answers[r["row"], r["answer"]] / samples[r["row"]]} for r in records
    ]


def readouts(
    records: Sequence[Mapping[str, Any]], resamples: int = 2000, seed: int = 0
) -> dict[str, dict[str, Metric]]:
    """Readout -> metrics, with intervals clustered as the records say; only readouts that the records have."""
    found = {}
    for name, column in {"stated": "confidence", **{name: name for name in READOUTS}}.items():
        confidence = [r.get(column) for r in records]
        if all(c is None for c in confidence):
            continue
        correct, clusters = [r["correct"] for r in records], [r["cluster"] for r in records]
        metrics = headline(confidence, correct, clusters=clusters, resamples=resamples, seed=seed)
        found[name] = {key: metrics[key] for key in COMPARED}
    return found


def readout_lines(found: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]]) -> list[str]:
    """The same as a table for the terminal, from the JSON form: split -> readout -> metric."""
    if not any(found.values()):
        return []
    names = [f"{split}: {name}" for split, each in found.items() for name in each]
    wide = max(map(len, names)) + 2
    rows = [metrics for each in found.values() for metrics in each.values()]
    cells = ["".join(f"{_shown(row[key]['value']):>17}" for key in COMPARED) for row in rows]
    head = " " * wide + "".join(f"{key:>17}" for key in COMPARED)
    return [head, *(f"{name:<{wide}}{cell}" for name, cell in zip(names, cells, strict=True))]


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
