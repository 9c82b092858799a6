"""What is trained, as frozen documents. What decides the bits of a run is in its `RunConfig`, and so in its digest."""

import hashlib
import json
import math
import tomllib
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scaling.errors import InvalidInput, NotFound, Violation

CORPUS_VERSION: Final = 1
"""Raised when the same configuration would give other tokens or items."""

TRAINING_VERSION: Final = 1
"""Raised when the same configuration would give other weights or scores."""

Positive = Annotated[int, Field(gt=0)]
Rows = Annotated[int, Field(ge=0)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """SHA-256 of the canonical JSON of this document."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


class BatchComposition(_Document):
    """Rows of each kind in every batch. Fixed, not drawn, so that the gradient is less noisy."""

    language_rows: Positive = 24
    copy_rows: Rows = 3
    kv_rows: Rows = 2
    fact_rows: Rows = 1
    parity_rows: Rows = 1
    sort_rows: Rows = 1

    @property
    def skill_rows(self) -> dict[str, int]:
        """Rows of each skill, by the skill's name."""
        return {
            "copy": self.copy_rows,
            "kv": self.kv_rows,
            "fact": self.fact_rows,
            "parity": self.parity_rows,
            "sort": self.sort_rows,
        }

    @property
    def row_count(self) -> int:
        """Rows of a batch."""
        return self.language_rows + sum(self.skill_rows.values())


class CorpusConfig(_Document):
    """The corpus and the item sets, shared by all runs of a sweep.

    - `seed`: language, facts, validation rows and items (seed 0: entropies 4.0191, 3.2812, 2.6126, 2.3812 nats).
    - `sequence_length`: tokens predicted in each row.
    - `validation_batches`: batches of the training composition that the validation loss is measured on.
    - `ngram_item_count`: items in each of ng1, ng2, ng3.
    - `task_item_count`: items of each skill.
    """

    version: Literal[1] = CORPUS_VERSION
    seed: int = 0
    sequence_length: Annotated[int, Field(ge=32)] = 64
    composition: BatchComposition = BatchComposition()
    validation_batches: Positive = 16
    ngram_item_count: Annotated[int, Field(ge=8, multiple_of=8)] = 4096
    task_item_count: Positive = 512

    @property
    def tokens_per_batch(self) -> int:
        """Tokens predicted in a batch."""
        return self.composition.row_count * self.sequence_length


class NetworkConfig(_Document):
    """A decoder-only transformer: pre-RMSNorm, RoPE, squared-ReLU MLP of 4 x width, no biases, untied head.

    - `width`: residual width d; the head size is min(32, d / 2), so that there are two heads at least (a network with
      one head was seen never to learn to copy).
    """

    width: Annotated[int, Field(ge=4, multiple_of=4)]
    layer_count: Positive = 2
    vocabulary_size: Positive = 112
    rope_base: Annotated[float, Field(gt=1)] = 100.0

    @model_validator(mode="after")
    def _heads_fill_the_width(self) -> Self:
        if self.width % self.head_size:
            raise ValueError(f"width {self.width} is not a multiple of its head size {self.head_size}")
        return self

    @property
    def head_size(self) -> int:
        """Width of an attention head."""
        return min(32, self.width // 2)

    @property
    def head_count(self) -> int:
        """Attention heads of a layer."""
        return self.width // self.head_size

    @property
    def nonembedding_size(self) -> int:
        """Weights except the embedding and the output head: $12 L d^2 + (2 L + 1) d$."""
        return 12 * self.layer_count * self.width**2 + (2 * self.layer_count + 1) * self.width

    @property
    def embedding_size(self) -> int:
        """Weights of the embedding; the untied output head has as many again."""
        return self.vocabulary_size * self.width

    @property
    def total_size(self) -> int:
        """All weights."""
        return self.nonembedding_size + 2 * self.embedding_size


class OptimizerConfig(_Document):
    """Adam with clipping, warm-up to a constant rate, and a polynomial average of the weights.

    - `peak_learning_rate`: at `reference_width`; matrices of the layers and the head scale by reference_width / width.
    - `averaging_power`: g in $e_t = e_{t-1} + (g+1)/(t+g+1) (w_t - e_{t-1})$. Large g forgets the early weights.
    """

    peak_learning_rate: Annotated[float, Field(gt=0)] = 0.005
    reference_width: Positive = 64
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    beta_1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    beta_2: Annotated[float, Field(ge=0, lt=1)] = 0.98
    clip_norm: Annotated[float, Field(gt=0)] = 1.0
    averaging_power: Annotated[float, Field(ge=0)] = 15.0
    schedule: Literal["constant_averaged"] = "constant_averaged"


class RunConfig(_Document):
    """One training run: everything that decides its bits.

    - `seed`: initial weights and the order of the data.
    - `steps_per_dispatch`: optimiser steps compiled into one call; evaluations fall on its multiples.
    """

    version: Literal[1] = TRAINING_VERSION
    seed: Annotated[int, Field(ge=0)]
    step_count: Positive
    evaluation_steps: tuple[Positive, ...]
    steps_per_dispatch: Positive = 20
    network: NetworkConfig
    optimizer: OptimizerConfig = OptimizerConfig()
    corpus: CorpusConfig = CorpusConfig()

    @model_validator(mode="after")
    def _steps_fit_together(self) -> Self:
        steps = self.evaluation_steps
        if not steps or list(steps) != sorted(set(steps)) or steps[-1] != self.step_count:
            raise ValueError(f"evaluation_steps must ascend and end at step_count = {self.step_count}, not {steps}")
        if any(step % self.steps_per_dispatch for step in steps):
            raise ValueError(f"evaluation_steps {steps} must be multiples of {self.steps_per_dispatch}")
        return self

    @property
    def name(self) -> str:
        """Name of the run within its sweep, as it stands in the observations."""
        return f"d{self.network.width}-s{self.seed}-{self.step_count}"

    @property
    def folder_name(self) -> str:
        """Name of the run's folder: readable, and different for every configuration."""
        return f"{self.name}-{self.digest()[:12]}"

    @property
    def token_count(self) -> int:
        """Tokens trained on."""
        return self.step_count * self.corpus.tokens_per_batch


class LongRun(_Document):
    """A run beside the grid, longer than the others, with a seed of its own."""

    width: Positive
    seed: int
    step_count: Positive


class SweepConfig(_Document):
    """A ladder: every width with every seed, and some longer runs.

    - `first_evaluation_step`, `evaluation_count`: evaluations are spaced evenly in log steps from the first to
      `step_count`, rounded to dispatches; longer runs go on with the same ratio.
    """

    name: str = "ladder"
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    seeds: Annotated[tuple[int, ...], Field(min_length=1)]
    step_count: Positive
    first_evaluation_step: Positive = 60
    evaluation_count: Annotated[int, Field(ge=2)] = 14
    steps_per_dispatch: Positive = 20
    long_runs: tuple[LongRun, ...] = ()
    layer_count: Positive = 2
    optimizer: OptimizerConfig = OptimizerConfig()
    corpus: CorpusConfig = CorpusConfig()

    def runs(self) -> tuple[RunConfig, ...]:
        """All runs, cheapest first: forecasts of a large rung can be written down before it has finished."""
        grid = [(width, seed, self.step_count) for width in self.widths for seed in self.seeds]
        asked = dict.fromkeys(grid + [(run.width, run.seed, run.step_count) for run in self.long_runs])
        return tuple(sorted((self._run(*one) for one in asked), key=_cost_order))

    def _run(self, width: int, seed: int, step_count: int) -> RunConfig:
        return RunConfig(
            seed=seed,
            step_count=step_count,
            evaluation_steps=self.evaluation_steps(step_count),
            steps_per_dispatch=self.steps_per_dispatch,
            network=NetworkConfig(width=width, layer_count=self.layer_count),
            optimizer=self.optimizer,
            corpus=self.corpus,
        )

    def evaluation_steps(self, step_count: int) -> tuple[int, ...]:
        """Steps at which a run of `step_count` steps is evaluated."""
        chunk = self.steps_per_dispatch
        log_ratio = math.log(self.step_count / self.first_evaluation_step) / (self.evaluation_count - 1)
        found, index = {step_count}, 0
        while (step := self.first_evaluation_step * math.exp(log_ratio * index)) < step_count:
            found.add(max(chunk, chunk * round(step / chunk)))
            index += 1
        return tuple(sorted(step for step in found if step <= step_count))


def _cost_order(run: RunConfig) -> tuple[int, int, str]:
    return run.network.total_size * run.token_count, run.seed, run.name


PRESETS: dict[str, SweepConfig] = {
    "cpu": SweepConfig(
        name="cpu",
        widths=(16, 24, 32, 48, 64, 96, 128),
        seeds=(0, 1, 2),
        step_count=1200,
        long_runs=(LongRun(width=48, seed=3, step_count=3000), LongRun(width=32, seed=3, step_count=3000)),
    ),
    "cpu-mini": SweepConfig(
        name="cpu-mini",
        widths=(8, 12, 16, 24, 32),
        seeds=(0,),
        step_count=240,
        first_evaluation_step=20,
        evaluation_count=15,
        steps_per_dispatch=10,
        corpus=CorpusConfig(validation_batches=4, ngram_item_count=512, task_item_count=64),
    ),
}


def preset(name: str) -> SweepConfig:
    """The preset of that name. Raises `NotFound` with the names there are."""
    if name not in PRESETS:
        raise NotFound(f"No preset '{name}'. Presets: {', '.join(PRESETS)}.")
    return PRESETS[name]


def read_sweep(path: Path) -> SweepConfig:
    """The sweep in a TOML file. Raises `InvalidInput` with every fault found."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(f"No sweep file {path}. Give a TOML file, or --preset {' or '.join(PRESETS)}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} is not TOML: {error}") from error
    return parse_sweep(document, source=str(path))


def parse_sweep(document: object, *, source: str) -> SweepConfig:
    """A sweep from plain data; `source` is named in errors. Raises `InvalidInput` with every fault found."""
    try:
        sweep = SweepConfig.model_validate(document)
        sweep.runs()
    except ValidationError as error:
        faults = [Violation(".".join(map(str, one["loc"])) or "sweep", one["msg"]) for one in error.errors()]
        raise InvalidInput(f"{source} is not a valid sweep:", faults) from error
    return sweep
