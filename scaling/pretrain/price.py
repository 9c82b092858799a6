"""What a sweep will cost before it starts: floating-point operations by formula, seconds from measured rates."""

from dataclasses import dataclass
from typing import final

import numpy as np

from scaling.pretrain.config import NetworkConfig, RunConfig, SweepConfig
from scaling.pretrain.skills import all_skills

MEASURED_FLOPS_PER_SECOND = {16: 27e9, 24: 34e9, 32: 40e9, 48: 52e9, 64: 60e9, 96: 70e9, 128: 76e9}
"""Training rate by width, one core of an AMD EPYC server with AVX-512, float32, 2026-11. Yours will differ."""

START_SECONDS = 9.0
"""Processor seconds of a run besides training: imports, compilation, checkpoints. Same machine and date."""


def training_flops_per_token(network: NetworkConfig, *, sequence_length: int) -> int:
    """FLOPs of one training step per token.

    6 per matrix weight, head included and embedding not (it is looked up), plus $12 L T d$ for attention: scores and
    weighted sums, 2 products of 2 T d each forward and twice that backward. All T places are computed, masked or not.
    """
    matrix_weights = 12 * network.layer_count * network.width**2 + network.embedding_size
    return 6 * matrix_weights + 12 * network.layer_count * sequence_length * network.width


@final
@dataclass(frozen=True)
class RunPrice:
    """What one run will cost.

    - `training_flops`, `evaluation_flops`: by formula, exact for the products, without the small rest.
    - `cpu_seconds`: an estimate for one core.
    """

    run: RunConfig
    training_flops: int
    evaluation_flops: int
    cpu_seconds: float


@final
@dataclass(frozen=True)
class SweepPrice:
    """What a sweep will cost: `wall_seconds` with `workers` runs at a time, cheapest first."""

    runs: tuple[RunPrice, ...]
    workers: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def flops(self) -> int:
        """All FLOPs of the sweep."""
        return sum(one.training_flops + one.evaluation_flops for one in self.runs)


def price_run(run: RunConfig, *, flops_per_second: float | None = None) -> RunPrice:
    """The price of one run, at `flops_per_second` or at the rate measured for its width."""
    corpus, network = run.corpus, run.network
    per_token = training_flops_per_token(network, sequence_length=corpus.sequence_length)
    training = per_token * run.token_count
    skills = all_skills(corpus.seed).values()
    task_row = max(skill.instance_length for skill in skills)
    places = corpus.validation_batches * corpus.tokens_per_batch + len(skills) * task_row * corpus.task_item_count
    # A forward pass is a third of a training step.
    evaluation = per_token * places * len(run.evaluation_steps) // 3
    rate = flops_per_second or measured_rate(network.width)
    return RunPrice(run, training, evaluation, START_SECONDS + (training + evaluation) / rate)


def price_sweep(sweep: SweepConfig, *, workers: int, flops_per_second: float | None = None) -> SweepPrice:
    """The price of all runs, given to whichever of `workers` is free first."""
    prices = tuple(price_run(run, flops_per_second=flops_per_second) for run in sweep.runs())
    busy = [0.0] * workers
    for one in prices:
        busy[busy.index(min(busy))] += one.cpu_seconds
    return SweepPrice(prices, workers, sum(one.cpu_seconds for one in prices), max(busy))


def measured_rate(width: int) -> float:
    """FLOPs per second at a width, between measured widths by interpolation in the log of both."""
    widths, rates = zip(*MEASURED_FLOPS_PER_SECOND.items(), strict=True)
    return float(np.exp(np.interp(np.log(width), np.log(widths), np.log(rates))))
