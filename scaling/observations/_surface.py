"""A smooth surface through log losses, and the rows that lie far off it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from scaling._pytree import Array

_FEWEST_ROWS = 8
_FAR_OFF = 0.25  # of ln L: a quarter of the loss, beyond any noise between runs
_FAR_OFF_SCALES = 8.0
_MOST_SHARE = 0.1  # of rows that can lie far off the others; more are no exceptions
_LEFT_OUT_ROWS = 150  # up to which each row is left out of its own prediction
_ITERATIONS = 25


def surface_residuals(
    log_n: Float[Array, " row"], log_d: Float[Array, " row"], log_loss: Float[Array, " row"], *, robust: bool
) -> Float[Array, " row"] | None:
    """ln L less a quadratic in ln N and ln D, by least absolute deviations or least squares.

    None where there are too few rows for one.
    """
    basis = _basis(log_n, log_d)
    if len(log_loss) < basis.shape[1] + 3:
        return None
    residual: Float[Array, " row"] = log_loss - basis @ _fitted(basis, log_loss, robust=robust)
    return residual


def outlying_rows(
    log_n: Float[Array, " row"], log_d: Float[Array, " row"], log_loss: Float[Array, " row"]
) -> tuple[Int[Array, " outlier"], Float[Array, " outlier"]]:
    """Rows whose loss is off by a quarter and by 8 robust scales from what the others predict, and that prediction.

    The worst row is taken out, the rest looked at again: one wrong row at the rim bends the surface near it. Below
    150 rows each is predicted without itself, since a row at the rim carries the surface with it.
    """
    basis = _basis(log_n, log_d)
    inside = np.arange(len(log_loss))
    rows: list[int] = []
    expected: list[float] = []
    while len(inside) >= max(_FEWEST_ROWS, basis.shape[1] + 3) and len(rows) < max(1, _MOST_SHARE * len(log_loss)):
        at = _predictions(basis[inside], log_loss[inside])
        off = np.abs(log_loss[inside] - at)
        worst = int(np.argmax(off))
        scale = 1.4826 * float(np.median(off))
        if off[worst] < max(_FAR_OFF, _FAR_OFF_SCALES * scale):
            break
        rows.append(int(inside[worst]))
        expected.append(float(at[worst]))
        inside = np.delete(inside, worst)
    return np.array(rows, dtype=int), np.array(expected, dtype=np.float64)


def _basis(log_n: Float[Array, " row"], log_d: Float[Array, " row"]) -> Float[Array, "row term"]:
    """Terms up to second order, standardised; those that the rows cannot tell from others are left out."""
    x, z = (_standard(values) for values in (log_n, log_d))
    terms = [np.ones_like(x)]
    for term in (x, z, x**2, z**2, x * z):
        candidate = np.stack([*terms, term], axis=1)
        if np.linalg.cond(candidate) < 1e3 and len(x) >= 2 * candidate.shape[1]:
            terms.append(term)
    return np.stack(terms, axis=1)


def _standard(values: Float[Array, " row"]) -> Float[Array, " row"]:
    spread = float(np.std(values))
    standard: Float[Array, " row"] = (values - np.mean(values)) / (spread if spread > 1e-9 else 1.0)
    return standard


def _predictions(basis: Float[Array, "row term"], y: Float[Array, " row"]) -> Float[Array, " row"]:
    if len(y) > _LEFT_OUT_ROWS:
        everywhere: Float[Array, " row"] = basis @ _fitted(basis, y, robust=True)
        return everywhere
    start = _fitted(basis, y, robust=True)
    at = np.empty_like(y)
    for row in range(len(y)):
        others = np.arange(len(y)) != row
        at[row] = basis[row] @ _fitted(basis[others], y[others], robust=True, start=start)
    return at


def _fitted(
    basis: Float[Array, "row term"],
    y: Float[Array, " row"],
    *,
    robust: bool,
    start: Float[Array, " term"] | None = None,
) -> Float[Array, " term"]:
    """Coefficients by least squares, or by least absolute deviations (iteratively reweighted)."""
    solution: Float[Array, " term"] = np.linalg.lstsq(basis, y, rcond=None)[0] if start is None else start
    if not robust:
        return solution
    for _ in range(_ITERATIONS):
        off = np.abs(y - basis @ solution)
        weight = 1.0 / np.maximum(off, 1e-4)
        normal = (basis * weight[:, np.newaxis]).T
        new = np.linalg.solve(normal @ basis + 1e-9 * np.eye(basis.shape[1]), normal @ y)
        if np.max(np.abs(new - solution)) < 1e-6:
            return new
        solution = new
    return solution
