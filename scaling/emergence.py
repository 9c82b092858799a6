"""Link after law: the size, tokens and compute at which the loss falls to a task's onset or threshold.

Pure composition of draws with draws; `inf` where no size is enough.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array, array_namespace
from scaling.compute import training_flops
from scaling.errors import InvalidInput
from scaling.laws import AbstractLaw
from scaling.units import format_count

_LOG_SCALE_LIMIT = 70.0  # ln: 1e30 parameters or tokens; `ComputeOptimal` counts FLOPs, 1e30 likewise
# How far from the law's own crossing the trend's is looked for, e-folds of the path's scale, nearest first.
_NEAR_STEPS = (0.03, 0.1, 0.25, 0.5)
_FAR_STEPS = (0.8, 1.2, 1.7, 2.3, 3.0, 4.0, 5.2, 7.0, 10.0, 15.0, 30.0, 70.0)
_REFINEMENTS = 30
_GAP_TOLERANCE = 1e-7  # of ln loss


class EmergencePoint(NamedTuple):
    """Where a path reaches a loss: size, tokens and training FLOPs [draw]; `inf` where it never does."""

    size: Float[Array, "*draw"]
    tokens: Float[Array, "*draw"]
    flops: Float[Array, "*draw"]


class LossSurface(Protocol):
    """A law with what its form leaves out: `scaling.posterior.LossPosterior` is one."""

    @property
    def law(self) -> AbstractLaw:
        """Draws of the law."""

    def trend_of_draws(self, n: Any, d: Any) -> Any:
        """Loss of a typical run where each draw [..., draw] has its own size and tokens."""

    def take(self, draws: Any) -> Self:
        """The surface with these draws alone."""


class AbstractPath(ABC):
    """How size and tokens grow together; its *scale* is the one number that moves along it."""

    @abstractmethod
    def scale_at(self, law: AbstractLaw, loss: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """Smallest scale at which `law` reaches `loss`; `inf` where it never does."""

    @abstractmethod
    def size_and_tokens(self, law: AbstractLaw, scale: Float[Array, "*draw"]) -> tuple[Any, Any]:
        """Size and tokens at `scale`."""

    @abstractmethod
    def describe(self) -> str:
        """The path in words that follow a size or budget: `at 20 tokens per parameter`."""


@final
@dataclass(frozen=True)
class FixedRatio(AbstractPath):
    """Every model is trained on `tokens_per_parameter` tokens per parameter; the scale is its size."""

    tokens_per_parameter: float

    def __post_init__(self) -> None:
        _require_count(self.tokens_per_parameter, "tokens_per_parameter")

    def scale_at(self, law: AbstractLaw, loss: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """$N: L(N, rN) = L$."""
        return law.size_at_ratio(loss, self.tokens_per_parameter)

    def size_and_tokens(self, law: AbstractLaw, scale: Float[Array, "*draw"]) -> tuple[Any, Any]:
        """$(N, rN)$."""
        return scale, self.tokens_per_parameter * scale

    def describe(self) -> str:
        """The path in words."""
        return f"at {self.tokens_per_parameter:g} tokens per parameter"


@final
@dataclass(frozen=True)
class FixedTokens(AbstractPath):
    """Every model is trained on `tokens`; the scale is its size."""

    tokens: float

    def __post_init__(self) -> None:
        _require_count(self.tokens, "tokens")

    def scale_at(self, law: AbstractLaw, loss: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """$N: L(N, D) = L$."""
        return law.size_at(loss, self.tokens)

    def size_and_tokens(self, law: AbstractLaw, scale: Float[Array, "*draw"]) -> tuple[Any, Any]:
        """$(N, D)$."""
        return scale, self.tokens + 0.0 * scale

    def describe(self) -> str:
        """The path in words."""
        return f"on {format_count(self.tokens)} tokens"


@final
@dataclass(frozen=True)
class FixedSize(AbstractPath):
    """One model of `size` is trained further and further; the scale is its tokens."""

    size: float

    def __post_init__(self) -> None:
        _require_count(self.size, "size")

    def scale_at(self, law: AbstractLaw, loss: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        """$D: L(N, D) = L$."""
        return law.tokens_at(loss, self.size)

    def size_and_tokens(self, law: AbstractLaw, scale: Float[Array, "*draw"]) -> tuple[Any, Any]:
        """$(N, D)$."""
        return self.size + 0.0 * scale, scale

    def describe(self) -> str:
        """The path in words."""
        return f"at size {format_count(self.size)}"


@final
@dataclass(frozen=True)
class ComputeOptimal(AbstractPath):
    """Every budget is split between size and tokens as each draw of the law finds best; the scale is compute, FLOPs."""

    def scale_at(self, law: AbstractLaw, loss: Float[Array, "*draw"]) -> Float[Array, "*draw"]:
        r"""$\min C: L(N^*(C), D^*(C)) = L$."""
        return law.compute_at(loss)

    def size_and_tokens(self, law: AbstractLaw, scale: Float[Array, "*draw"]) -> tuple[Any, Any]:
        """$(N^*(C), D^*(C))$."""
        return law.optimum(scale)

    def describe(self) -> str:
        """The path in words."""
        return "split compute-optimally"


def where_law_reaches(law: AbstractLaw, loss: Float[Array, "*draw"], path: AbstractPath) -> EmergencePoint:
    r"""Where `path` first reaches `loss` by the law alone.

    For the power law $N^* = N_0 (\eta - L_\infty)^{-1/\alpha}$; `inf` where $\eta \le L_\infty$ or no loss is asked
    for (`-inf`).
    """
    xp = array_namespace(loss)
    asked = xp.asarray(loss) > 0
    scale = path.scale_at(law, xp.where(asked, loss, 1.0))
    return _point_on(law, xp.where(asked, scale, xp.inf), path)


def where_trend_reaches(surface: LossSurface, loss: Float[Array, "draw"], path: AbstractPath) -> EmergencePoint:
    """Where `path` first reaches `loss` by the law and by what its form leaves out; NumPy.

    Starts from the law's own crossing. Where the trend lies above the law there, the crossing comes later: the first
    one beyond counts, for far out the trend may turn up again. Where it lies below, the crossing came earlier.
    """
    wanted = np.asarray(loss, dtype=np.float64)
    asked = wanted > 0
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        scale = np.asarray(path.scale_at(surface.law, np.where(asked, wanted, 1.0)))
        crossing = np.minimum(np.log(np.where(asked, scale, np.inf)), _LOG_SCALE_LIMIT)
        at_law = _gap(surface, path, wanted, crossing)
        apart = np.flatnonzero(asked & (np.abs(at_law) > _GAP_TOLERANCE))
        if len(apart):
            crossing[apart] = _crossing_beside(surface.take(apart), path, wanted[apart], crossing[apart], at_law[apart])
        reached = asked & (crossing < _LOG_SCALE_LIMIT)
        return _point_on(surface.law, np.where(reached, np.exp(crossing), np.inf), path)


def _gap(surface: LossSurface, path: AbstractPath, wanted: Any, log_scale: Any) -> Any:
    """ln trend - ln loss at `log_scale` [..., draw]."""
    n, d = path.size_and_tokens(surface.law, np.exp(log_scale))
    return np.log(surface.trend_of_draws(n, d) / wanted)


def _crossing_beside(surface: LossSurface, path: AbstractPath, wanted: Any, start: Any, at_start: Any) -> Any:
    """ln scale of the crossing next to `start`, on the side where it lies; `inf` where there is none."""
    later = at_start > 0
    result = np.where(later, np.inf, 0.0)
    left, near = np.arange(len(start)), (start, at_start)
    for steps in (_NEAR_STEPS, _FAR_STEPS):  # most crossings are near: the far ones are looked for where they are not
        side = later[left]
        direction = np.where(side, 1.0, -1.0)
        nodes = np.clip(start[left] + direction * np.asarray(steps)[:, np.newaxis], 0.0, _LOG_SCALE_LIMIT)
        values = _gap(surface, path, wanted[left], nodes)
        crossed = (values > 0) != side
        nodes, values = np.vstack([near[0], nodes]), np.vstack([near[1], values])
        found = np.flatnonzero(crossed.any(axis=0))
        if len(found):
            before = np.argmax(crossed, axis=0)[found]
            ends = [(nodes[step, found], values[step, found]) for step in (before, before + 1)]
            kept = surface.take(found)
            result[left[found]] = _refined(kept, path, wanted[left[found]], near=ends[0], far=ends[1])
        rest = np.flatnonzero(~crossed.any(axis=0))
        if not len(rest):
            break
        surface, left, near = surface.take(rest), left[rest], (nodes[-1, rest], values[-1, rest])
    return result


def _refined(surface: LossSurface, path: AbstractPath, wanted: Any, *, near: Any, far: Any) -> Any:
    """Root between two ends (place, gap), by false position with halved ends (the Illinois rule), draw by draw."""
    (a, gap_a), (b, gap_b) = near, far
    result, left = b.copy(), np.arange(len(b))
    for _ in range(_REFINEMENTS):
        x = (a * gap_b - b * gap_a) / (gap_b - gap_a)
        gap_x = _gap(surface, path, wanted, x)
        turned = (gap_x > 0) != (gap_b > 0)
        a, gap_a = np.where(turned, b, a), np.where(turned, gap_b, 0.5 * gap_a)
        result[left] = x
        going = np.abs(gap_x) > _GAP_TOLERANCE
        b, gap_b = x, gap_x
        if not going.any():
            break
        if going.sum() < 0.5 * len(going):
            kept = np.flatnonzero(going)
            surface, wanted, left = surface.take(kept), wanted[kept], left[kept]
            a, gap_a, b, gap_b = a[kept], gap_a[kept], b[kept], gap_b[kept]
    return result


def _point_on(law: AbstractLaw, scale: Any, path: AbstractPath) -> EmergencePoint:
    xp = array_namespace(scale)
    reached = xp.isfinite(scale)
    n, d = path.size_and_tokens(law, xp.where(reached, scale, 1.0))
    never = xp.where(reached, 0.0, xp.inf)
    return EmergencePoint(n + never, d + never, training_flops(n, d) + never)


def _require_count(value: float, name: str) -> None:
    if not (value > 0 and np.isfinite(value)):
        raise InvalidInput(f"{name} {value:g} given, a finite number above zero needed.")
