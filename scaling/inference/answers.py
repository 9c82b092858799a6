"""The answers whose footing a fit looks into: N* and the loss beyond the runs, and the floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, Self, final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.compute import FLOPS_PER_PARAMETER_TOKEN
from scaling.errors import Unanswerable
from scaling.laws import AbstractLaw
from scaling.observations import LossObservations
from scaling.posterior import Answer, AnswerName

BEYOND = (10.0, 100.0)  # times the largest compute seen


@final
class Answers(NamedTuple):
    """What is asked: N* at 10 and 100 times the largest compute seen, the floor, the loss at 10 times.

    - `asked`: the answers that the law has. The loss is that of `size` and `tokens`, the same whatever the law says:
      the optimal split at `centre`, or the largest run scaled up for a law without one.
    - `covariates`: at the geometric middle of their range.
    """

    asked: tuple[Answer, ...]
    size: float
    tokens: float
    covariates: Mapping[str, Array]

    @classmethod
    def of_runs(cls, runs: LossObservations, centre: AbstractLaw) -> Self:
        """The answers to ask about a fit of `runs` whose middle is the law `centre` (no draw axis)."""
        covariates = {
            name: np.asarray(math.sqrt(float(np.min(values)) * float(np.max(values))))
            for name, values in centre.needed_covariates(runs.covariates).items()
        }
        compute = FLOPS_PER_PARAMETER_TOKEN * runs.size * runs.tokens
        largest = int(np.argmax(compute))
        near, far = (float(factor * compute[largest]) for factor in BEYOND)
        asked = []
        size, tokens = _scaled_up(runs, largest, variables=centre.variables)
        try:
            optimum = centre.optimum(np.asarray(near), **covariates)
        except Unanswerable:
            pass
        else:
            size, tokens = (float(part) for part in optimum)
            asked += [Answer(name=AnswerName.OPTIMAL_SIZE, compute_flops=each) for each in (near, far)]
        if float(centre.limit(**covariates)) > 0:
            asked.append(Answer(name=AnswerName.FLOOR))
        asked.append(Answer(name=AnswerName.LOSS, compute_flops=FLOPS_PER_PARAMETER_TOKEN * size * tokens))
        return cls(tuple(asked), size, tokens, covariates)

    def log_values(self, law: AbstractLaw, error: Float[Array, "draw"] | float) -> Float[Array, "answer draw"]:
        """Natural logarithm of each answer of each law [draw]; `error` of the form is added to log loss."""
        found = []
        for answer in self.asked:
            if answer.name is AnswerName.OPTIMAL_SIZE:
                size, _ = law.optimum(np.asarray(answer.compute_flops), **self.covariates)
                found.append(np.log(size))
            elif answer.name is AnswerName.FLOOR:
                found.append(np.log(law.limit(**self.covariates)))
            else:
                found.append(law.log_loss(np.asarray(self.size), np.asarray(self.tokens), **self.covariates) + error)
        return np.stack(np.broadcast_arrays(*found))


def _scaled_up(runs: LossObservations, largest: int, *, variables: tuple[str, ...]) -> tuple[float, float]:
    """The run of the largest compute with ten times that compute, spent on what the law depends on."""
    share = 1.0 / len(variables)
    size, tokens = float(runs.size[largest]), float(runs.tokens[largest])
    grown = BEYOND[0] ** share
    return size * (grown if "n" in variables else 1.0), tokens * (grown if "d" in variables else 1.0)
