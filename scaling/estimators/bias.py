"""How wrong an estimator of the frontier is where the truth is known and nothing is noisy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, final

from scaling.errors import NotEnoughRuns
from scaling.laws import AbstractLaw
from scaling.units import format_flops

BIAS_COMPUTE = 1e24  # FLOPs: where the bias of published frontiers is usually asked for


class Frontier(Protocol):
    """What a bias is computed from."""

    @property
    def exponent(self) -> float:
        """a of N* ~ C^a."""

    def size_at(self, compute: float) -> float:
        """N*(C)."""

    def tokens_at(self, compute: float) -> float:
        """D*(C)."""


@final
@dataclass(frozen=True)
class FrontierBias:
    """The estimator applied to the exact losses of a law at the sizes and budgets of the runs.

    It is not subtracted: that would trust the very law that the estimator does without. Intervals are widened by it.

    - `law`: name of the law taken for the truth.
    - `exponent`: estimated less true local exponent of N* at `compute`.
    - `size`, `tokens`: relative errors of N* and D* at `compute`.
    """

    law: str
    compute: float
    exponent: float
    size: float
    tokens: float

    def __str__(self) -> str:
        return (
            f"Were the fitted {self.law!r} the truth, these sizes and budgets would on average give "
            f"an exponent off by {self.exponent:+.4f}, and N* off by {self.size:+.1%}, D* off by {self.tokens:+.1%} at "
            f"{format_flops(self.compute)} FLOPs; the intervals are wider by that."
        )


def frontier_bias(
    estimate: Callable[[], Frontier], law: AbstractLaw, *, compute: float = BIAS_COMPUTE
) -> FrontierBias | None:
    r"""Bias of an estimate made from exact losses; the true exponent is $d \ln N^* / d \ln C$ of the law's optimum.

    None where the law's own curves have no minimum inside the sizes of enough budgets: then there is nothing to
    compare. Raises `Unanswerable` for a law without an optimum.
    """
    true_size, true_tokens = (float(value) for value in law.optimum(compute))
    step = 1.01
    beyond, below = (float(law.optimum(compute * factor)[0]) for factor in (step, 1.0 / step))
    try:
        made = estimate()
    except NotEnoughRuns:
        return None
    return FrontierBias(
        law=law.name,
        compute=compute,
        exponent=made.exponent - math.log(beyond / below) / (2.0 * math.log(step)),
        size=made.size_at(compute) / true_size - 1.0,
        tokens=made.tokens_at(compute) / true_tokens - 1.0,
    )
