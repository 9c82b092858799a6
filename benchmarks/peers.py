"""Our fits beside other tools' on Chinchilla's 240 points, in one run: point fits, bootstrap, posterior.

Run: python -m benchmarks.peers [--full] [--peers PYTHON]
`--peers` (or SCALING_PEERS_PYTHON) names an interpreter that has pymc, nutpie, autograd, chinchilla or
simple-scaling-laws; what it lacks is printed as "not run".
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import _peer_programs
from benchmarks._measured import chinchilla_runs
from benchmarks._report import ReportTable, print_tables
from scaling.inference._coordinates import prior_centre
from scaling.inference._numerics import float64
from scaling.inference.diagnostics import bulk_ess
from scaling.inference.hmc import Whitening, sample_hmc
from scaling.inference.loss import fit_loss
from scaling.inference.loss_program import loss_data, loss_potential
from scaling.inference.modes import find_modes
from scaling.inference.point import point_estimate
from scaling.inference.point_batch import bootstrap_point
from scaling.inference.progress import silent
from scaling.inference.settings import FitSettings
from scaling.laws.chinchilla import ChinchillaLaw
from scaling.observations import LossObservations

STARTS, RESAMPLES = 4500, 4000
LAW_ALONE = FitSettings(discrepancy_scale=0.0)  # the posterior that the others sample: no refits for the form's error
OURS = "ours"
NOT_RUN = "not run"
SAMPLERS = (
    "PyMC, default NUTS",
    "nutpie, default",
    "nutpie, low-rank",
    "nutpie, default, our coordinates",
    "nutpie, low-rank, our coordinates",
    "NumPyro, as published",
    "NumPyro, centred",
)
# Besiroglu et al. 2024, table 1.
PUBLISHED_ERRORS = {"l_inf": 0.0257, "alpha": 0.0154, "beta": 0.0206, "a": 124.5, "b": 1293.3}


def published_starts() -> ChinchillaLaw:
    """The 4,500 starts of Hoffmann et al. 2022, section D.2, as Besiroglu et al. 2024 use them."""
    exponents, logs = np.arange(0, 2.5, 0.5), np.arange(0, 30, 5.0)
    grid = np.meshgrid(exponents, exponents, np.arange(-1, 1.5, 0.5), logs, logs, indexing="ij")
    alpha, beta, e, a, b = (values.ravel() for values in grid)
    return ChinchillaLaw(l_inf=np.exp(e), a=np.exp(a), alpha=alpha, b=np.exp(b), beta=beta)


def run_peer(name: str, rows: dict[str, Any], *, python: str, limit: float) -> dict[str, Any] | str:
    """What a program of another tool found, or why there is nothing."""
    with tempfile.TemporaryDirectory() as folder:
        given, output = Path(folder) / "rows.json", Path(folder) / "out.npz"
        given.write_text(json.dumps(rows))
        words = [python, str(_peer_programs.__file__), name, str(given), str(output)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return f"{NOT_RUN}: over {limit:.0f} s"
        if done.returncode == 3:
            return f"{NOT_RUN}: not installed"
        if done.returncode:
            return f"{NOT_RUN}: {(done.stderr.strip().splitlines() or ['failed'])[-1][:80]}"
        with np.load(output) as found:
            return {key: found[key] for key in found}


def our_point_fits() -> tuple[Any, Any, float, float]:
    """Estimate, bootstrap and the warm CPU-seconds of each."""
    data = loss_data(chinchilla_runs())
    starts = published_starts()
    costs = []
    for _ in range(2):
        began = time.process_time()
        estimate = point_estimate(ChinchillaLaw, data, starts=starts)
        middle = time.process_time()
        bootstrap = bootstrap_point(ChinchillaLaw, data, count=RESAMPLES, seed=0)
        costs.append((middle - began, time.process_time() - middle))
    return estimate, bootstrap, *costs[-1]


def point_table(rows: dict[str, Any], *, python: str, limit: float) -> ReportTable:
    estimate, bootstrap, for_starts, for_resamples = our_point_fits()
    rows = {**rows, "optimum": estimate.objective}
    total = for_starts + for_resamples
    ends = ", ".join(f"{count} {end}" for end, count in estimate.ends.items())
    table: list[tuple[object, ...]] = [
        (OURS, f"{estimate.objective:.11f}", ends, f"{for_starts:.2f}", f"{for_resamples:.2f}", f"{total:.2f}", "1")
    ]
    for name, interpreter in (("scipy, analytic gradient", sys.executable), ("scipy, autograd", python)):
        found = run_peer(name, rows, python=interpreter, limit=limit)
        if isinstance(found, str):
            table.append((name, found, "", "", "", "", ""))
            continue
        near, success = (100 * float(found[key]) for key in ("near", "success"))
        share = f"{near:.0f} % within 1 % of the optimum ({success:.0f} % claim success)"
        starts, resamples = STARTS * float(found["per_start"]), RESAMPLES * float(found["per_resample"])
        table.append(
            (
                name,
                f"{float(found['best']):.11f}",
                share,
                f"{starts:.0f}",
                f"{resamples:.0f}",
                f"{starts + resamples:.0f}",
                f"{(starts + resamples) / total:.0f}",
            )
        )
    for name in ("chinchilla", "simple-scaling-laws"):
        found = run_peer(name, rows, python=python, limit=limit)
        if isinstance(found, str):
            table.append((name, found, "", "", "", "", ""))
            continue
        what = f"{int(found['starts'])} {'starts' if name == 'chinchilla' else 'bootstrap draws'}, own loss function"
        table.append((name, "", what, "", "", f"{float(found['sample']):.1f}", ""))
    errors = bootstrap.standard_errors()
    compared = ", ".join(f"{name} {errors[name]:.4g} ({value:g})" for name, value in PUBLISHED_ERRORS.items())
    return ReportTable(
        "Point fit from 4,500 starts and 4,000 bootstraps, Chinchilla's 240 points",
        ("tool", "best objective", "starts", "starts, CPU-s", "bootstraps, CPU-s", "both", "times ours"),
        table,
        (
            f"scipy: L-BFGS-B from {rows['starts']} of the starts, BFGS from Hoffmann's values on {rows['resamples']} "
            f"resamples, extrapolated to {STARTS} and {RESAMPLES}.",
            f"Standard errors of our bootstrap (published in brackets): {compared}; {bootstrap.unresolved} unresolved; "
            f"{bootstrap.agreeing} of {bootstrap.compared} resamples have the same minimum from far starts.",
        ),
    )


def smallest_ess(draws: np.ndarray) -> float:
    return min(bulk_ess(draws[..., index]) for index in range(draws.shape[-1]))


def our_sampling(runs: LossObservations) -> dict[str, tuple[float, float, float]]:
    """Compiling CPU-seconds of a first fit, median warm CPU-seconds and bulk ESS of four more; all in, and sampling."""
    began = time.process_time()
    fit_loss(runs, ChinchillaLaw, settings=LAW_ALONE)
    first = time.process_time() - began
    data = loss_data(runs)
    whole, alone, sizes = [], [], []
    for seed in range(1, 5):
        began = time.process_time()
        fitted = fit_loss(runs, ChinchillaLaw, settings=LAW_ALONE.model_copy(update={"seed": seed}))
        whole.append(time.process_time() - began)
        sizes.append(fitted.diagnostics.min_bulk_ess)
        with float64():
            one = jax.tree.map(lambda leaf: leaf[None], data)
            potential = loss_potential(ChinchillaLaw)
            begun = np.append(prior_centre(ChinchillaLaw), np.log(0.006))
            began = time.process_time()
            modes = find_modes(potential, one, np.stack([begun] * 3)[None])
            whitening = Whitening(modes.position, modes.scale)
            sample_hmc(potential, one, whitening, settings=FitSettings(seed=seed), progress=silent)
            alone.append(time.process_time() - began)
    size, compiled = float(np.median(sizes)), first - float(np.median(whole))
    return {
        f"{OURS}, whole fit": (compiled, float(np.median(whole)), size),
        f"{OURS}, mode, warm-up and draws": (compiled, float(np.median(alone)), size),
    }


def sampling_table(rows: dict[str, Any], *, python: str, limit: float) -> ReportTable:
    found_here = our_sampling(chinchilla_runs())
    rate = max(size / cost for _, cost, size in found_here.values())
    table = [
        (name, f"{compiled:.1f}", f"{cost:.2f}", f"{size:.0f}", f"{size / cost:.0f}", f"{rate / (size / cost):.1f}")
        for name, (compiled, cost, size) in found_here.items()
    ]
    for name in SAMPLERS:
        interpreter = sys.executable if name.startswith("NumPyro") else python
        found = run_peer(name, rows, python=interpreter, limit=limit)
        if isinstance(found, str):
            table.append((name, found, "", "", "", ""))
            continue
        theirs, used = smallest_ess(found["draws"]), float(found["sample"])
        table.append(
            (
                name,
                f"{float(found['compile']):.1f}",
                f"{used:.2f}",
                f"{theirs:.0f}",
                f"{theirs / used:.0f}",
                f"{rate / (theirs / used):.1f}",
            )
        )
    return ReportTable(
        "Posterior of Chinchilla's law, 240 points, Student-t noise",
        ("tool", "compile, CPU-s", "warm, CPU-s", "smallest bulk ESS", "ESS per CPU-s", "our best is times"),
        table,
        (
            "Ours: 4 x 1,000 draws; the whole warm fit has the point estimate and the diagnostics too. The others: "
            f"sampling alone, {rows['chains']} chains of {rows['warmup']} + {rows['draws']} (nutpie low-rank: 800 + "
            f"{rows['draws']}), the coordinates E, A and B at the rows' medians, alpha, beta; 'as published': A and B "
            "themselves; 'our coordinates': those that ours samples.",
        ),
    )


def tables(*, full: bool = False, python: str | None = None) -> list[ReportTable]:
    """Both tables; the quick form takes fewer starts, chains and draws of the slow tools."""
    runs = chinchilla_runs()
    interpreter = python or os.environ.get("SCALING_PEERS_PYTHON", sys.executable)
    rows = {
        "n": runs.size.tolist(),
        "d": runs.tokens.tolist(),
        "loss": runs.loss.tolist(),
        "starts": 200 if full else 40,
        "resamples": 100 if full else 20,
        "resamples_of_package": 1000 if full else 100,
        "chains": 4 if full else 2,
        "warmup": 1000 if full else 500,
        "draws": 1000 if full else 500,
    }
    limit = 900.0 if full else 300.0
    return [
        point_table(rows, python=interpreter, limit=limit),
        sampling_table(rows, python=interpreter, limit=limit),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="as many starts, chains and draws as a user would take")
    parser.add_argument("--peers", default=None, help="interpreter that has the other tools")
    options = parser.parse_args()
    print_tables(tables(full=options.full, python=options.peers))


if __name__ == "__main__":
    main()
