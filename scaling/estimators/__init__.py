"""The compute-optimal frontier without a law of the loss: IsoFLOP minima and the envelope of training curves.

Both are what people compare a parametric fit with (Hoffmann et al. 2022, approaches 1 and 2; Porian et al. 2024).
Neither says what loss will be reached, and each has a bias of its own, which its answer carries.
"""

from scaling.estimators.bias import FrontierBias
from scaling.estimators.budgets import IsoflopCurve, group_budgets
from scaling.estimators.envelope import EnvelopeSettings, envelope_frontier
from scaling.estimators.frontier import BudgetMinimum, DroppedBudget, Estimator, FrontierEstimate
from scaling.estimators.isoflop import IsoflopSettings, isoflop_frontier, parabola_frontier

__all__ = [
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
