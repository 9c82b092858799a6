"""Other tools on the same rows, each in an interpreter of its own: `python _peer_programs.py NAME rows.json out.npz`.

This file knows nothing of the project, so that tools need not be installed beside it. A sampler writes its draws
[chain, draw, coordinate] in the coordinates it samples, and CPU-seconds of compiling and of sampling. Exit code 3 says
that the tool is not installed.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

DELTA = 1e-3
NU = 4.0
# Priors of the project's model on the real line: level, floor share, size share, alpha, beta, noise scale.
LOC = np.asarray([0.0, 0.7, 0.0, np.log(0.33), np.log(0.33), np.log(0.006)])
SCALE = np.asarray([0.3, 0.8, 1.0, 0.2, 0.2, 0.8])


def cpu() -> float:
    """CPU-seconds of this process and its children."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def centred_log_loss(xp: Any, z: Any, x: Any, y: Any) -> Any:
    """ln(L / reference loss) of Chinchilla's law in the six coordinates; x, y: ln N and ln D about their medians."""
    floor, share = 1 / (1 + xp.exp(-z[1])), 1 / (1 + xp.exp(-z[2]))
    size = xp.log(1 - floor) + xp.log(share) - xp.exp(z[3]) * x
    tokens = xp.log(1 - floor) + xp.log(1 - share) - xp.exp(z[4]) * y
    return z[0] + xp.log(floor + xp.exp(size) + xp.exp(tokens))


