"""The threshold below which a model had better not answer, fitted on validation records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from emocal_rl.errors import UserError
from emocal_rl.evaluate.cells import Sample, ratio


@dataclass(frozen=True)
class Threshold:
    """Answer when confidence >= ``value``. On the rows it was fitted on that answered ``coverage`` of all n rows (those
    that state no confidence are not answered), a share ``risk`` of them wrong.
    """

    value: float
    coverage: float
    risk: float
    n: int


def fit_threshold(confidence: ArrayLike | Sequence[Any], correct: ArrayLike | Sequence[Any], risk: float) -> Threshold:
    """The stated value that answers most rows with an error rate of at most ``risk``, in [0, 1].

    The observed rate, without a margin: on n rows it is known to about sqrt(risk (1 - risk) / (n coverage)).
    (Geifman and El-Yaniv 2017.) Raises UserError when no value keeps the risk.

    >>> fit_threshold([0.9, 0.9, 0.6, 0.3], [1, 1, 1, 0], 0.1)
    Threshold(value=0.6, coverage=0.75, risk=0.0, n=4)
    """
    if not 0 <= risk <= 1:
        raise UserError(f"risk: an error rate lies in [0, 1], got {risk:g}")
    sample = Sample.of(confidence, correct)
    cells = sample.cells()
    kept = np.cumsum(cells.weight[::-1])[::-1]
    risks = ratio(np.cumsum(cells.wrong[::-1])[::-1], kept)
    allowed = np.flatnonzero(risks <= risk + 1e-12)
    if not allowed.size:
        lowest = f"the lowest is {risks.min():.3f}" if risks.size else "no row states a confidence"
        raise UserError(f"no threshold keeps the error rate at or below {risk:g} on {len(sample)} rows; {lowest}")
    at = int(allowed[0])
    return Threshold(float(cells.values[at]), float(kept[at] / len(sample)), float(risks[at]), len(sample))
