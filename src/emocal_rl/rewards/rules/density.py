"""Rules generated from what a mistake costs: a weight density m(t) over decision thresholds, or a cost ratio.

Someone who acts on the answer only when c exceeds a threshold t pays for confidences on the wrong side of it. Every
proper rule is a mixture of such decisions: right(c) = -int_c^1 (1-t) m(t) dt and wrong(c) = -int_0^c t m(t) dt for one
density m(t) >= 0, strictly proper where m > 0.  Savage (1971); Schervish (1989); Buja, Stuetzle and Shen (2005).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from emocal_rl.errors import UserError
from emocal_rl.rewards.rules.checks import positive
from emocal_rl.rewards.rules.core import Array, Rule
from emocal_rl.rewards.rules.declare import rule
from emocal_rl.rewards.rules.special import incomplete_beta


@rule(proper=True, low=lambda a, b: -max(a, b) / (a + b), high=0.0)
def beta(a: float = 2.0, b: float = 1.0) -> Rule:
    """Beta family (higher is better, in [-max(a, b)/(a+b), 0]): m(t) is the density of a Beta(a, b) variable, a, b > 0.

    Right -int_c^1 (1-t) m(t) dt, wrong -int_0^c t m(t) dt.  Cares most about thresholds around a/(a+b); a = b = 1 is
    half of Brier. Safe beside `correct` up to weight (a+b)/b.  Buja, Stuetzle and Shen (2005).

    >>> beta(a=1.0, b=1.0)([0.5, 1.0], [1, 0]).round(3)
    array([-0.125, -0.5  ])
    """
    positive(a=a, b=b)
    return Rule(
        right=lambda c: -(b / (a + b)) * (1 - incomplete_beta(a, b + 1, c)),
        wrong=lambda c: -(a / (a + b)) * incomplete_beta(a + 1, b, c),
    )


@rule(proper=True, low=lambda ratio, sharpness: -max(ratio, 1) / (1 + ratio), high=0.0)
def cost_ratio(ratio: float = 9.0, sharpness: float = 4.0) -> Rule:
    """A wrong answer acted on costs r = ratio times a right one missed (higher is better, in [-max(r, 1)/(1+r), 0]).

    The beta family around the threshold t* = r / (1 + r) at which acting breaks even; s = sharpness = a + b says how
    closely the weight sits there (towards infinity: only that one decision counts).  Right -int_c^1 (1-t) m(t) dt,
    wrong -int_0^c t m(t) dt, m = Beta(t* s, (1-t*) s).  Safe beside `correct` up to weight 1 + ratio.  Elkan (2001);
    Buja, Stuetzle and Shen (2005).

    >>> cost_ratio(ratio=9.0)([0.0, 1.0], [1, 0]).round(3)
    array([-0.1, -0.9])
    """
    positive(ratio=ratio, sharpness=sharpness)
    a, b = sharpness * ratio / (1 + ratio), sharpness / (1 + ratio)
    return Rule(right=beta.build(a, b).right, wrong=beta.build(a, b).wrong)


def _moments(weights: Sequence[float]) -> tuple[Array, Array]:
    """Per bin, the integrals of (1-t) m(t) and of t m(t)."""
    m = _normalised(weights)
    edges = np.linspace(0, 1, len(m) + 1)
    upper = m * (edges[1:] ** 2 - edges[:-1] ** 2) / 2
    return m * np.diff(edges) - upper, upper


def _normalised(weights: Sequence[float]) -> Array:
    try:
        m = np.asarray(weights, dtype=float)
    except (TypeError, ValueError):
        m = np.array([np.nan])  # text, or lists of different lengths
    if m.ndim != 1 or not m.size or not np.isfinite(m).all() or m.min() < 0 or not m.sum() > 0:
        raise UserError(f"density: weights must be a list of finite numbers >= 0, not all 0, got {weights!r}")
    return np.asarray(m / m.mean())


@rule(
    proper=True,
    strict=lambda weights: min(weights) > 0,
    low=lambda weights: -float(max(moment.sum() for moment in _moments(weights))),
    high=0.0,
)
def density(weights: Sequence[float] = (1.0, 1.0, 2.0, 4.0)) -> Rule:
    """A rule from a risk profile (higher is better, at most 0): m(t) is a histogram over equal bins of [0, 1].

    Right -int_c^1 (1-t) m(t) dt, wrong -int_0^c t m(t) dt, m scaled to mean 1.  Strictly proper when every bin has
    weight; where one has none, the confidences in it all pay the same.  Schervish (1989).

    >>> density(weights=(1.0,))([0.5, 1.0], [1, 0]).round(3)
    array([-0.125, -0.5  ])
    """
    m = _normalised(weights)
    edges = np.linspace(0, 1, len(m) + 1)
    below = [np.concatenate([[0.0], moment.cumsum()]) for moment in _moments(weights)]

    def up_to(c: Array) -> tuple[Any, Any]:
        i = np.minimum((c * len(m)).astype(int), len(m) - 1)
        inside = m[i] * (c**2 - edges[i] ** 2) / 2
        return below[0][i] + m[i] * (c - edges[i]) - inside, below[1][i] + inside

    total = below[0][-1]
    return Rule(right=lambda c: up_to(c)[0] - total, wrong=lambda c: -up_to(c)[1])


def from_density(m: Callable[[Array], Any], bins: int = 1000) -> Rule:
    """A rule from any weight function m(t) >= 0 on (0, 1), taken as constant on each of `bins` equal bins.

    Picklable whatever m is, since only its values are kept.

    >>> from emocal_rl.rewards.rules import brier
    >>> rule = from_density(lambda t: 1 + 0 * t)
    >>> bool(abs(2 * rule(0.3, 1) - brier()(0.3, 1)) < 1e-9)
    True
    """
    middles = (np.arange(bins) + 0.5) / bins
    return density(weights=tuple(float(value) for value in np.broadcast_to(m(middles), middles.shape)))
