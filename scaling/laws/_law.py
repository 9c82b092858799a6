"""What every law offers, and the numeric answers a law without a closed form falls back on."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, final

from jaxtyping import Float

from scaling._pytree import AbstractTree, Array, array_namespace, field_values
from scaling.coefficient_specs import Citation, CoefficientSpec, CovariateSpec
from scaling.compute import FLOPS_PER_PARAMETER_TOKEN
from scaling.errors import InvalidInput, Unanswerable, Violation
from scaling.laws._numeric import LOG_COUNT_LIMIT, lowest_place, smallest_budget, smallest_count
from scaling.prior_specs import PriorSpec


@final
@dataclass(frozen=True)
class Reference:
    """The point inside the data at which coordinates are centred: size, tokens, loss in nats per token, covariates."""

    n: float
    d: float
    loss: float
    covariates: Mapping[str, float] = field(default_factory=dict)


class AbstractLaw(AbstractTree, ABC):
    """Loss in nats per token as a function of size `n` and tokens `d`.

    A field may carry a draw axis; `law[..., None].loss(n, d)` is then draws by points. Every law has
    *reference coordinates*, in which it is sampled: loss at a reference point inside the data, shares of the
    terms there, exponents. They are nearly uncorrelated where the coefficients as published correlate at .999.

    A law that depends on more than size and tokens names its `covariates`; every answer takes them as keywords of
    those names, arrays like `n` and `d`. Keywords that a law does not know are passed over, as a law in size alone
    passes over tokens; one that it needs and is not given raises `InvalidInput`.
    """

    name: ClassVar[str]
    variables: ClassVar[tuple[str, ...]]  # of ("n", "d"): what the loss depends on
    falls_throughout: ClassVar[bool] = True  # with size and tokens; else answers are taken before the loss turns up
    formula: ClassVar[str]
    citation: ClassVar[Citation]
    coefficients: ClassVar[tuple[CoefficientSpec, ...]]
    covariates: ClassVar[tuple[CovariateSpec, ...]] = ()
    priors: ClassVar[Mapping[str, PriorSpec]]  # on the reference coordinates, in their order

    @classmethod
    def axis_names(cls) -> tuple[str, ...]:
        """The quantities along which the form may err: `n`, `d`, their product `nd` where it is both, covariates."""
        both = ("nd",) if len(cls.variables) == 2 else ()
        return (*cls.variables, *both, *(spec.name for spec in cls.covariates))

    @abstractmethod
    def log_loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        """ln L, evaluated as a log-sum-exp so that no term underflows."""

    @abstractmethod
    def limit(self, **covariates: Array) -> Float[Array, "*draw"]:
        """Loss as size and tokens go to infinity, nats per token."""

    @classmethod
    @abstractmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """The law with these reference coordinates."""

    @abstractmethod
    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Reference coordinates of this law; inverse of `from_reference`."""

    def loss(
        self, n: Float[Array, "*point"] | None = None, d: Float[Array, "*point"] | None = None, **covariates: Array
    ) -> Float[Array, "*point"]:
        """Loss in nats per token at size `n` and `d` tokens."""
        log_loss = self.log_loss(n, d, **covariates)
        return array_namespace(log_loss).exp(log_loss)

    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """Smallest size whose loss at `d` tokens is at most `loss`; `inf` where no size is enough."""
        self._must_depend_on("n", "size")
        return self._smallest(lambda n: self.log_loss(n, d, **covariates), loss)

    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """Fewest tokens with which size `n` reaches `loss`; `inf` where no number is enough."""
        self._must_depend_on("d", "token budget")
        return self._smallest(lambda d: self.log_loss(n, d, **covariates), loss)

    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """Smallest size that reaches `loss` trained on `tokens_per_parameter` x its size; `inf` where none does."""
        return self._smallest(lambda n: self.log_loss(n, tokens_per_parameter * n, **covariates), loss)

    def optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        """Compute-optimal size and tokens for `c` FLOPs, $\\arg\\min L(N, D)$ subject to $6 N D = C$.

        Raises `Unanswerable` for a law that does not depend on both.
        """
        raise Unanswerable(
            f"The law {self.name!r} ({self.formula}) has no compute-optimal split between size and tokens. "
            "Fit a law in both, such as 'chinchilla', or ask at a fixed number of tokens per parameter."
        )

    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        """Least training FLOPs that reach `loss`, spent compute-optimally; `inf` where none do."""

        def log_loss_at_optimum(c: Any) -> Any:
            return self.log_loss(*self.optimum(c, **covariates), **covariates)

        return smallest_budget(log_loss_at_optimum, self._log_wanted(loss))

    def numeric_optimum(
        self, c: Float[Array, "*draw"], **covariates: Array
    ) -> tuple[Float[Array, "*draw"], Float[Array, "*draw"]]:
        r"""`optimum` for a law without a closed form: ln N between 0 and $\ln(C/6)$ on grids, finer and finer.

        Right to about 1e-6 of ln N: that is how flat a minimum is in float64.
        """
        xp = array_namespace(c, *field_values(self).values())
        log_nd = xp.log(xp.asarray(c) / FLOPS_PER_PARAMETER_TOKEN)

        def log_loss(log_n: Any) -> Any:
            return self.log_loss(xp.exp(log_n), xp.exp(log_nd - log_n), **covariates)

        log_n = lowest_place(log_loss, xp.zeros_like(log_nd), log_nd, first=not self.falls_throughout)
        return xp.exp(log_n), xp.exp(log_nd - log_n)

    smallest_count = staticmethod(smallest_count)

    def _must_depend_on(self, variable: str, what: str) -> None:
        if variable not in self.variables:
            raise Unanswerable(
                f"The law {self.name!r} ({self.formula}) says nothing about {what}. "
                "Fit a law that depends on it, such as 'chinchilla'."
            )

    def _smallest(self, log_loss_of: Callable[[Any], Any], loss: Any) -> Any:
        """Smallest count at which the loss has fallen to `loss`; `inf` where it does not before it turns up."""
        log_wanted = self._log_wanted(loss)
        limit: Any = LOG_COUNT_LIMIT
        if not self.falls_throughout:
            xp = array_namespace(log_wanted)
            start = 0.0 * xp.exp(log_wanted)
            limit = lowest_place(lambda place: log_loss_of(xp.exp(place)), start, LOG_COUNT_LIMIT, first=True)
        return smallest_count(log_loss_of, log_wanted, log_limit=limit)

    def _log_wanted(self, loss: Any) -> Any:
        """ln of a loss asked for; minus infinity where it is not above zero."""
        xp = array_namespace(loss, *field_values(self).values())
        wanted = xp.asarray(loss) + 0.0
        return xp.where(wanted > 0, xp.log(xp.where(wanted > 0, wanted, 1.0)), -xp.inf)

    @final
    @classmethod
    def needed_covariates(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Of `given`, what this law depends on; raises `InvalidInput` naming every covariate that is missing."""
        missing = [
            Violation(
                spec.name,
                f"missing: {spec.meaning} ({spec.unit}); give it, fix it with `given`, or map its column",
            )
            for spec in cls.covariates
            if spec.name not in given
        ]
        if missing:
            raise InvalidInput(f"The law {cls.name!r} depends on more than size and tokens: {cls.formula}.", missing)
        return {spec.name: given[spec.name] for spec in cls.covariates}

    @final
    @classmethod
    def checked_covariates(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """`needed_covariates` as float64 arrays; raises `InvalidInput` listing every value out of range too."""
        import numpy as np

        values = {name: np.asarray(value, np.float64) for name, value in cls.needed_covariates(given).items()}
        violations = []
        for spec in cls.covariates:
            bound = f"{spec.at_least:g} or more" if spec.at_least else "above zero"
            flat = np.atleast_1d(values[spec.name])
            violations += [
                Violation(f"{spec.name}[{index}]", f"{flat.flat[index]:g} given, a finite number {bound} needed")
                for index in np.flatnonzero(~(np.isfinite(flat) & (flat > 0) & (flat >= spec.at_least)))
            ]
        if violations:
            raise InvalidInput(f"A covariate of the law {cls.name!r} is out of range.", violations)
        return values

    @final
    @classmethod
    def from_coefficients(cls, coefficients: Mapping[str, Any]) -> Self:
        """The law with these coefficients; raises `InvalidInput` listing every one missing, unknown or out of range."""
        import numpy as np

        known = {spec.name: spec for spec in cls.coefficients}
        violations = [
            *(Violation(name, f"missing: {spec.meaning}") for name, spec in known.items() if name not in coefficients),
            *(Violation(name, f"no coefficient of {cls.name!r}") for name in coefficients if name not in known),
        ]
        values = {name: np.asarray(coefficients[name], dtype=np.float64) for name in known if name in coefficients}
        for name, value in values.items():
            if not np.all(np.isfinite(value)):
                violations.append(Violation(name, f"{value} given, a finite number needed"))
            elif known[name].positive and np.any(value <= 0):
                violations.append(Violation(name, f"{value} given, a number above zero needed"))
        if violations:
            raise InvalidInput(f"These are no coefficients of the law {cls.name!r}.", violations)
        return cls(**values)

    @final
    def to_coefficients(self) -> dict[str, Any]:
        """The coefficients by name."""
        return field_values(self)
