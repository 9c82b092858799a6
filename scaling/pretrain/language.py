"""A language of order 3 over 64 tokens whose entropies are known exactly.

In every context of three tokens the next token has the same Zipf weights $w_r \\propto r^{-1.5}$, dealt out by a
permutation of its own. So the entropy rate is H(w) whatever the permutations are, while shorter contexts are worth
what the permutations share: the entropies given 0, 1 and 2 tokens follow from the stationary distribution.
A network that predicts exactly as well as the best predictor of order k has loss H_k: the loss thresholds of
"order-k skills" are known before anything is trained.
"""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Float64, Int, UInt8, UInt64

from scaling.pretrain.random_words import fixed_point_log, gumbels, weighted, zipf_weights

TOKEN_COUNT = 64
ORDER = 3
BURN_IN = 32
"""Tokens thrown away before a sample. The chain forgets: 21 steps of power iteration reach 1e-12."""


def context_permutations(seed: int) -> UInt8[np.ndarray, "x1 x2 x3 rank"]:
    """Token of each rank in each context (x1 = the latest token), ranked by descending fixed-point keys.

    key = -0.7 ln(token + 1) + g1[x1] + g2[x1, x2] + 0.6 g3[x1, x2, x3], each g a Gumbel variate per token.
    """
    n = TOKEN_COUNT
    prior = np.array([-7 * fixed_point_log(Decimal(token + 1)) for token in range(n)], dtype=np.int32)
    g1 = 10 * gumbels(("language", seed, "g1"), n**2).reshape(n, 1, 1, n)
    g2 = 10 * gumbels(("language", seed, "g2"), n**3).reshape(n, n, 1, n)
    g3 = 6 * gumbels(("language", seed, "g3"), n**4).reshape(n, n, n, n)
    keys = g3 + (g1 + g2 + prior)
    # The token rides in the low 6 bits: keys are distinct, so every sorting algorithm gives the same permutation.
    packed = -keys * n + np.arange(n, dtype=np.int32)
    return (np.sort(packed, axis=-1) & (n - 1)).astype(np.uint8)


@final
@dataclass(frozen=True)
class Language:
    """The language: `tokens[x1, x2, x3, r]` is the token of rank r after ... x3 x2 x1.

    - `tokens`: permutations, one a context; x1 is the latest token.
    - `weights`: integer weight of each rank; they sum to 2^24.
    """

    tokens: UInt8[np.ndarray, "x1 x2 x3 rank"]
    weights: Int[np.ndarray, " rank"]

    def sample(self, word: UInt64[np.ndarray, "row word"], *, length: int) -> UInt8[np.ndarray, "row length"]:
        """One stationary sample of `length` tokens a row, from at least `words_per_row(length)` words each."""
        n = TOKEN_COUNT
        ranks = weighted(word[:, : words_per_row(length)], np.cumsum(self.weights)).T
        table = self.tokens.reshape(-1)
        context = np.zeros(word.shape[0], dtype=np.int64)
        out = np.empty((length, word.shape[0]), dtype=np.uint8)
        for position, rank in enumerate(ranks, start=-BURN_IN):
            token = table[context * n + rank]
            context = token * np.int64(n * n) + context // n
            if position >= 0:
                out[position] = token
        return out.T

    @cached_property
    def probabilities(self) -> Float64[np.ndarray, "x1 x2 x3 token"]:
        """P(next token | x3 x2 x1), exact."""
        out = np.empty(self.tokens.shape, dtype=np.float64)
        share = np.broadcast_to(self.weights / self.weights.sum(), self.tokens.shape)
        np.put_along_axis(out, self.tokens.astype(np.int64), share, axis=-1)
        return out

    @cached_property
    def stationary(self) -> Float64[np.ndarray, "x1 x2 x3"]:
        """Stationary probability of every context, by power iteration to 1e-13 in total variation."""
        n = TOKEN_COUNT
        current = np.full((n, n, n), 1.0 / n**3)
        for _ in range(200):
            following = np.einsum("abc,abcn->nab", current, self.probabilities, optimize=True)
            change = 0.5 * np.abs(following - current).sum()
            current = following / following.sum()
            if change < 1e-13:
                return current
        raise AssertionError("power iteration on a positive chain converges geometrically")

    @cached_property
    def predictors(self) -> tuple[Float64[np.ndarray, "..."], ...]:
        """Best predictors of order 0 ... 3: `predictors[k][x1, ..., xk]` is the next token's distribution."""
        joint = self.stationary[..., None] * self.probabilities
        lower = []
        for order in range(ORDER):
            summed = joint.sum(axis=tuple(range(order, ORDER)))
            lower.append(summed / summed.sum(axis=-1, keepdims=True))
        return (*lower, self.probabilities)

    @cached_property
    def entropies(self) -> tuple[float, ...]:
        """H_0 ... H_3, nats per token: the loss of the best predictor of each order."""
        found = []
        for order, predictor in enumerate(self.predictors):
            weight = self.stationary.sum(axis=tuple(range(order, ORDER)))
            found.append(float(-(weight[..., None] * predictor * np.log(predictor)).sum()))
        return tuple(found)

    def predict(self, context: Int[np.ndarray, "item 3"], *, order: int) -> Float64[np.ndarray, "item token"]:
        """What the best predictor of `order` says after `context`, whose first column is the latest token."""
        return (
            self.predictors[order][tuple(context[:, k] for k in range(order))]
            if order
            else np.broadcast_to(self.predictors[0], (len(context), TOKEN_COUNT))
        )


def words_per_row(length: int) -> int:
    """Random words that one sample of `length` tokens uses."""
    return BURN_IN + length


def make_language(seed: int) -> Language:
    """The language of `seed`, the same bits on every machine."""
    return Language(tokens=context_permutations(seed), weights=zipf_weights(TOKEN_COUNT, twice_exponent=3))
