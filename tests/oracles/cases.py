"""Rows to disagree about: continuous, discrete with exact 0 and 1, one class, one row, lattice values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def continuous(seed: int, n: int = 400) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    c = rng.random(n)
    return c, (rng.random(n) < c**1.3).astype(np.float64)


def stated(seed: int, n: int = 400, step: float = 0.05) -> tuple[Floats, Floats]:
    """What a model states: multiples of 0.05, ties everywhere, exact 0 and 1 among them."""
    rng = np.random.default_rng(seed)
    c = np.round(np.round(rng.beta(4, 1.5, n) / step) * step, 2)
    c[:5], c[5:25] = 0.0, 1.0
    return c, (rng.random(n) < 0.2 + 0.6 * c).astype(np.float64)


def lattice(seed: int) -> tuple[Floats, Floats]:
    """The values that floating-point edges misplace."""
    rng = np.random.default_rng(seed)
    return rng.choice([0.3, 0.6, 0.7], 60), (rng.random(60) < 0.5).astype(np.float64)


CASES = {
    "continuous": continuous(0),
    "stated": stated(1),
    "tenths": stated(2, step=0.1),
    "lattice": lattice(3),
    "all right": (stated(4, 50)[0], np.ones(50)),
    "all wrong": (stated(5, 50)[0], np.zeros(50)),
    "one row": (np.array([0.7]), np.array([1.0])),
    "certain": (np.array([0.0, 1.0, 1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0, 1.0, 1.0])),
    "one value": (np.full(40, 0.8), np.r_[np.ones(25), np.zeros(15)]),
}
TWO_CLASSES = [name for name, (_, y) in CASES.items() if 0 < y.mean() < 1]
EVERY = list(CASES)
