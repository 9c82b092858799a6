"""FLOP and size conventions, and what accelerators deliver and cost.

One convention per fit: training a network of size N on D tokens costs $C = 6 N D$, 2 FLOPs forward and 4 backward
per parameter and token (Kaplan et al. 2020, section 2.1). Attention's own products are left out of it, and so out
of the utilisation that goes with it; `attention_flops` says how much that is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Float

from scaling._pytree import Array
from scaling.errors import InvalidInput, NotFound, Violation

FLOPS_PER_PARAMETER_TOKEN = 6.0
INFERENCE_FLOPS_PER_PARAMETER_TOKEN = 2.0
SECONDS_PER_HOUR = 3600.0
HOURS_PER_DAY = 24.0


def training_flops(n: Float[Array, "*point"], d: Float[Array, "*point"]) -> Float[Array, "*point"]:
    """$C = 6 N D$ in FLOPs, for size `n` and `d` tokens seen."""
    return FLOPS_PER_PARAMETER_TOKEN * n * d


def tokens_from_flops(c: Float[Array, "*point"], n: Float[Array, "*point"]) -> Float[Array, "*point"]:
    """$D = C / (6 N)$, the tokens that `c` FLOPs pay for at size `n`."""
    return c / (FLOPS_PER_PARAMETER_TOKEN * n)


def attention_flops(
    d: Float[Array, "*point"], *, layers: float, width: float, context: float
) -> Float[Array, "*point"]:
    r"""Training FLOPs of causal attention's products, which $6 N D$ leaves out: $6 \, \ell \, w \, s \, D$.

    Forward and backward with the causal half counted, for `layers` of `width` at `context` tokens (Porian et al.
    2024, appendix; twice that where the mask is not exploited).
    """
    return 6.0 * layers * width * context * d


def nonembedding_size(*, layers: float, width: float, expansion: float = 4.0) -> float:
    r"""Weights of the blocks of a transformer, $\ell \, w^2 (4 + 2 \cdot \text{expansion})$; 12 l w^2 at expansion 4.

    Four attention matrices and two of the MLP, gains and biases left out (Kaplan et al. 2020, section 2.1).
    """
    return layers * width**2 * (4.0 + 2.0 * expansion)


@final
@dataclass(frozen=True)
class Shape:
    """A transformer that can be built: so many `layers` of so many `width`."""

    layers: int
    width: int

    @property
    def nonembedding_size(self) -> float:
        """12 l w^2."""
        return nonembedding_size(layers=self.layers, width=self.width)


def realisable_shape(size: float) -> Shape:
    r"""The shape whose non-embedding size comes nearest to `size`, at a usual ratio of width to depth.

    Widths are multiples of 8, of 64 from 512 on, of 128 from 2,048 on. Loss hardly depends on width / depth between
    16 and 256 (Kaplan et al. 2020, figure 5); nearer 100 is preferred where sizes tie within a percent or two.

    Raises `InvalidInput` for a size below the smallest such network (12 x 8^2 weights).
    """
    if not size >= nonembedding_size(layers=1, width=8):
        raise InvalidInput(f"{size:g} parameters are fewer than the smallest transformer block has (768).")
    best: tuple[float, Shape] | None = None
    for width in _widths():
        exact = size / nonembedding_size(layers=1, width=width)
        for layers in {max(1, math.floor(exact)), max(1, math.ceil(exact))}:
            shape = Shape(layers, width)
            aspect = width / layers
            outside = max(0.0, math.log(16 / aspect), math.log(aspect / 256))
            score = abs(math.log(shape.nonembedding_size / size)) + 0.01 * abs(math.log(aspect / 100)) + outside
            if best is None or score < best[0]:
                best = (score, shape)
    assert best is not None
    return best[1]


def _widths() -> range | list[int]:
    return [*range(8, 512, 8), *range(512, 2048, 64), *range(2048, 65536 + 1, 128)]


@final
@dataclass(frozen=True)
class Accelerator:
    """A chip as it is rented.

    - `name`: short name, such as `h100`; `title`: what it is.
    - `peak_flops_per_second`: dense bfloat16 peak of its datasheet, named in `peak_source`.
    - `price_per_hour_usd`: list price of one chip on demand, None where we know of no list price; `price_source` says
      whose and when. Prices move: override them with your own.
    """

    name: str
    title: str
    peak_flops_per_second: float
    peak_source: str
    price_per_hour_usd: float | None = None
    price_source: str | None = None


@final
@dataclass(frozen=True)
class Utilisation:
    r"""Share of peak that 6 N D FLOPs reach, and how sure that is.

    - `median`: between 0 and 1.
    - `log_spread`: standard deviation of its logarithm. It is the logit that is normal, with $1 / (1 - \text{median})$
      times that spread, so that no draw passes 1. The default .15 takes a median of .40 to a 90 % interval of .31-.50
      (a guess: it covers the .38-.43 that Llama 3 reports, arXiv:2407.21783, table 4, and PaLM's .46,
      arXiv:2204.02311, table 3).

    Raises `InvalidInput` outside these ranges.
    """

    median: float = 0.4
    log_spread: float = 0.15

    def __post_init__(self) -> None:
        violations = []
        if not 0.0 < self.median < 1.0:
            violations.append(Violation("utilisation", f"{self.median:g} given, a share between 0 and 1 needed"))
        if not (math.isfinite(self.log_spread) and self.log_spread >= 0.0):
            violations.append(Violation("log_utilisation_spread", f"{self.log_spread:g} given, 0 or more needed"))
        if violations:
            raise InvalidInput("The utilisation is out of range.", violations)

    def draws(self, count: int, *, rng: np.random.Generator) -> Float[Array, " draw"]:
        """`count` draws of the share of peak."""
        spread = self.log_spread / (1.0 - self.median)
        logit = math.log(self.median / (1.0 - self.median)) + spread * rng.standard_normal(count)
        return 1.0 / (1.0 + np.exp(-logit))


_TPU_DOCS = "Google Cloud TPU documentation, system architecture, peak compute per chip (bf16)"

# Dense bfloat16 peaks; datasheets that print the figure with 2:4 sparsity are halved.
ACCELERATORS: Mapping[str, Accelerator] = MappingProxyType(
    {
        accelerator.name: accelerator
        for accelerator in (
            Accelerator(
                "a100",
                "NVIDIA A100 80 GB SXM",
                312e12,
                "NVIDIA A100 80GB datasheet (2021)",
                2.50,
                "Modal list price, read 2026-05-07",
            ),
            Accelerator(
                "h100",
                "NVIDIA H100 SXM",
                989.4e12,
                "NVIDIA H100 Tensor Core GPU architecture white paper (2022), table 2",
                3.78,
                "Lambda on-demand list price of one H100 SXM, read 2026-05-07",
            ),
            Accelerator("h200", "NVIDIA H200 SXM", 989.4e12, "NVIDIA H200 datasheet (2024)"),
            Accelerator(
                "b200",
                "NVIDIA B200 (HGX)",
                2.25e15,
                "NVIDIA Blackwell architecture technical brief (2024)",
                6.25,
                "Modal list price, read in 2026",
            ),
            Accelerator("mi300x", "AMD Instinct MI300X", 1307.4e12, "AMD Instinct MI300X data sheet (2023)"),
            Accelerator("tpu-v5e", "Google Cloud TPU v5e", 197e12, _TPU_DOCS),
            Accelerator("tpu-v5p", "Google Cloud TPU v5p", 459e12, _TPU_DOCS),
            Accelerator("tpu-v6e", "Google Cloud TPU v6e (Trillium)", 918e12, _TPU_DOCS),
        )
    }
)


def accelerator(name: str) -> Accelerator:
    """The accelerator called `name`; raises `NotFound` with those there are."""
    if name not in ACCELERATORS:
        raise NotFound(
            f"No accelerator is called {name!r}. There are: {', '.join(ACCELERATORS)}; "
            "for another, give its peak FLOP/s and price per hour."
        )
    return ACCELERATORS[name]
