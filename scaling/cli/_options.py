"""Options that several commands share, and what they are read into."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaling.errors import InvalidInput, Violation
from scaling.units import LossUnit, SizeConvention, parse_count

if TYPE_CHECKING:
    from scaling.emergence import AbstractPath
    from scaling.posterior import Fit

FitName = Annotated[str, typer.Argument(help="Name of a fit, or the path of its folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="JSON for programs in place of tables.")]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a figure here (png, svg or pdf).", show_default=False)]
Store = Annotated[
    Path | None,
    typer.Option("--store", help="Folder of fits. Default: $SCALING_STORE, else ./scaling-fits.", show_default=False),
]
LevelsText = Annotated[str, typer.Option("--levels", help="Quantile levels, separated by commas.")]
TaskKeys = Annotated[
    list[str] | None, typer.Option("--task", help="Task key; repeat it for several.", show_default=False)
]
RatioText = Annotated[
    float | None, typer.Option("--tokens-per-parameter", help="Train on so many tokens per parameter.")
]
TokensText = Annotated[str | None, typer.Option("--tokens", help="Train on so many tokens, such as 1T.")]
Optimal = Annotated[bool, typer.Option("--compute-optimal", help="Split compute as the fit finds best (default).")]
ColumnsText = Annotated[
    str | None, typer.Option("--columns", help="What columns hold: size=params,tokens=D*1e9", show_default=False)
]
Convention = Annotated[
    SizeConvention | None, typer.Option("--size-convention", help="What sizes count.", show_default=False)
]
Unit = Annotated[LossUnit | None, typer.Option("--loss-unit", help="Unit of the losses.", show_default=False)]
BytesPerToken = Annotated[
    float | None, typer.Option("--bytes-per-token", help="Of the tokenizer; bits per byte need it.", show_default=False)
]
FromCompute = Annotated[bool, typer.Option("--tokens-from-compute", help="Take D = C / (6 N) from the compute column.")]
Covariates = Annotated[
    list[str] | None,
    typer.Option("--covariate", help="What else the law depends on: unique_tokens=25B; repeat it.", show_default=False),
]
ValidationSet = Annotated[
    str | None, typer.Option("--validation-set", help="Which set's losses to take, or its name.", show_default=False)
]


def store_root(given: Path | None) -> Path:
    """The user's folder of fits."""
    return given or Path(os.environ.get("SCALING_STORE", "scaling-fits"))


def open_fit(name: str, store: Path | None) -> Fit:
    """The fit called `name`: a folder of that path, else one of the user's, else one that comes with the product.

    Raises `NotFound` with the names there are.
    """
    from scaling.errors import NotFound
    from scaling.store import FitStore, read_fit, reference_store

    folder = Path(name)
    if (folder / "fit.json").is_file():
        return read_fit(folder)
    user, reference = FitStore(store_root(store)), reference_store()
    for place in (user, reference):
        if name in place.names():
            return place.load(name)
    there = ", ".join((*user.names(), *reference.names()))
    raise NotFound(f"No fit is called {name!r}. There are: {there}. `scaling fit` makes one.")


def read_levels(text: str) -> tuple[float, ...]:
    """Quantile levels in rising order; raises `InvalidInput` unless each lies between 0 and 1."""
    violations, levels = [], []
    for word in text.split(","):
        try:
            level = float(word)
        except ValueError:
            level = float("nan")
        if not 0.0 < level < 1.0:
            violations.append(Violation("levels", f"{word!r} given, a number between 0 and 1 needed"))
        levels.append(level)
    if violations:
        raise InvalidInput("The quantile levels cannot be read.", violations)
    return tuple(sorted(levels))


def read_counts(text: str, *, field: str) -> list[float]:
    """`70B` or `1B,7B,70B` as counts above zero; raises `InvalidInput` listing every one that is none."""
    violations, counts = [], []
    for word in text.split(","):
        try:
            count = parse_count(word)
        except InvalidInput as error:
            violations.append(Violation(field, error.summary))
            continue
        if count <= 0:
            violations.append(Violation(field, f"{word} given, a number above zero needed"))
        counts.append(count)
    if violations:
        raise InvalidInput(f"--{field} cannot be read.", violations)
    return counts


def read_covariates(texts: Sequence[str] | None, *, count: int) -> dict[str, list[float]]:
    """`["unique_tokens=25B"]` as `count` values by name, one or one a point; raises `InvalidInput`."""
    found: dict[str, list[float]] = {}
    violations = []
    for text in texts or ():
        name, equals, values = text.partition("=")
        if not equals or name in found:
            what = "is given twice" if equals else "write NAME=VALUE"
            violations.append(Violation("covariate", f"{text!r} given, {what}"))
            continue
        read = read_counts(values, field=f"covariate {name}")
        found[name] = read * count if len(read) == 1 else read
        if len(found[name]) != count:
            violations.append(Violation("covariate", f"{len(read)} values of {name} for {count} points"))
    if violations:
        raise InvalidInput("The covariates cannot be read: one value, or one a point, is needed.", violations)
    return found


def at_covariates(fit: Fit, texts: Sequence[str] | None) -> Fit:
    """`fit` with the covariates of `["unique_tokens=25B"]` fixed; raises `InvalidInput` where its law needs others."""
    return fit.given(**{name: values[0] for name, values in read_covariates(texts, count=1).items()})


def read_path(*, tokens_per_parameter: float | None, tokens: str | None, compute_optimal: bool) -> AbstractPath:
    """How size and tokens grow together; raises `InvalidInput` where more than one way is given."""
    from scaling.emergence import ComputeOptimal, FixedRatio, FixedTokens

    if (tokens_per_parameter is not None) + (tokens is not None) + compute_optimal > 1:
        raise InvalidInput("Give one of --tokens-per-parameter, --tokens and --compute-optimal.")
    if tokens_per_parameter is not None:
        return FixedRatio(tokens_per_parameter)
    if tokens is not None:
        return FixedTokens(read_counts(tokens, field="tokens")[0])
    return ComputeOptimal()


def read_by_task(text: str | None, *, field: str) -> float | Mapping[str, float] | None:
    """`256`, or `sort=0,kv=.25` by task; raises `InvalidInput` for anything else."""
    if text is None:
        return None
    try:
        if "=" not in text:
            return parse_count(text)
        pairs = [word.partition("=") for word in text.split(",")]
        return {task.strip(): parse_count(value) for task, _, value in pairs}
    except InvalidInput as error:
        raise InvalidInput(
            f"--{field} cannot be read. {error.summary} Write {field}=0.25 or by task sort=0,kv=.25."
        ) from error


def fit_facts(fit: Fit) -> dict[str, Any]:
    """What every answer says about the fit it came from."""
    return {
        "name": fit.name,
        "version": fit.version,
        "law": fit.loss.law.name,
        "data_digest": fit.data_digest,
        "size_convention": fit.loss.size_convention.value,
        "validation_set": fit.loss.validation_set,
    }
