"""A law with its covariates fixed: for questions that speak of size, tokens and compute alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self, final

from scaling._pytree import Array
from scaling.errors import Unanswerable
from scaling.laws._law import AbstractLaw, Reference


@final
class GivenLaw(AbstractLaw):
    """`law` at these `covariates` (by name); every answer is the law's own there. It cannot be fitted or stored."""

    def __init__(self, law: AbstractLaw, covariates: Mapping[str, Any]) -> None:
        self.law = law
        self.given = dict(covariates)
        for name in ("name", "variables", "formula", "citation", "coefficients", "priors", "falls_throughout"):
            setattr(self, name, getattr(law, name))

    def __getitem__(self, index: Any) -> Self:
        return type(self)(self.law[index], self.given)

    def log_loss(self, n: Any = None, d: Any = None, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.log_loss(n, d, **self.given)

    def limit(self, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.limit(**self.given)

    def size_at(self, loss: Any, d: Any = math.inf, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.size_at(loss, d, **self.given)

    def tokens_at(self, loss: Any, n: Any = math.inf, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.tokens_at(loss, n, **self.given)

    def size_at_ratio(self, loss: Any, tokens_per_parameter: float, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.size_at_ratio(loss, tokens_per_parameter, **self.given)

    def optimum(self, c: Any, **covariates: Array) -> tuple[Any, Any]:
        """That of the law."""
        return self.law.optimum(c, **self.given)

    def compute_at(self, loss: Any, **covariates: Array) -> Any:
        """That of the law."""
        return self.law.compute_at(loss, **self.given)

    @classmethod
    def from_reference(cls, coordinates: Mapping[str, Any], reference: Reference) -> Self:
        """Never: raises `Unanswerable`."""
        raise Unanswerable("A law with fixed covariates cannot be fitted: fit the law itself, then fix them.")

    def at_reference(self, reference: Reference) -> dict[str, Any]:
        """Those of the law."""
        return self.law.at_reference(reference)
