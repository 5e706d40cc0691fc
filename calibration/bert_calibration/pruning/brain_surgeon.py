"""The optimal brain surgeon for groups of rows of a product (Hassibi and Stork 1993; Frantar and Alistarh 2022).

A product reads activations X, one row for each token. With H = X'X, leaving the rows S of its weights W out and fitting
the others again costs trace(W_S' (H^-1)_SS^-1 W_S) of squared error, and the best other rows are
W - H^-1_{:,S} (H^-1)_SS^-1 W_S. Groups leave one step after another, those that cost least first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]

DAMPING = 1e-2
"""Added to the diagonal, as a share of its mean: calibration texts say nothing about some directions."""


@dataclass(frozen=True)
class Moments:
    """What calibration tokens say of a product.

    Attributes:
        covariance: of its activation, float64 (rows, rows).
        mean: of its activation, (rows,).
        cross: covariance of the activation and of what its output should change by, (rows, outputs).
        shift: mean of the latter, (outputs,).
        tokens: how many there were.
    """

    covariance: Doubles
    mean: Doubles
    cross: Doubles
    shift: Doubles
    tokens: int

    @property
    def damped(self) -> Doubles:
        """The covariance with DAMPING on its diagonal."""
        level = max(float(np.trace(self.covariance)) / len(self.covariance), 1e-12)
        return self.covariance + DAMPING * level * np.eye(len(self.covariance))


@dataclass(frozen=True)
class Removal:
    """In which order groups leave, and at what cost.

    Attributes:
        order: the groups, those that leave first in front: (groups,).
        errors: the share of the output's variance that is lost once so many steps are done, from 0.
        step: how many groups leave in one step.
    """

    order: Indices
    errors: Doubles
    step: int

    def kept(self, number: int) -> Indices:
        """The groups that are left when `number` are, in their order."""
        return np.sort(self.order[len(self.order) - number :])

    def error(self, number: int) -> float:
        """What is lost when `number` groups are left, between steps on a line."""
        done = (len(self.order) - number) / self.step
        return float(np.interp(done, np.arange(len(self.errors)), self.errors))


def removal(hessian: Doubles, weights: Floats, size: int, step: int) -> Removal:
    """The order in which groups of `size` rows leave, `step` groups at a time, until one step is left.

    Args:
        hessian: H, positive definite: (rows, rows).
        weights: W: (rows, outputs).
    """
    groups = len(hessian) // size
    total = max(float(np.einsum("io,ij,jo->", weights, hessian, weights, optimize=True)), 1e-30)
    inverse: Doubles = np.linalg.inv(hessian).astype(np.float64)
    left: Doubles = weights.astype(np.float64)
    alive = np.arange(groups)
    order: list[int] = []
    errors = [0.0]
    while len(alive) > step:
        costs = _costs(inverse, left, size)
        chosen = np.sort(np.argsort(costs, kind="stable")[:step])
        rows = _rows(chosen, size)
        block = np.linalg.solve(inverse[np.ix_(rows, rows)], np.hstack([left[rows], inverse[rows]]))
        errors.append(errors[-1] + float((left[rows] * block[:, : left.shape[1]]).sum()) / total)
        stay = np.setdiff1d(np.arange(len(left)), rows, assume_unique=True)
        sides = inverse[np.ix_(stay, rows)]
        left = left[stay] - sides @ block[:, : left.shape[1]]
        inverse = inverse[np.ix_(stay, stay)] - sides @ block[:, weights.shape[1] + stay]
        order += alive[chosen[np.argsort(costs[chosen], kind="stable")]].tolist()
        alive = np.delete(alive, chosen)
    last = np.argsort(_costs(inverse, left, size), kind="stable")
    order += alive[last].tolist()
    return Removal(np.array(order, dtype=np.intp), np.array(errors), step)


def refit(moments: Moments, weights: Floats, rows: Indices) -> tuple[Doubles, Doubles]:
    """The best weights (rows kept, outputs) of the rows that are kept, and what the bias grows by (outputs,).

    Best for what all rows gave before, plus what the output should change by: least squares, damped towards `weights`.
    """
    hessian = moments.damped
    wanted = hessian[rows] @ weights + moments.cross[rows]
    fitted: Doubles = np.linalg.solve(hessian[np.ix_(rows, rows)], wanted).astype(np.float64)
    grown = moments.mean @ weights - moments.mean[rows] @ fitted + moments.shift
    return fitted, grown


def _costs(inverse: Doubles, weights: Doubles, size: int) -> Doubles:
    """What leaving each group out alone costs."""
    if size == 1:
        costs: Doubles = np.square(weights).sum(axis=1) / np.diagonal(inverse)
        return costs
    groups = len(weights) // size
    blocks = [slice(i * size, (i + 1) * size) for i in range(groups)]
    return np.array([float((weights[b] * np.linalg.solve(inverse[b, b], weights[b])).sum()) for b in blocks])


def _rows(groups: Indices, size: int) -> Indices:
    """The rows of these groups."""
    rows: Indices = (groups[:, np.newaxis] * size + np.arange(size)).reshape(-1)
    return rows