def centred_rows(rows: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    logs = [np.log(np.asarray(rows[name])) for name in ("n", "d", "loss")]
    x, y, target = (values - np.median(values) for values in logs)
    return x, y, target


# -- scipy, as Besiroglu et al. 2024 use it -------------------------------------------------------------------------
def scipy_point(rows: dict[str, Any], *, with_autograd: bool) -> dict[str, Any]:
    from scipy.optimize import minimize

    log_n, log_d, log_loss = (np.log(np.asarray(rows[name])) for name in ("n", "d", "loss"))
    if with_autograd:
        import autograd.numpy as anp
        from autograd import grad

        def value(theta: Any, n: Any, d: Any, target: Any) -> Any:
            a, b, e, alpha, beta = theta
            predicted = anp.log(anp.exp(a - alpha * n) + anp.exp(b - beta * d) + anp.exp(e))
            apart = anp.abs(target - predicted)
            return anp.sum(anp.where(apart <= DELTA, 0.5 * apart**2, DELTA * (apart - 0.5 * DELTA)))

        gradient = grad(value)
    else:
        value, gradient = _huber_value, _huber_gradient
    grid = list(
        itertools.product(
            np.arange(0, 30, 5.0), np.arange(0, 30, 5.0), np.arange(-1, 1.5, 0.5), *[np.arange(0, 2.5, 0.5)] * 2
        )
    )
    rng = np.random.default_rng(0)
    starts = [grid[index] for index in rng.choice(len(grid), size=rows["starts"], replace=False)]
    data = (log_n, log_d, log_loss)
    began = cpu()
    ends = [minimize(value, start, args=data, jac=gradient, method="L-BFGS-B") for start in starts]
    per_start = (cpu() - began) / len(starts)
    hoffmann = np.asarray([6.0073404, 6.0179186, 0.5267228, 0.33917084, 0.2849083])
    began = cpu()
    for _ in range(rows["resamples"]):
        chosen = rng.integers(len(log_n), size=len(log_n))
        minimize(value, hoffmann, args=tuple(column[chosen] for column in data), jac=gradient, method="BFGS")
    per_resample = (cpu() - began) / rows["resamples"]
    objectives = np.asarray([end.fun for end in ends])
    return {
        "per_start": per_start,
        "per_resample": per_resample,
        "best": objectives.min(),
        "success": np.mean([end.success for end in ends]),
        "near": np.mean(objectives < 1.01 * rows["optimum"]),
    }


def _huber_terms(theta: Any, n: Any, d: Any, target: Any) -> tuple[Any, Any, Any, Any]:
    a, b, e, alpha, beta = theta
    size, tokens = np.exp(a - alpha * n), np.exp(b - beta * d)
    total = size + tokens + np.exp(e)
    return target - np.log(total), size / total, tokens / total, np.exp(e) / total


def _huber_value(theta: Any, n: Any, d: Any, target: Any) -> Any:
    residual = _huber_terms(theta, n, d, target)[0]
    inside = np.clip(residual, -DELTA, DELTA)
    return np.sum(inside * (residual - 0.5 * inside))


def _huber_gradient(theta: Any, n: Any, d: Any, target: Any) -> Any:
    residual, size, tokens, floor = _huber_terms(theta, n, d, target)
    pull = -np.clip(residual, -DELTA, DELTA)
    return np.asarray([pull @ size, pull @ tokens, pull @ floor, -pull @ (size * n), -pull @ (tokens * d)])


# -- samplers ---------------------------------------------------------------------------------------------------------
def centred_model(xp: Any, theta: Any, x: Any, y: Any) -> Any:
    """ln(L / reference loss) as careful users write it: E, and A and B at the medians of N and D, alpha, beta."""
    e, a, b, alpha, beta = theta
    return xp.log(e + a * xp.exp(-alpha * x) + b * xp.exp(-beta * y))


# Log-normal priors of E, A and B at the medians (over the reference loss), alpha, beta, noise: medians, scales.
CENTRED = (("E", 0.65, 0.3), ("A", 0.17, 1.0), ("B", 0.17, 1.0), ("alpha", 0.33, 0.2), ("beta", 0.33, 0.2))
NOISE = ("sigma", 0.006, 0.8)


def pymc_model(rows: dict[str, Any], *, our_coordinates: bool = False) -> Any:
    import pymc as pm

    x, y, target = centred_rows(rows)
    with pm.Model() as model:
        if our_coordinates:
            z = [pm.Normal(f"z{index}", LOC[index], SCALE[index]) for index in range(6)]
            mean, noise = centred_log_loss(pm.math, z, x, y), pm.math.exp(z[5])
        else:
            theta = [pm.LogNormal(name, np.log(median), scale) for name, median, scale in CENTRED]
            noise = pm.LogNormal(NOISE[0], np.log(NOISE[1]), NOISE[2])
            mean = centred_model(pm.math, theta, x, y)
        pm.StudentT("y", nu=NU, mu=mean, sigma=noise, observed=target)
    return model


def draws_of(trace: Any) -> np.ndarray:
    names = [name for name in trace.posterior.data_vars if trace.posterior[name].ndim == 2]
    return np.stack([np.asarray(trace.posterior[name]) for name in names], axis=-1)


def pymc_default(rows: dict[str, Any]) -> dict[str, Any]:
    import pymc as pm

    steps: list[float] = []
    began = cpu()
    with pymc_model(rows):
        trace = pm.sample(
            tune=rows["warmup"],
            draws=rows["draws"],
            chains=rows["chains"],
            cores=1,
            random_seed=1,
            progressbar=False,
            compute_convergence_checks=False,
            callback=lambda **_: steps.append(cpu()),  # after every step, warm-up too: compiling comes before the first
        )
    return {"compile": steps[0] - began, "sample": steps[-1] - steps[0], "draws": draws_of(trace)}


def nutpie_sampler(rows: dict[str, Any], *, low_rank: bool, our_coordinates: bool = False) -> dict[str, Any]:
    import nutpie

    model = pymc_model(rows, our_coordinates=our_coordinates)
    began = cpu()
    compiled_model = nutpie.compile_pymc_model(model)
    compiled = cpu() - began
    settings = {"chains": rows["chains"], "cores": 1, "seed": 1, "progress_bar": False}
    if low_rank:
        settings["low_rank_modified_mass_matrix"] = True
    nutpie.sample(compiled_model, tune=10, draws=10, **settings)
    began = cpu()
    trace = nutpie.sample(compiled_model, tune=rows["warmup"] if not low_rank else 800, draws=rows["draws"], **settings)
    return {"compile": compiled, "sample": cpu() - began, "draws": draws_of(trace)}


def numpyro_sampler(rows: dict[str, Any], *, centred: bool) -> dict[str, Any]:
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    numpyro.enable_x64()
    x, y, target = centred_rows(rows)
    log_n, log_d, log_loss = (np.log(np.asarray(rows[name])) for name in ("n", "d", "loss"))

    def as_centred() -> None:
        theta = [numpyro.sample(name, dist.LogNormal(np.log(median), scale)) for name, median, scale in CENTRED]
        noise = numpyro.sample(NOISE[0], dist.LogNormal(np.log(NOISE[1]), NOISE[2]))
        numpyro.sample("y", dist.StudentT(NU, centred_model(jnp, theta, x, y), noise), obs=target)

    def as_published() -> None:
        e = numpyro.sample("E", dist.LogNormal(np.log(1.7), 0.3))
        a = numpyro.sample("A", dist.LogNormal(np.log(400.0), 1.5))
        b = numpyro.sample("B", dist.LogNormal(np.log(400.0), 1.5))
        alpha = numpyro.sample("alpha", dist.LogNormal(np.log(0.33), 0.2))
        beta = numpyro.sample("beta", dist.LogNormal(np.log(0.33), 0.2))
        scale = numpyro.sample("sigma", dist.LogNormal(np.log(0.006), 0.8))
        loss = e + a * jnp.exp(-alpha * log_n) + b * jnp.exp(-beta * log_d)
        numpyro.sample("y", dist.StudentT(NU, jnp.log(loss), scale), obs=log_loss)

    kernel = NUTS(as_centred if centred else as_published)
    sampler = MCMC(
        kernel,
        num_warmup=rows["warmup"],
        num_samples=rows["draws"],
        num_chains=rows["chains"],
        chain_method="vectorized",
        progress_bar=False,
    )
    began = cpu()
    sampler.run(jax.random.key(0))
    first = cpu() - began
    began = cpu()
    sampler.run(jax.random.key(1))
    sampled = cpu() - began
    draws = sampler.get_samples(group_by_chain=True)
    return {
        "compile": max(first - sampled, 0.0),
        "sample": sampled,
        "draws": np.stack([np.asarray(draws[name]) for name in sorted(draws)], axis=-1),
    }


# -- point fits of packages -------------------------------------------------------------------------------------------
def chinchilla_package(rows: dict[str, Any]) -> dict[str, Any]:
    from chinchilla import Chinchilla

    def huber(true: Any, predicted: Any) -> Any:
        apart = np.abs(np.log(true) - np.log(predicted))
        return np.where(apart <= DELTA, 0.5 * apart**2, DELTA * (apart - 0.5 * DELTA))

    # Three values an axis about the published ones: 243 starts.
    grid = {
        "e": [0.3, 0.5, 0.7],
        "a": [4.0, 6.0, 8.0],
        "b": [4.0, 6.0, 8.0],
        "alpha": [0.2, 0.35, 0.5],
        "beta": [0.2, 0.35, 0.5],
    }
    with tempfile.TemporaryDirectory() as folder:
        tool = Chinchilla(
            folder,
            param_grid={name: np.asarray(values) for name, values in grid.items()},
            seed_ranges={"C": (1e18, 1e22), "N_to_D": (5, 100)},
            loss_fn=huber,
            log_level=40,
        )
        n, d = np.asarray(rows["n"]), np.asarray(rows["d"])
        for values in zip(6 * n * d, n, d, np.asarray(rows["loss"]), strict=True):
            tool.database.append(**dict(zip(("C", "N", "D", "loss"), map(float, values), strict=True)))
        began = cpu()
        tool.fit()
        used = cpu() - began
        found = {name: float(value) for name, value in tool.get_params().items()}
    return {"sample": used, "starts": 243, "coefficients": json.dumps(found)}


def simple_scaling_laws_package(rows: dict[str, Any]) -> dict[str, Any]:
    import polars as pl
    from simple_scaling_laws import fit

    frame = pl.DataFrame(
        {
            "training_run_id": [f"run-{index}" for index in range(len(rows["n"]))],
            "test_set_id": ["one"] * len(rows["n"]),
            "model_size__n_params": rows["n"],
            "dataset_size__n_tokens": rows["d"],
            "test_loss__cross_entropy": rows["loss"],
        }
    )
    began = cpu()
    model = fit(frame, law="separable-power", n_draws=rows["resamples_of_package"], seed=0)
    return {
        "sample": cpu() - began,
        "starts": rows["resamples_of_package"],
        "coefficients": json.dumps(
            {key: float(value) for key, value in model.params("test_loss__cross_entropy").items()}
        ),
    }


PROGRAMS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "scipy, analytic gradient": lambda rows: scipy_point(rows, with_autograd=False),
    "scipy, autograd": lambda rows: scipy_point(rows, with_autograd=True),
    "PyMC, default NUTS": pymc_default,
    "nutpie, default": lambda rows: nutpie_sampler(rows, low_rank=False),
    "nutpie, low-rank": lambda rows: nutpie_sampler(rows, low_rank=True),
    "nutpie, default, our coordinates": lambda rows: nutpie_sampler(rows, low_rank=False, our_coordinates=True),
    "nutpie, low-rank, our coordinates": lambda rows: nutpie_sampler(rows, low_rank=True, our_coordinates=True),
    "NumPyro, as published": lambda rows: numpyro_sampler(rows, centred=False),
    "NumPyro, centred": lambda rows: numpyro_sampler(rows, centred=True),
    "chinchilla": chinchilla_package,
    "simple-scaling-laws": simple_scaling_laws_package,
}


def main() -> None:
    name, given, output = sys.argv[1:]
    began = time.time()
    try:
        found = PROGRAMS[name](json.loads(Path(given).read_text()))
    except ImportError as absent:
        print(absent, file=sys.stderr)
        sys.exit(3)
    np.savez(output, wall=time.time() - began, **found)


if __name__ == "__main__":
    main()
