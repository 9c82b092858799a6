"""Recipes: how a stored fit was made, so that it can be made again.

`recipe.toml` beside `fit.json` is either `kind = "published"` (coefficients and where they come from) or
`kind = "fit"` (observations and settings).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from scaling.errors import InvalidInput, NotFound, Violation
from scaling.inference.fit import fit
from scaling.inference.progress import Progress, silent
from scaling.inference.settings import FitSettings
from scaling.laws import law_class
from scaling.observations import read_loss_observations, read_score_observations
from scaling.observations.selection import after_early_training
from scaling.posterior import Fit, FormError, Hull, LossPosterior
from scaling.store._document import FitDocument, write_fit
from scaling.units import LossUnit, SizeConvention

RECIPE = "recipe.toml"
_CARRIED_OVER = (RECIPE, "SOURCE.md", "observations")


class _Recipe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    law: str


@final
class PublishedRecipe(_Recipe):
    """A published point estimate.

    - `coefficients`: by name; a name with the prefix `ln_` gives the logarithm, as some sources do.
    - `hull`: range of the runs it was fitted to.
    """

    kind: Literal["published"]
    size_convention: SizeConvention
    validation_set: str
    coefficients: Mapping[str, float]
    hull: Hull


@final
class ObservationFile(BaseModel):
    """A file beside the recipe and how it is to be read (see `scaling.observations.reading.Reading`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    columns: Mapping[str, str] | None = None
    size_convention: SizeConvention | None = None
    loss_unit: LossUnit | None = None
    bytes_per_token: float | None = None
    tokens_from_compute: bool = False
    validation_set: str | None = None
    metrics: tuple[str, ...] | None = None
    covariates: tuple[str, ...] | None = None

    def reading(self) -> dict[str, Any]:
        """The keywords of the reader."""
        return {name: value for name, value in self if name != "file" and value is not None}


@final
class FitRecipe(_Recipe):
    """A fit to observations stored beside the recipe; `drop_first` is the share of each run left out as early."""

    kind: Literal["fit"]
    losses: ObservationFile
    scores: ObservationFile | None = None
    drop_first: float = 0.1
    settings: FitSettings = FitSettings()


_ANY_RECIPE: TypeAdapter[PublishedRecipe | FitRecipe] = TypeAdapter(
    Annotated[PublishedRecipe | FitRecipe, Field(discriminator="kind")]
)


def read_recipe(folder: Path) -> PublishedRecipe | FitRecipe:
    """The recipe in `folder`; raises `NotFound`, or `InvalidInput` listing every field that is wrong."""
    path = folder / RECIPE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"There is no {RECIPE} in {folder}, so that its fit cannot be built.") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is no TOML: {error}.") from error
    try:
        return _ANY_RECIPE.validate_python(content)
    except ValidationError as error:
        faults = [Violation(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        raise InvalidInput(f"{path} is no recipe.", faults) from error


def build(folder: Path, *, progress: Progress = silent) -> FitDocument:
    """Make the fit of `folder` again from its recipe, and store it there in one step."""
    recipe = read_recipe(folder)
    made = (
        _published(recipe, folder.name)
        if isinstance(recipe, PublishedRecipe)
        else _fitted(recipe, folder, progress=progress)
    )
    return write_fit(made, folder, replace=True, keep=_CARRIED_OVER)


def _published(recipe: PublishedRecipe, name: str) -> Fit:
    chosen = law_class(recipe.law)
    coefficients = {
        key.removeprefix("ln_"): [math.exp(value) if key.startswith("ln_") else value]
        for key, value in recipe.coefficients.items()
    }
    law = chosen.from_coefficients(coefficients)
    return Fit(
        name=name,
        loss=LossPosterior(
            law=law,
            noise_scale=np.zeros(1),
            run_scale=np.zeros(1),
            form_error=FormError.none(1),
            hull=recipe.hull,
            size_convention=recipe.size_convention,
            validation_set=recipe.validation_set,
        ),
        point={key: value[0] for key, value in coefficients.items()},
        provenance={"title": recipe.title, "source": recipe.source},
    )


def _fitted(recipe: FitRecipe, folder: Path, *, progress: Progress) -> Fit:
    losses = read_loss_observations(folder / recipe.losses.file, **recipe.losses.reading())
    losses = losses.select(after_early_training(losses, share=recipe.drop_first))
    scores = None
    if recipe.scores is not None:
        scores = read_score_observations(folder / recipe.scores.file, **recipe.scores.reading())
    made = fit(losses, scores, name=folder.name, law=recipe.law, settings=recipe.settings, progress=progress)
    return _with_source(made, recipe)


def _with_source(made: Fit, recipe: FitRecipe) -> Fit:
    return replace(made, provenance={"title": recipe.title, "source": recipe.source, **made.provenance})
