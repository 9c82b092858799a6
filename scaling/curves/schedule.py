"""Learning-rate schedules: the rate of every step, and the sums that laws of whole loss curves are made of.

Index t of an array is optimiser step t, counted from 0: a loss logged at `step` t has seen the rates 0 to t. Functions
of arrays run under NumPy and under JAX alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace
from scaling.errors import InvalidInput, Violation


@final
@dataclass(frozen=True, eq=False)
class Schedule:
    r"""The learning rate of every step.

    - `rates` [step]: $\eta_t$, finite and not below zero; the first `warmup` of them rise to the first working rate.
    - `warmup`: steps of warm-up. They count towards the area ($S_W$ in $S_1(t) + S_W$); their rises are no annealing.
      With 0 every change counts, a ramp's rises too: so did the released fits of Luo et al. 2025.
    - `name`: what it is called in answers.

    Raises `InvalidInput` for rates that are negative, not finite, all zero, or fewer than the warm-up's.
    """

    rates: Float[Array, "step"]
    warmup: int = 0
    name: str = "schedule"

    def __post_init__(self) -> None:
        rates = np.array(self.rates, dtype=np.float64)
        rates.setflags(write=False)
        object.__setattr__(self, "rates", rates)
        violations = [
            Violation(f"rates[{index}]", f"{rates[index]:g} given, a finite rate not below zero needed")
            for index in np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))[:20]
        ]
        if rates.ndim != 1 or not 0 <= self.warmup < max(rates.size, 1) or rates.size == 0:
            violations.append(
                Violation("warmup", f"{self.warmup} of {rates.size} steps given; at least one step must follow it")
            )
        elif not violations and not rates[self.warmup :].max() > 0:
            violations.append(Violation("rates", "all zero after the warm-up; nothing is learnt"))
        if violations:
            raise InvalidInput(f"{self.name!r} is no learning-rate schedule.", violations)

    def __len__(self) -> int:
        return len(self.rates)

    @property
    def peak(self) -> float:
        """Largest rate after the warm-up."""
        return float(self.rates[self.warmup :].max())

    def area(self) -> Float[Array, "step"]:
        r"""$S_1(t) + S_W = \sum_{j \le t} \eta_j$, in units of the rate x steps, warm-up included."""
        return area(self.rates)

    def drops(self) -> Float[Array, "step"]:
        r"""$\Delta_k = \eta_{k-1} - \eta_k$ at every step k, zero during the warm-up and at its end."""
        fallen = drops(self.rates)
        return np.where(np.arange(len(fallen)) <= (self.warmup if self.warmup else 0), 0.0, fallen)


def area(rates: Float[Array, "step"]) -> Float[Array, "step"]:
    r"""$S_1(t) = \sum_{j \le t} \eta_j$ (Tissue et al. 2024, eq. 1); constant rates give a straight line."""
    return array_namespace(rates).cumsum(rates)


def drops(rates: Float[Array, "step"]) -> Float[Array, "step"]:
    r"""$\Delta_k = \eta_{k-1} - \eta_k$, zero at step 0; negative where the rate rises."""
    xp = array_namespace(rates)
    return xp.concatenate([xp.zeros_like(rates[:1]), rates[:-1] - rates[1:]])


def annealing_area(fallen: Float[Array, "step"], momentum: Any) -> Float[Array, "step"]:
    r"""$S_2(t) = \sum_{i \le t} m_i$ with $m_i = \lambda m_{i-1} + \Delta_i$ (Tissue et al. 2024, eq. 2 and 3).

    The recursion is unrolled by doubling: log2(steps) array operations, no loop over steps.
    """
    xp = array_namespace(fallen, momentum)
    total, shift = fallen, 1
    while shift < fallen.shape[0]:
        total = total + momentum**shift * xp.concatenate([xp.zeros_like(total[:shift]), total[:-shift]])
        shift *= 2
    return xp.cumsum(total)


def area_since(rates: Float[Array, "step"], step: int) -> Float[Array, "step"]:
    r"""$S_k(t) = \sum_{j=k}^{t} \eta_j$ for every k up to t = `step` (Luo et al. 2025, eq. 3)."""
    total = area(rates[: step + 1])
    return total[-1] - total + rates[: step + 1]


def constant(steps: int, peak: float, *, warmup: int = 0, name: str = "constant") -> Schedule:
    """Linear warm-up, then one rate."""
    return _after_warmup(np.full(_working(steps, warmup, name), peak), peak, warmup, name)


def cosine(steps: int, peak: float, *, final: float = 0.0, warmup: int = 0, name: str = "cosine") -> Schedule:
    """Linear warm-up, then half a cosine from `peak` towards `final`, which step `steps` would reach."""
    share = _shares(_working(steps, warmup, name))
    return _after_warmup(final + 0.5 * (peak - final) * (1.0 + np.cos(math.pi * share)), peak, warmup, name)


def linear(steps: int, peak: float, *, final: float = 0.0, warmup: int = 0, name: str = "linear") -> Schedule:
    """Linear warm-up, then a straight line from `peak` towards `final`."""
    share = _shares(_working(steps, warmup, name))
    return _after_warmup(peak + (final - peak) * share, peak, warmup, name)


def warmup_stable_decay(
    steps: int,
    peak: float,
    *,
    decay_from: int,
    final: float = 0.0,
    exponential: bool = False,
    warmup: int = 0,
    name: str = "wsd",
) -> Schedule:
    """Linear warm-up, `peak` until step `decay_from`, then a line (or a geometric path) towards `final`."""
    working = _working(steps, warmup, name)
    if not warmup <= decay_from < steps or (exponential and not final > 0):
        raise InvalidInput(
            f"The decay of {name!r} cannot be: from step {decay_from} of {steps} (warm-up {warmup}) to {final:g}. "
            "It must begin after the warm-up and before the end; an exponential one must end above zero."
        )
    share = np.clip((np.arange(warmup, warmup + working) - decay_from) / (steps - decay_from), 0.0, 1.0)
    rates = peak * (final / peak) ** share if exponential else peak + (final - peak) * share
    return _after_warmup(rates, peak, warmup, name)


def two_stage(
    steps: int, peak: float, *, second: float, switch: int, warmup: int = 0, name: str = "wsdcon"
) -> Schedule:
    """Linear warm-up, `peak` until step `switch`, then the rate `second` (WSD-con of Luo et al. 2025)."""
    working = _working(steps, warmup, name)
    rates = np.where(np.arange(warmup, warmup + working) < switch, peak, second)
    return _after_warmup(rates, peak, warmup, name)


def _working(steps: int, warmup: int, name: str) -> int:
    if not 0 <= warmup < steps:
        raise InvalidInput(f"{name!r}: {warmup} steps of warm-up in {steps} steps; at least one must follow it.")
    return steps - warmup


def _shares(count: int) -> Float[Array, "step"]:
    return np.arange(count) / count


def _after_warmup(rates: Float[Array, "step"], peak: float, warmup: int, name: str) -> Schedule:
    ramp = np.linspace(0.0, peak, warmup) if warmup else np.zeros(0)
    return Schedule(np.concatenate([ramp, rates]), warmup=warmup, name=name)
