"""Laws in one variable: which of size, tokens and compute it is, and the answers that follow from its inverse."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, final

from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import FLOPS_PER_PARAMETER_TOKEN, training_flops
from scaling.laws._law import AbstractLaw


class AbstractOneVariableLaw(AbstractLaw):
    """$L = f(x)$, falling in $x$, with an inverse."""

    @staticmethod
    @abstractmethod
    def variable_of(n: Any, d: Any) -> Any:
        """x at size `n` and `d` tokens."""

    @abstractmethod
    def variable_at(self, loss: Any) -> Any:
        """Smallest x whose loss is at most `loss`; `inf` where none is enough."""


class AbstractInSize(AbstractOneVariableLaw):
    """x is the size N."""

    variables = ("n",)

    @final
    @staticmethod
    def variable_of(n: Any, d: Any) -> Any:
        """N."""
        del d
        return n

    @final
    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """N(L), whatever the tokens; `inf` where the floor is higher."""
        del d
        return self.variable_at(loss)

    @final
    def size_at_ratio(
        self, loss: Float[Array, "*draw"], tokens_per_parameter: float, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """The same as `size_at`: the law does not depend on tokens."""
        del tokens_per_parameter
        return self.variable_at(loss)


class AbstractInTokens(AbstractOneVariableLaw):
    """x is the number of tokens D."""

    variables = ("d",)

    @final
    @staticmethod
    def variable_of(n: Any, d: Any) -> Any:
        """D."""
        del n
        return d

    @final
    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """D(L), whatever the size; `inf` where the floor is higher."""
        del n
        return self.variable_at(loss)


class AbstractInCompute(AbstractOneVariableLaw):
    """x is the training compute $C = 6 N D$."""

    variables = ("n", "d")

    @final
    @classmethod
    def axis_names(cls) -> tuple[str, ...]:
        """Compute alone."""
        return ("nd",)

    @final
    @staticmethod
    def variable_of(n: Any, d: Any) -> Any:
        """$C = 6 N D$."""
        return training_flops(n, d)

    @final
    def size_at(
        self, loss: Float[Array, "*draw"], d: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """$N = C(L) / (6 D)$."""
        return self.variable_at(loss) / (FLOPS_PER_PARAMETER_TOKEN * d)

    @final
    def tokens_at(
        self, loss: Float[Array, "*draw"], n: Float[Array, "*draw"] | float = math.inf, **covariates: Array
    ) -> Float[Array, "*draw"]:
        """$D = C(L) / (6 N)$."""
        return self.variable_at(loss) / (FLOPS_PER_PARAMETER_TOKEN * n)

    @final
    def compute_at(self, loss: Float[Array, "*draw"], **covariates: Array) -> Float[Array, "*draw"]:
        """C(L); `inf` where the floor is higher."""
        return self.variable_at(loss)
