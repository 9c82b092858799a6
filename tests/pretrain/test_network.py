"""The network's sizes, its invariances, and the optimiser's rules."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from scaling.pretrain.config import NetworkConfig, OptimizerConfig, RunConfig, preset
from scaling.pretrain.network import initial_weights, logits
from scaling.pretrain.optimizer import averaged, make_optimizer, rate_multipliers
from scaling.pretrain.price import price_sweep, training_flops_per_token
from scaling.pretrain.train import initial_state, make_train_steps, mean_loss

CONFIG = NetworkConfig(width=16)

# Compiled once for the module: run operation by operation, each of these would compile a hundred small programs.
start_weights = jax.jit(partial(initial_weights, CONFIG))
network = jax.jit(partial(logits, config=CONFIG))


@pytest.fixture(scope="module")
def weights():
    """Weights with a head that is not zero, so that outputs depend on inputs."""
    start = start_weights(jax.random.key(0))
    key = jax.random.key(1)
    return jax.tree.map(lambda w: w + 0.2 * jax.random.normal(key, w.shape, w.dtype), start)


@pytest.fixture(scope="module")
def tokens():
    return jnp.asarray(np.random.default_rng(0).integers(0, 112, (2, 24)), jnp.int32)


@pytest.mark.parametrize("width", [8, 16, 24, 48, 128])
def test_every_size_convention_counts_the_weights_there_are(width):
    config = NetworkConfig(width=width)
    shapes = jax.eval_shape(lambda key: initial_weights(config, key), jax.random.key(0))
    total = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    assert config.total_size == total
    assert config.nonembedding_size == total - shapes.embedding.size - shapes.head.size
    assert config.head_count >= 2


def test_the_sizes_of_the_reference_ladder():
    sizes = [NetworkConfig(width=width).nonembedding_size for width in preset("cpu").widths]
    assert sizes == [6224, 13944, 24736, 55536, 98624, 221664, 393856]


def test_the_first_loss_is_the_entropy_of_a_uniform_guess(tokens):
    start = start_weights(jax.random.key(0))
    assert float(jax.jit(partial(mean_loss, config=CONFIG))(start, tokens)) == pytest.approx(np.log(112), rel=1e-6)


def test_no_place_sees_what_comes_after_it(weights, tokens):
    before = network(weights, tokens)
    after = network(weights, tokens.at[:, 10].set((tokens[:, 10] + 1) % 112))
    assert np.array_equal(before[:, :10], after[:, :10])
    assert (np.abs(before[:, 10:] - after[:, 10:]).max(axis=(0, 2)) > 1e-6).all()  # and it sees what came before


def test_rows_do_not_see_each_other(weights, tokens):
    together = network(weights, tokens)
    alone = network(weights, tokens[1:])
    assert np.allclose(together[1], alone[0], atol=1e-5)


def test_attention_depends_on_order_and_only_on_relative_place(weights, tokens):
    one = tokens[:1]
    swapped = one.at[:, jnp.array([0, 1])].set(one[:, jnp.array([1, 0])])
    last = network(weights, one)[0, -1]
    assert np.abs(last - network(weights, swapped)[0, -1]).max() > 1e-4
    # A row of one repeated token gives every place the same input; only where the others stand could differ.
    same = jnp.full((1, 24), 5, jnp.int32)
    out = network(weights, same)[0]
    assert np.allclose(out, out[0], atol=1e-4)


def test_matrix_rates_scale_with_width_and_the_rest_do_not():
    factors = rate_multipliers(128 / 64, layer_count=2)
    assert float(factors.layers[1].mlp_in) == float(factors.head) == 0.5
    assert float(factors.embedding) == float(factors.final_gain) == float(factors.layers[0].mlp_gain) == 1.0


def test_the_optimiser_is_clipped_adam_with_warm_up():
    small, config = NetworkConfig(width=16, layer_count=1), OptimizerConfig(warmup_steps=10)
    weights = jax.tree.map(
        lambda leaf: np.zeros(leaf.shape, np.float32),
        jax.eval_shape(partial(initial_weights, small), jax.random.key(0)),
    )
    ours = make_optimizer(config, width=16, layer_count=1)
    plain = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(config.peak_learning_rate, b1=0.9, b2=0.98))

    @jax.jit
    def first_updates(w):
        ones = jax.tree.map(jnp.ones_like, w)
        return [rule.update(ones, rule.init(w), w)[0] for rule in (ours, plain)]

    update, expected = first_updates(weights)
    # First of 10 warm-up steps: a tenth of the rate; matrices 64 / 16 = 4 times that.
    assert np.allclose(update.embedding, 0.1 * expected.embedding, rtol=1e-5)
    assert np.allclose(update.head, 0.4 * expected.head, rtol=1e-5)


@pytest.mark.parametrize("power", [0.0, 3.0, 15.0])
def test_the_average_holds_each_step_with_its_polynomial_weight(power):
    values = np.random.default_rng(1).normal(size=50)
    mean = jnp.float32(0)
    for step, value in enumerate(values):
        mean = averaged(mean, jnp.float32(value), step=jnp.int32(step), power=power)
    # Unrolled: weight i is proportional to Gamma(i + 1 + g) / Gamma(i + 1), i.e. about i^g; for g = 0 a plain mean.
    share = np.cumprod(np.concatenate([[1.0], (np.arange(1, 50) + power) / np.arange(1, 50)]))
    assert float(mean) == pytest.approx((share / share.sum()) @ values, abs=1e-5)


def test_flops_by_formula_match_the_compiler():
    config = NetworkConfig(width=64)
    rows = jnp.zeros((32, 65), jnp.uint8)
    weights = jax.eval_shape(partial(initial_weights, config), jax.random.key(0))
    step = jax.jit(jax.value_and_grad(partial(mean_loss, config=config)))
    counted = step.lower(weights, rows).compile().cost_analysis()["flops"]
    formula = training_flops_per_token(config, sequence_length=64) * 32 * 64
    assert counted == pytest.approx(formula, rel=0.03)  # the rest: norms, softmax, RoPE, the loss


def test_one_dispatch_of_many_steps_is_the_steps_one_by_one(source):
    small = NetworkConfig(width=8, layer_count=1)
    settings = {"seed": 0, "step_count": 2, "evaluation_steps": (2,), "network": small, "corpus": source.config}
    run = RunConfig.model_validate({**settings, "steps_per_dispatch": 1})
    batches = source.training_batches(0, first_step=0, count=2)
    steps = make_train_steps(run)
    state, first = steps(initial_state(run), batches[:1])
    state, second = steps(state, batches[1:])
    assert int(state.step) == 2
    assert float(first[0]) == pytest.approx(np.log(112), rel=2e-5)  # a float32 mean of 2,048 losses
    assert float(second[0]) < float(first[0])
    together, losses = steps(initial_state(run), batches)
    assert np.allclose(losses, [first[0], second[0]], rtol=1e-5)
    assert np.allclose(together.average.head, state.average.head, atol=1e-6)


def test_a_price_is_the_sum_of_its_runs_and_grows_with_size():
    price = price_sweep(preset("cpu"), workers=2)
    assert price.flops == sum(one.training_flops + one.evaluation_flops for one in price.runs)
    assert price.cpu_seconds / 2 <= price.wall_seconds <= price.cpu_seconds
    grid = [one for one in price.runs if one.run.step_count == 1200 and one.run.seed == 0]
    assert [one.run.network.width for one in grid] == list(preset("cpu").widths)
    assert all(small.cpu_seconds < large.cpu_seconds for small, large in itertools.pairwise(grid))
