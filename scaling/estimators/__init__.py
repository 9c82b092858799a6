"""The compute-optimal frontier without a law of the loss: IsoFLOP minima and the envelope of training curves.

Both are what people compare a parametric fit with (Hoffmann et al. 2022, approaches 1 and 2; Porian et al. 2024).
Neither says what loss will be reached, and each has a bias of its own, which its answer carries.
"""

from collections.abc import Mapping
from types import MappingProxyType

from scaling.coefficient_specs import Citation
from scaling.estimators.bias import FrontierBias
from scaling.estimators.budgets import IsoflopCurve, group_budgets
from scaling.estimators.envelope import EnvelopeSettings, envelope_frontier
from scaling.estimators.frontier import BudgetMinimum, DroppedBudget, Estimator, FrontierEstimate
from scaling.estimators.isoflop import IsoflopSettings, isoflop_frontier, parabola_frontier

_HOFFMANN = Citation(
    key="hoffmann2022",
    text="Hoffmann et al. (2022). Training compute-optimal large language models. arXiv:2203.15556, section 3.",
    url="https://arxiv.org/abs/2203.15556",
)
CITATIONS: Mapping[str, Citation] = MappingProxyType(
    {
        Estimator.ISOFLOP.value: Citation(
            key="porian2024",
            text="Porian et al. (2024). Resolving discrepancies in compute-optimal scaling of language models. "
            "arXiv:2406.19146.",
            url="https://arxiv.org/abs/2406.19146",
        ),
        Estimator.PARABOLA.value: _HOFFMANN,
        Estimator.ENVELOPE.value: _HOFFMANN,
    }
)

__all__ = [
    "CITATIONS",
    "BudgetMinimum",
    "DroppedBudget",
    "EnvelopeSettings",
    "Estimator",
    "FrontierBias",
    "FrontierEstimate",
    "IsoflopCurve",
    "IsoflopSettings",
    "envelope_frontier",
    "group_budgets",
    "isoflop_frontier",
    "parabola_frontier",
]
