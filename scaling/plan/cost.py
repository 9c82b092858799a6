"""FLOPs into accelerator-hours, days and money, with the uncertainty of the utilisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import HOURS_PER_DAY, SECONDS_PER_HOUR, Accelerator, Utilisation
from scaling.errors import InvalidInput, Violation
from scaling.predict.loss import DEFAULT_LEVELS, require_levels, sorted_quantiles

_UTILISATION_DRAWS = 4000


@final
@dataclass(frozen=True)
class Hardware:
    """What a plan runs on.

    - `accelerator`: the chip; `count`: how many, all the time.
    - `utilisation`: share of peak reached, with its own uncertainty.
    - `peak_flops_per_second`, `price_per_hour_usd`: in place of the table's.

    Raises `InvalidInput` listing every number out of range.
    """

    accelerator: Accelerator
    count: int = 1
    utilisation: Utilisation = field(default_factory=Utilisation)
    peak_flops_per_second: float | None = None
    price_per_hour_usd: float | None = None

    def __post_init__(self) -> None:
        violations = [
            Violation(name, f"{value:g} given, a finite number above zero needed")
            for name, value in (
                ("count", self.count),
                ("peak_flops_per_second", self.peak),
                ("price_per_hour_usd", self.price if self.price is not None else 1.0),
            )
            if not (math.isfinite(value) and value > 0)
        ]
        if violations:
            raise InvalidInput("The hardware's numbers are out of range.", violations)

    @property
    def peak(self) -> float:
        """Peak of one chip, FLOPs per second."""
        given = self.peak_flops_per_second
        return self.accelerator.peak_flops_per_second if given is None else given

    @property
    def price(self) -> float | None:
        """US dollars per chip and hour; None where unknown."""
        return self.accelerator.price_per_hour_usd if self.price_per_hour_usd is None else self.price_per_hour_usd


@final
@dataclass(frozen=True)
class Cost:
    """What FLOPs take on given hardware; quantiles over utilisation and, where they are a posterior, the FLOPs.

    - `levels`: of the quantiles.
    - `accelerator_hours`: $C / (\\text{peak} \\cdot u \\cdot 3600)$.
    - `days`: on all accelerators together; `usd`: None where no price is known.
    """

    hardware: Hardware
    levels: tuple[float, ...]
    accelerator_hours: Float[Array, " level"]
    days: Float[Array, " level"]
    usd: Float[Array, " level"] | None


def cost_of(
    flops: Float[Array, " draw"] | float,
    hardware: Hardware,
    *,
    levels: Sequence[float] = DEFAULT_LEVELS,
    seed: int = 0,
) -> Cost:
    """Cost of `flops` (one budget, or draws of one) on `hardware`; infinite FLOPs cost infinitely much.

    Raises `InvalidInput` for FLOPs that are not above zero.
    """
    require_levels(levels)
    draws = np.atleast_1d(np.asarray(flops, dtype=np.float64))
    if not np.all(draws > 0):  # NaN fails too
        raise InvalidInput("A cost needs FLOPs above zero.", [Violation("flops", f"{draws[~(draws > 0)][0]:g} given")])
    if len(draws) == 1:
        draws = np.repeat(draws, _UTILISATION_DRAWS)
    share = hardware.utilisation.draws(len(draws), rng=np.random.default_rng([seed, len(draws)]))
    hours = sorted_quantiles(draws / (hardware.peak * share * SECONDS_PER_HOUR), levels)
    return Cost(
        hardware=hardware,
        levels=tuple(levels),
        accelerator_hours=hours,
        days=hours / hardware.count / HOURS_PER_DAY,
        usd=None if hardware.price is None else hours * hardware.price,
    )
