"""Smooth calibration error, smECE (Blasiok and Nakkiran, ICLR 2024), written exactly.

smECE_sigma is the integral over t in [0, 1] of |(1/n) sum_i K_sigma(t, c_i)(y_i - c_i)| with a Gaussian kernel
reflected at 0 and 1. The reported value is the fixed point sigma* = smECE_sigma*. The reflected images are summed
without cutting, so a unit of mass at exactly 0 or 1 counts as one (the reference package counts it one half, which
flatters over-confident models).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from emocal_rl.evaluate.cells import Array, Cells
from emocal_rl.evaluate.measure import measure

SMALLEST = 1e-3
"""Bandwidths are searched in [SMALLEST, 1]; below that the value at SMALLEST is returned."""
FINE = 4096


def kernel(values: Array, sigma: float, points: int) -> Array:
    """Reflected Gaussian kernel (K, points) at the midpoints of a mesh on [0, 1], times the mesh width.

    Each row sums to 1 up to the mesh error: all mass stays inside, at the boundary as well.
    """
    mesh = (np.arange(points) + 0.5) / points
    total = np.zeros((values.size, points))
    for shift in (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0):
        for image in (values + shift, shift - values):
            near = np.maximum(image - 1, -image) < 7 * sigma  # an image further outside adds less than 1e-10
            if not near.any():
                continue
            total[near] += np.exp(-0.5 * ((mesh - image[near, None]) / sigma) ** 2)
    return np.asarray(total / (sigma * np.sqrt(2 * np.pi) * points))


def _residual(cells: Cells) -> Array:
    return np.asarray((cells.right - cells.weight * cells.values) / np.maximum(cells.n, 1)[..., None])


def _masses(cells: Cells) -> tuple[Array, Array]:
    """Where the residual mass lies, and the mass; that of very many values at the nearest points of a grid.

    A kernel of a million values does not fit into memory; SMALLEST is eight times what a value is moved by at most.
    """
    values, mass = cells.values, _residual(cells)
    if values.size <= FINE:
        return values, mass
    there = np.bincount(np.round(values * FINE).astype(np.int64), mass, minlength=FINE + 1)
    return np.arange(FINE + 1) / FINE, np.asarray(there, np.float64)


def at_bandwidth(cells: Cells, sigma: float, finest: int = 8192) -> Array:
    """smECE_sigma (...) for a fixed bandwidth; the mesh has at least eight points per sigma up to ``finest``."""
    points = int(np.clip(8 / sigma, 256, finest))
    values, mass = _masses(cells)
    return np.asarray(np.abs(mass @ kernel(values, sigma, points)).sum(axis=-1))


def fixed_point(cells: Cells, finest: int = 8192) -> float:
    """smECE_sigma never increases with sigma, so smECE_sigma - sigma has one root (found by Brent's method)."""

    def excess(sigma: float) -> float:
        return float(at_bandwidth(cells, sigma, finest)) - sigma

    if excess(SMALLEST) <= 0:
        return excess(SMALLEST) + SMALLEST
    return 1.0 if excess(1.0) >= 0 else float(brentq(excess, SMALLEST, 1.0, xtol=1e-6))


def _fixed_points(cells: Cells, centre: float | None = None, grid: int = 14) -> Array:
    """Fixed points of a batch (B, K): interpolated on a grid of bandwidths around ``centre``, the batch mean's."""
    if centre is None:
        centre = fixed_point(_one(cells, cells.weight.mean(0), cells.right.mean(0)))
    centre = max(centre, 4 * SMALLEST)
    sigmas = np.geomspace(max(centre / 4, SMALLEST), min(centre * 4, 1.0), grid)
    excess = np.stack([_coarse(cells, s) - s for s in sigmas], axis=-1)  # (B, grid), falling along the grid
    after = np.clip((excess > 0).sum(axis=-1), 1, grid - 1)
    rows = np.arange(excess.shape[0])
    left, right = excess[rows, after - 1], excess[rows, after]
    share = np.clip(np.divide(left, left - right, out=np.zeros_like(left), where=left != right), 0.0, 1.0)
    return np.asarray(sigmas[after - 1] + share * (sigmas[after] - sigmas[after - 1]))


def _one(cells: Cells, weight: Array, right: Array) -> Cells:
    return Cells(cells.values, weight, right, *(np.asarray(0.0),) * 3)


def null_values(cells: Cells, right: Array) -> Array:
    """smECE (B,) of draws ``right`` (B, K) around calibration, whose mean has no error and so names no bandwidth."""
    some = [fixed_point(_one(cells, cells.weight, row), finest=512) for row in right[:3]]
    weight = np.broadcast_to(cells.weight, right.shape)
    return _fixed_points(_one(cells, weight, right), float(np.median(some)))


def _coarse(cells: Cells, sigma: float) -> Array:
    """smECE_sigma of a batch on a coarse single-precision mesh: resampling noise is far larger than its error."""
    weights = kernel(cells.values, sigma, int(np.clip(3 / sigma, 96, 400))).astype(np.float32)
    return np.asarray(np.abs(_residual(cells).astype(np.float32) @ weights).sum(axis=-1), np.float64)


@measure("smece/fixed point, exact reflected Gaussian", "lower", "basic")
def smece(cells: Cells) -> Array:
    """Smooth calibration error at its fixed point, in [0, 1]; lower is better (Blasiok and Nakkiran 2024).

    >>> round(smece([1.0, 1.0, 0.5, 0.5], [0, 0, 1, 0]), 3)
    0.5
    """
    if not cells.values.size:
        return np.full(cells.n.shape, np.nan)
    return np.asarray(fixed_point(cells)) if cells.weight.ndim == 1 else _fixed_points(cells)
