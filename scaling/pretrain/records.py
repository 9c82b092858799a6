"""What a run leaves in its folder, as data that is read without JAX.

<run folder>/config.json        the run's configuration; the folder's name ends in its digest
             evaluations.json   what was measured, one entry an evaluation: the run's result
             progress.json      where it stands and what it has cost so far
             checkpoints/       states to go on from
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, final

from pydantic import ValidationError

from scaling.errors import CorruptStore, NotFound
from scaling.pretrain.config import RunConfig
from scaling.pretrain.files import read_json, write_json

RunState = Literal["planned", "running", "stopped", "done", "failed"]


@final
@dataclass(frozen=True)
class Score:
    """One metric of one task.

    - `score`: a share, a Brier score, or a mean log-likelihood in nats per answer, as `metric` says.
    - `item_count`: items that the mean is over.
    - `chance`: what a guesser scores who knows the form of the answer only.
    - `correct_count`: items right, where the score is such a share; None otherwise.
    """

    task: str
    metric: str
    score: float
    item_count: int
    chance: float
    correct_count: int | None = None


@final
@dataclass(frozen=True)
class Evaluation:
    """One checkpoint's losses (nats per token, by validation set) and scores."""

    step: int
    token_count: int
    losses: Mapping[str, float]
    scores: tuple[Score, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data, floats at full precision."""
        scores = [vars(score) for score in self.scores]
        return {"step": self.step, "token_count": self.token_count, "losses": dict(self.losses), "scores": scores}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Evaluation":
        """The inverse of `to_json`."""
        scores = tuple(Score(**score) for score in document["scores"])
        return cls(document["step"], document["token_count"], document["losses"], scores)


@final
@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    - `loss`: training loss of the last step, nats per token.
    - `cpu_seconds`, `wall_seconds`: spent so far, over all processes that worked on the run.
    - `training_seconds`: wall seconds within training dispatches after the first of each process.
    - `trained_steps`: the steps those dispatches took.
    """

    state: RunState = "planned"
    step: int = 0
    loss: float | None = None
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    training_seconds: float = 0.0
    trained_steps: int = 0
    reason: str = ""


def read_run_config(folder: Path) -> RunConfig:
    """The configuration of a run folder.

    Raises `NotFound` where it is no run folder, `CorruptStore` where it is not what the folder was made for.
    """
    try:
        config = RunConfig.model_validate(read_json(folder / "config.json"))
    except FileNotFoundError as error:
        raise NotFound(f"{folder} holds no config.json: it is no run folder. Start runs with a sweep.") from error
    except ValidationError as error:
        raise CorruptStore(f"{folder}/config.json is no run's configuration ({error}). Undo the change.") from error
    if folder.name != config.folder_name:
        raise CorruptStore(
            f"{folder}/config.json was changed: it now describes {config.folder_name}. "
            "A run cannot go on under another configuration; undo the change or start a new sweep."
        )
    return config


def read_progress(folder: Path) -> Progress:
    """Where the run stands; `planned` where it has not begun."""
    try:
        return Progress(**read_json(folder / "progress.json"))
    except FileNotFoundError:
        return Progress()


def read_evaluations(folder: Path) -> list[Evaluation]:
    """What the run has measured so far, in the order of its steps."""
    try:
        document = read_json(folder / "evaluations.json")
    except FileNotFoundError:
        return []
    return [Evaluation.from_json(one) for one in document["evaluations"]]


def write_evaluations(folder: Path, config: RunConfig, evaluations: list[Evaluation]) -> None:
    """Replace what the run has measured so far."""
    rows = [one.to_json() for one in evaluations]
    write_json(folder / "evaluations.json", {"run": config.name, "evaluations": rows})


def write_progress(folder: Path, progress: Progress) -> None:
    """Replace where the run stands."""
    write_json(folder / "progress.json", asdict(progress))
