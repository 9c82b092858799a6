"""Inverses and minima: the closed form of a power, and what bisection and grids find where there is no closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scaling._pytree import array_namespace

# ln of the largest count a numeric answer looks at: beyond 1e30 parameters or tokens "never" is the honest word.
LOG_COUNT_LIMIT = 30 * math.log(10.0)
_BISECTIONS = 60  # halves ln 1e30 to 6e-17 of itself: below float64's resolution of the answer
_GRID = 65


def count_at(left: Any, amplitude: Any, exponent: Any) -> Any:
    """x with amplitude / x^exponent = left; `inf` where nothing is left to reduce."""
    xp = array_namespace(left, amplitude)
    reachable = left > 0
    log_left = xp.log(xp.where(reachable, left, 1.0))  # twice guarded: no NaN enters a gradient
    return xp.where(reachable, xp.exp((xp.log(amplitude) - log_left) / exponent), xp.inf)


def smallest_count(falls: Callable[[Any], Any], wanted: Any, *, log_limit: Any = LOG_COUNT_LIMIT) -> Any:
    """Smallest count in [1, e^log_limit] with `falls(count) <= wanted`, by bisection on its logarithm; else `inf`.

    `falls` must fall (weakly) with the count up to that limit.
    """
    at_one = falls(1.0)
    xp = array_namespace(wanted, at_one, log_limit)
    low = xp.zeros_like(xp.where(at_one > wanted, at_one, 0.0 * at_one) + 0.0 * xp.asarray(log_limit))
    high = low + log_limit
    reachable = falls(xp.exp(high)) <= wanted
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        enough = falls(xp.exp(middle)) <= wanted
        low, high = xp.where(enough, low, middle), xp.where(enough, middle, high)
    return xp.where(reachable, xp.exp(high), xp.inf)


def smallest_budget(falls: Callable[[Any], Any], wanted: Any) -> Any:
    """`smallest_count` for a smooth function that is dear: 8 halvings, then 7 steps of false position; else `inf`.

    Within a quarter of an e-fold of the answer the loss is nearly straight in the logarithm of compute: false position
    with halved ends (the Illinois rule) is then right to 1e-12.
    """
    at_one = falls(1.0)
    xp = array_namespace(wanted, at_one)
    low = xp.zeros_like(xp.where(at_one > wanted, at_one, 0.0 * at_one))
    high = low + LOG_COUNT_LIMIT
    at_high = falls(xp.exp(high))
    reachable = at_high <= wanted
    goal = xp.where(reachable, wanted, at_high)
    for _ in range(8):
        middle = 0.5 * (low + high)
        enough = falls(xp.exp(middle)) <= goal
        low, high = xp.where(enough, low, middle), xp.where(enough, middle, high)
    above, below = falls(xp.exp(low)) - goal, falls(xp.exp(high)) - goal
    place, side = high, xp.zeros_like(high)  # side of the goal that the last place fell on
    for _ in range(7):
        drop = above - below
        place = xp.where(drop > 0, low + (high - low) * above / xp.where(drop > 0, drop, 1.0), high)
        gap = falls(xp.exp(place)) - goal
        enough = gap <= 0
        low, high = xp.where(enough, low, place), xp.where(enough, place, high)
        above = xp.where(enough, xp.where(side < 0, 0.5 * above, above), gap)
        below = xp.where(enough, gap, xp.where(side > 0, 0.5 * below, below))
        side = xp.where(enough, -1.0, 1.0)
    return xp.where(reachable, xp.exp(place), xp.inf)


def lowest_place(function: Callable[[Any], Any], low: Any, high: Any, *, first: bool = False, zooms: int = 5) -> Any:
    """Where `function` is lowest between `low` and `high`: a grid of 65, then one over the two cells beside its best.

    `function` takes places with a leading axis. Five zooms narrow the interval 3.4e7-fold. With `first` it is the first
    place at which the function turns up, not the lowest of all: laws that fall, rise and fall again do so where they
    mean nothing any more. A minimum narrower than a cell of the first grid is missed.
    """
    at_low = function(low)
    xp = array_namespace(low, high, at_low)
    low = xp.asarray(low) + 0.0 * at_low
    high = xp.asarray(high) + 0.0 * low
    steps = xp.reshape(xp.arange(_GRID) / (_GRID - 1.0), (_GRID,) + (1,) * low.ndim)
    for zoom in range(zooms):
        width = high - low
        values = function(low + width * steps)
        best = xp.argmin(values, axis=0)
        if first and zoom == 0:
            rises = values[1:] > values[:-1]
            best = xp.where(xp.any(rises, axis=0), xp.argmax(rises, axis=0), best)
        before, after = xp.maximum(best - 1, 0), xp.minimum(best + 1, _GRID - 1)
        low, high = low + width * before / (_GRID - 1.0), low + width * after / (_GRID - 1.0)
    return 0.5 * (low + high)
