"""Training throughput of the ladder's widths on one core, and its share of the core's matrix-product peak.

Run: python benchmarks/ladder_throughput.py [--widths 16 64 128] [--seconds 5]
Prints one JSON object a line. Take it on a quiet machine; the peak is measured right before each width.
"""

import argparse
import json
import os
import time

from scaling.pretrain.worker import ONE_THREAD

os.environ.update(ONE_THREAD)

import jax
import jax.numpy as jnp

from scaling.pretrain.config import CorpusConfig, preset
from scaling.pretrain.data import make_source
from scaling.pretrain.price import training_flops_per_token
from scaling.pretrain.train import initial_state, make_train_steps


def peak_flops_per_second(*, seconds: float) -> float:
    """Best rate of a float32 product of [2048, 512] and [512, 512]."""
    product = jax.jit(jnp.matmul)
    left, right = jnp.ones((2048, 512), jnp.float32), jnp.ones((512, 512), jnp.float32)
    product(left, right).block_until_ready()
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        product(left, right).block_until_ready()
        best = max(best, 2 * 2048 * 512 * 512 / (time.perf_counter() - start))
    return best


def measure(width: int, *, seconds: float) -> dict[str, float]:
    """Tokens a second of whole dispatches, data included, after one to compile."""
    run = next(run for run in preset("cpu").runs() if run.network.width == width)
    source, steps, state = make_source(CorpusConfig()), make_train_steps(run), initial_state(run)
    chunk, done, spent, data_seconds, compiled = run.steps_per_dispatch, 0, 0.0, 0.0, False
    peak = peak_flops_per_second(seconds=1.0)
    while spent < seconds:
        start = time.perf_counter()
        batches = source.training_batches(0, first_step=done, count=chunk)
        drawn = time.perf_counter()
        state, losses = steps(state, batches)
        losses.block_until_ready()
        if compiled:
            spent += time.perf_counter() - start
            data_seconds += drawn - start
            done += chunk
        compiled = True
    rate = done * run.corpus.tokens_per_batch / spent
    flops = rate * training_flops_per_token(run.network, sequence_length=run.corpus.sequence_length)
    return {
        "width": width,
        "tokens_per_second": rate,
        "flops_per_second": flops,
        "peak_flops_per_second": peak,
        "share_of_peak": flops / peak,
        "share_of_time_drawing_data": data_seconds / spent,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="+", default=list(preset("cpu").widths))
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    for one in given.widths:
        print(json.dumps(measure(one, seconds=given.seconds)), flush=True)
