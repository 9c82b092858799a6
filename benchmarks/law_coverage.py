"""Do 90 % intervals cover, when the truth comes from the prior? 500 simulated ladders of the power law.

Run: python -m benchmarks.law_coverage [data sets]
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks._report import print_table
from scaling.inference.loss import fit_loss
from scaling.inference.settings import FitSettings
from scaling.laws import Reference
from scaling.laws.power import PowerLaw
from scaling.observations import LossObservations
from scaling.units import SizeConvention

SIZES = np.geomspace(1e7, 1e9, 12)
REFERENCE = Reference(n=1e8, d=2e9, loss=3.0)
SETTINGS = FitSettings()


def simulated(rng: np.random.Generator) -> tuple[PowerLaw, float, LossObservations]:
    """A power law and a noise scale from their priors, 12 runs of it, and a threshold some way above its floor."""
    share = 1 / (1 + np.exp(-(0.7 + 0.8 * rng.standard_normal())))
    law = PowerLaw.from_reference(
        {
            "level": 0.3 * rng.standard_normal(),
            "floor_share": share,
            "alpha": 0.33 * np.exp(0.2 * rng.standard_normal()),
        },
        REFERENCE,
    )
    noise = 0.006 * np.exp(0.8 * rng.standard_normal())
    loss = law.loss(SIZES) * np.exp(noise * rng.standard_t(4, size=len(SIZES)))
    runs = LossObservations(
        run=tuple(f"run-{index}" for index in range(len(SIZES))),
        size=SIZES,
        tokens=20 * SIZES,
        loss=loss,
        size_convention=SizeConvention.NON_EMBEDDING,
        validation_set="simulated",
    )
    eta = float(law.loss(10 ** rng.uniform(8.0, 10.0)))
    return law, eta, runs


def covers(draws: np.ndarray, truth: float, *, share: float = 1.0) -> bool:
    """Whether the 90 % interval holds `truth`, after shrinking the draws about their median to `share`."""
    middle = np.median(draws)
    low, high = np.quantile(middle + share * (draws - middle), (0.05, 0.95))
    return bool(low <= truth <= high)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rng = np.random.default_rng(20240)
    inside: dict[str, list[tuple[bool, bool]]] = {"alpha": [], "L_inf": [], "ln N*": []}
    for _ in range(count):
        law, eta, runs = simulated(rng)
        draws = fit_loss(runs, PowerLaw, settings=SETTINGS).posterior.law
        with np.errstate(invalid="ignore"):
            log_size = np.log(draws.size_at(eta))
        # "Never" is larger than any size: a finite stand-in keeps quantiles ordered and defined.
        log_size = np.where(np.isfinite(log_size), log_size, 1e3)
        for name, values, truth in (
            ("alpha", draws.alpha, float(law.alpha)),
            ("L_inf", draws.l_inf, float(law.l_inf)),
            ("ln N*", log_size, float(np.log(law.size_at(eta)))),
        ):
            inside[name].append((covers(values, truth), covers(values, truth, share=0.7)))
    error = np.sqrt(0.9 * 0.1 / count)
    rows = []
    for name, outcomes in inside.items():
        full, narrow = np.mean(outcomes, axis=0)
        verdict = "holds" if abs(full - 0.9) <= 3 * error else "FAILS"
        control = "rejected, as it must be" if abs(narrow - 0.9) > 3 * error else "NOT REJECTED"
        rows.append((name, f"{full:.3f}", verdict, f"{narrow:.3f}", control))
    print_table(
        f"Cover of 90 % intervals over {count} simulated power laws (3 Monte Carlo errors: {3 * error:.3f})",
        ("quantity", "cover", "", "narrowed to 70 %", "negative control"),
        rows,
    )


if __name__ == "__main__":
    main()
