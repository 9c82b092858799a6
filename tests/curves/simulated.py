"""Loss curves of a known multi-power law, with seeds, a wandering form error and checkpoint noise."""

from __future__ import annotations

import numpy as np

from scaling.curves import Schedule, nodes_at
from scaling.curves.multi_power import MultiPowerLaw
from scaling.curves.runs import CurveRun
from scaling.curves.schedule import constant, cosine, two_stage, warmup_stable_decay

PEAK, WARMUP, STEPS = 1e-3, 200, 6000
TRUTH = MultiPowerLaw(l_inf=2.9, a=0.55, alpha=0.5, b=110.0, c=1.2, beta=0.5, gamma=0.5)
FITTED = (
    cosine(STEPS, PEAK, final=1e-4, warmup=WARMUP),
    constant(STEPS, PEAK, warmup=WARMUP),
    two_stage(STEPS, PEAK, second=3e-4, switch=3000, warmup=WARMUP),
)
UNSEEN = (
    warmup_stable_decay(STEPS, PEAK, decay_from=4500, final=1e-4, warmup=WARMUP),
    two_stage(STEPS, PEAK, second=1e-4, switch=2000, warmup=WARMUP, name="deep"),
    cosine(2 * STEPS, PEAK, warmup=WARMUP, name="long"),
)


def simulated_run(
    schedule: Schedule, rng: np.random.Generator, *, form_error: float = 1.0, every: int = 60
) -> CurveRun:
    """A run as the model has it: `form_error` times 1 % of the trend and 3 % of the response, length .7 e-folds."""
    step = np.arange(300, len(schedule), every)
    nodes = nodes_at(schedule, step)
    trend, response = TRUTH.trend(nodes), TRUTH.response(nodes)
    loss, wander = trend - response, np.zeros((2, len(step)))
    kept = np.exp(-np.diff(np.log(step)) / 0.7)
    wander[:, 0] = rng.standard_normal(2)
    for row, share in enumerate(kept):
        wander[:, row + 1] = share * wander[:, row] + np.sqrt(1 - share**2) * rng.standard_normal(2)
    error = 0.01 * (trend - TRUTH.l_inf) / loss * wander[0] + 0.03 * response / loss * wander[1]
    log_loss = np.log(loss) + form_error * (error + 7e-4 * rng.standard_normal())
    log_loss = log_loss + 3e-4 * schedule.rates[step] / PEAK * rng.standard_normal(len(step))
    return CurveRun(schedule.name, schedule, step, np.exp(log_loss))
