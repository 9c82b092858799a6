"""Chance levels of metrics, and what a test set of n items can tell from chance."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scaling.errors import InvalidInput, Violation


def chance_accuracy(option_counts: Sequence[int]) -> float:
    r"""Accuracy of uniform guessing, $\frac{1}{m} \sum_i 1 / k_i$ over items with $k_i$ options.

    Raises `InvalidInput` for no items or an item with fewer than one option.
    """
    if not option_counts or min(option_counts) < 1:
        raise InvalidInput(f"{list(option_counts)!r} given; each item needs at least one option.")
    return math.fsum(1.0 / count for count in option_counts) / len(option_counts)


def majority_rate(label_counts: Sequence[int]) -> float:
    """Accuracy of always giving the most frequent answer: the chance level where a model can learn the labels' rates.

    A score that climbs to it has learnt the labels, not the task. Raises `InvalidInput` where all counts are zero.
    """
    total = sum(label_counts)
    if total <= 0 or min(label_counts) < 0:
        raise InvalidInput(f"{list(label_counts)!r} given; counts of each label are needed, not all of them zero.")
    return max(label_counts) / total


def uniform_brier(option_count: int) -> float:
    r"""Brier score $\sum_j (y_j - p_j)^2$ of a uniform guesser, $1 - 1/k$: .75 with four options (0 is perfect)."""
    if option_count < 1:
        raise InvalidInput(f"{option_count} options given, at least one needed.")
    return 1.0 - 1.0 / option_count


def hits_above_chance(chance: float, item_count: float, *, level: float = 0.05) -> int:
    """Fewest right answers of `item_count` that guessing reaches with probability at most `level`."""
    from scipy.special import bdtrik

    _check(chance=chance, item_count=item_count, level=level)
    if chance == 0.0:
        return 1
    hits = math.floor(bdtrik(1.0 - level, item_count, chance))
    while hits <= item_count and _at_least(hits, item_count, chance) > level:
        hits += 1
    return hits


def smallest_detectable_score(chance: float, item_count: float, *, level: float = 0.05, power: float = 0.95) -> float:
    r"""Smallest true score that `item_count` items tell from `chance` with probability `power`; 1 where none does.

    $\min p: P(X \ge k \mid n, p) \ge \text{power}$, k the fewest hits that guessing reaches with probability at most
    `level` (exact binomial, one-sided). With chance 0 it is $1 - (1 - \text{power})^{1/n}$: one hit is enough.
    """
    from scipy.special import betaincinv

    _check(chance=chance, item_count=item_count, level=level, power=power)
    hits = hits_above_chance(chance, item_count, level=level)
    if hits > item_count:
        return 1.0
    return float(betaincinv(hits, item_count - hits + 1, power))


def items_needed(score: float, chance: float, *, level: float = 0.05, power: float = 0.95) -> int:
    """Fewest items with which a true `score` above `chance` is told from it with probability `power`.

    Raises `InvalidInput` where the score is not above chance.
    """
    _check(chance=chance, level=level, power=power)
    if not chance < score <= 1.0:
        raise InvalidInput(f"Score {score:g} and chance {chance:g} given; the score must lie above chance and up to 1.")
    high = 1
    while smallest_detectable_score(chance, high, level=level, power=power) > score:
        high *= 2
    low = high // 2
    while high - low > 1:  # a saw-tooth of a few items around the answer: hits are whole numbers
        middle = (low + high) // 2
        enough = smallest_detectable_score(chance, middle, level=level, power=power) <= score
        low, high = (low, middle) if enough else (middle, high)
    return high


def _at_least(hits: int, item_count: float, p: float) -> float:
    from scipy.special import betainc

    return 1.0 if hits <= 0 else 0.0 if hits > item_count else float(betainc(hits, item_count - hits + 1, p))


def _check(*, chance: float, item_count: float = 1.0, level: float = 0.05, power: float = 0.5) -> None:
    violations = [
        *([] if 0.0 <= chance < 1.0 else [Violation("chance", f"{chance:g} given, at least 0 and below 1 needed")]),
        *([] if item_count >= 1 else [Violation("item_count", f"{item_count:g} given, at least 1 needed")]),
        *([] if 0.0 < level < 1.0 else [Violation("level", f"{level:g} given, between 0 and 1 needed")]),
        *([] if 0.0 < power < 1.0 else [Violation("power", f"{power:g} given, between 0 and 1 needed")]),
    ]
    if violations:
        raise InvalidInput("The resolution of a test set cannot be told from these.", violations)
