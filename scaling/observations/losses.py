"""Losses of training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from jaxtyping import Bool, Float

from scaling._pytree import Array
from scaling.errors import InvalidObservations, Violation
from scaling.observations._digest import content_digest
from scaling.observations._warnings import DataWarning
from scaling.units import LossUnit, SizeConvention

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True, eq=False)
class LossObservations:
    """Rows of (run, size, tokens, loss); rows with one run label are checkpoints of one run.

    - `run`: labels; every row has its own where the source names none.
    - `size`: parameters, counted as `size_convention` says.
    - `tokens`: training tokens seen, repeats included.
    - `loss`: validation loss in nats per token on `validation_set`.
    - `covariates`: what else the loss depends on, by name, one number above zero a row; a law says which it needs.
    - `cooled`: whether the learning rate had been brought down by then, row by row; None where nobody says.
    - `warnings`: what the reader noticed; no part of the content.

    Raises `InvalidObservations` for columns of unequal length and for values that are not finite and above zero.
    """

    run: tuple[str, ...]
    size: Float[Array, " row"]
    tokens: Float[Array, " row"]
    loss: Float[Array, " row"]
    size_convention: SizeConvention = SizeConvention.UNSPECIFIED
    validation_set: str = "unspecified"
    warnings: tuple[DataWarning, ...] = field(default=(), repr=False)
    covariates: Mapping[str, Float[Array, " row"]] = field(default_factory=dict)
    cooled: Bool[Array, " row"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "run", tuple(self.run))
        object.__setattr__(self, "size_convention", SizeConvention(self.size_convention))
        violations = freeze_columns(self, ("size", "tokens", "loss"), length=len(self.run))
        violations += _freeze_covariates(self)
        if self.cooled is not None:
            violations += _freeze_cooled(self)
        if violations:
            raise InvalidObservations("These losses cannot be observations.", violations)

    def __len__(self) -> int:
        return len(self.run)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: independent of row order and of the file it came from."""
        stated = {"size_convention": self.size_convention.value, "validation_set": self.validation_set}
        numbers: tuple[Float[Array, " row"], ...] = (self.size, self.tokens, self.loss)
        if self.covariates:
            names = sorted(self.covariates)
            stated["covariates"] = ",".join(names)
            numbers += tuple(self.covariates[name] for name in names)
        if self.cooled is not None:
            stated["cooled"] = "stated"
            numbers += (self.cooled.astype(np.float64),)
        return content_digest("losses 1", stated, run=self.run, numbers=numbers)

    def runs(self) -> tuple[str, ...]:
        """The run labels, each once, in order of appearance."""
        return tuple(dict.fromkeys(self.run))

    def select(self, mask: Bool[Array, " row"]) -> Self:
        """The rows where `mask` is true."""
        chosen = np.asarray(mask, dtype=bool)
        return type(self)(
            run=tuple(label for label, keep in zip(self.run, chosen, strict=True) if keep),
            size=self.size[chosen],
            tokens=self.tokens[chosen],
            loss=self.loss[chosen],
            size_convention=self.size_convention,
            validation_set=self.validation_set,
            covariates={name: values[chosen] for name, values in self.covariates.items()},
            cooled=None if self.cooled is None else self.cooled[chosen],
        )

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame that `from_frame` reads back to the same content, its `covariates` named."""
        import pandas as pd

        return pd.DataFrame(
            {
                "run": list(self.run),
                "size": self.size,
                "tokens": self.tokens,
                "loss_nats_per_token": self.loss,
                **self.covariates,
                **({} if self.cooled is None else {"cooled": self.cooled}),
                "size_convention": self.size_convention.value,
                "validation_set": self.validation_set,
            }
        )

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        columns: Mapping[str, str] | None = None,
        size_convention: SizeConvention | None = None,
        loss_unit: LossUnit | None = None,
        bytes_per_token: float | None = None,
        tokens_from_compute: bool = False,
        validation_set: str | None = None,
        covariates: Sequence[str] = (),
    ) -> Self:
        """Read a pandas frame as `read_loss_observations` reads a file; faults name the row, counted from 1."""
        from scaling.observations._tables import table_from_frame
        from scaling.observations.reading import Reading, losses_from_table

        reading = Reading(
            columns=columns,
            size_convention=size_convention,
            loss_unit=loss_unit,
            bytes_per_token=bytes_per_token,
            tokens_from_compute=tokens_from_compute,
            validation_set=validation_set,
            covariates=tuple(covariates),
        )
        return losses_from_table(cls, table_from_frame(frame), reading)


def _freeze_cooled(observations: LossObservations) -> list[Violation]:
    """Make `cooled` a read-only array of true and false."""
    cooled = np.array(observations.cooled, dtype=bool)
    cooled.setflags(write=False)
    object.__setattr__(observations, "cooled", cooled)
    if cooled.shape == (len(observations),):
        return []
    needed = f"{len(observations)} values needed, one per run label"
    return [Violation("cooled", f"shape {cooled.shape} given, {needed}")]


def _freeze_covariates(observations: LossObservations) -> list[Violation]:
    """Make the covariates read-only float64 arrays of one length; every fault found, by row counted from 1."""
    columns: dict[str, Float[Array, " row"]] = {}
    violations = []
    for name, given in observations.covariates.items():
        values = np.array(given, dtype=np.float64)
        values.setflags(write=False)
        columns[name] = values
        if values.shape != (len(observations),):
            needed = f"{len(observations)} values needed, one per run label"
            violations.append(Violation(name, f"shape {values.shape} given, {needed}"))
            continue
        violations += [
            Violation(f"row {row + 1}, {name}", f"{values[row]:g} given, a finite number above zero needed")
            for row in np.flatnonzero(~(np.isfinite(values) & (values > 0)))
        ]
    object.__setattr__(observations, "covariates", columns)
    return violations


def freeze_columns(
    observations: Any, names: Sequence[str], *, length: int, zero_is_fine: Sequence[str] = ()
) -> list[Violation]:
    """Make the named columns read-only float64 arrays of one length; every fault found, by row counted from 1."""
    violations = []
    for name in names:
        values = np.array(getattr(observations, name), dtype=np.float64)
        values.setflags(write=False)
        object.__setattr__(observations, name, values)
        if values.shape != (length,):
            violations.append(Violation(name, f"shape {values.shape} given, {length} values needed, one per run label"))
            continue
        right = np.isfinite(values) & ((values >= 0) if name in zero_is_fine else (values > 0))
        violations += [
            Violation(f"row {row + 1}, {name}", f"{values[row]:g} given, a finite number above zero needed")
            for row in np.flatnonzero(~right)
        ]
    return violations
