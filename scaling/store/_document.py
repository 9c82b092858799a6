"""One fit as a folder: `fit.json` names everything, the digests say that it is what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from scaling.errors import AlreadyExists, CorruptStore, NotFound, StoreUnavailable
from scaling.laws import law_class
from scaling.posterior import (
    Axis,
    BacktestSummary,
    Finding,
    Fit,
    FormError,
    Hull,
    LossPosterior,
    PriorShift,
    RunLeverage,
    SampleDiagnostics,
    ScorePosterior,
)
from scaling.store._draws import DrawsFile, read_draws, write_draws
from scaling.units import SizeConvention

SCHEMA_VERSION = 2
DOCUMENT = "fit.json"
_LOSS_DRAWS = "draws.nc"


@final
class Artefact(BaseModel):
    """A file of the folder and the SHA-256 of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str


@final
class QuantileSummary(BaseModel):
    """Median and 90 % interval of one quantity."""

    model_config = ConfigDict(frozen=True)

    low: float
    median: float
    high: float


@final
class FitDocument(BaseModel):
    """`fit.json`: the fit without its draws. Fields are added, never changed in meaning; `schema_version` counts."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    schema_version: int = SCHEMA_VERSION
    name: str
    version: int
    law: str
    formula: str
    size_convention: SizeConvention
    validation_set: str
    hull: Hull
    form_axes: tuple[Axis, ...]
    run_labels: tuple[str, ...]
    coefficients: Mapping[str, QuantileSummary]
    point: Mapping[str, float] | None
    diagnostics: SampleDiagnostics | None
    findings: tuple[Finding, ...]
    backtest: tuple[BacktestSummary, ...]
    leverage: tuple[RunLeverage, ...] = ()
    prior_sensitivity: tuple[PriorShift, ...] = ()
    data_digest: str
    provenance: Mapping[str, Any]
    draws: Artefact
    scores: Mapping[str, Artefact]


def write_fit(fit: Fit, folder: Path, *, replace: bool = False, keep: tuple[str, ...] = ()) -> FitDocument:
    """Write `fit` as `folder`: all of it or nothing.

    `keep` names files and folders of an existing `folder` that are carried over (a recipe, its observations).
    Raises `AlreadyExists` where the folder holds a fit and `replace` is not asked for, `StoreUnavailable` where it
    cannot be written.
    """
    if (folder / DOCUMENT).exists() and not replace:
        raise AlreadyExists(f"There is a fit at {folder} already. Choose another name, or say that it be replaced.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise StoreUnavailable(f"{folder.parent} cannot be written: {error.strerror}. Nothing was stored.") from error
    try:
        document = _write_parts(fit, staging)
        for name in keep:
            source = folder / name
            if source.is_dir():
                shutil.copytree(source, staging / name)
            elif source.exists():
                shutil.copy2(source, staging / name)
        _swap(staging, folder)
    except OSError as error:
        raise StoreUnavailable(
            f"{folder} could not be written: {error.strerror or error}. Nothing was stored; free space or choose "
            "another place."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return document


def read_fit(folder: Path) -> Fit:
    """Read and verify the fit in `folder`.

    Raises `NotFound` where there is none, `CorruptStore` where a file is missing, altered or of a newer schema.
    """
    document = read_document(folder)
    loss_draws = read_draws(_verified(folder, document.draws))
    posterior, stats = loss_draws.groups["posterior"], loss_draws.groups.get("sample_stats", {})
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in posterior.items()}
    chosen = law_class(document.law)
    scores = {task: _read_score(_verified(folder, artefact)) for task, artefact in document.scores.items()}
    return Fit(
        name=document.name,
        version=document.version,
        loss=LossPosterior(
            law=chosen(**{spec.name: flat[spec.name] for spec in chosen.coefficients}),
            noise_scale=flat["noise_scale"],
            run_scale=flat["run_scale"],
            form_error=_form_error(document, flat),
            hull=document.hull,
            size_convention=document.size_convention,
            validation_set=document.validation_set,
            run_labels=document.run_labels,
            run_effect=flat.get("run_effect"),
        ),
        scores=scores,
        sample_stats=stats,
        observed=loss_draws.groups.get("observed_data", {}),
        point=document.point,
        diagnostics=document.diagnostics,
        findings=document.findings,
        backtest=document.backtest,
        leverage=document.leverage,
        prior_sensitivity=document.prior_sensitivity,
        data_digest=document.data_digest,
        provenance=document.provenance,
    )


def read_document(folder: Path) -> FitDocument:
    """`fit.json` alone; raises as `read_fit`."""
    path = folder / DOCUMENT
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound(f"There is no fit at {folder}.") from error
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be read: {error.strerror}.") from error
    _require_schema(path, text)
    try:
        document = FitDocument.model_validate_json(text)
    except ValidationError as error:
        raise CorruptStore(f"{path} does not match its schema: {error.error_count()} faults. {error}") from error
    return document


def _require_schema(path: Path, text: str) -> None:
    """Raise `CorruptStore` where the document is of another schema; what is no document at all is told elsewhere."""
    try:
        schema = json.loads(text)["schema_version"]
    except (ValueError, TypeError, KeyError):
        return
    if schema != SCHEMA_VERSION:
        raise CorruptStore(
            f"{path} has schema {schema}; this version reads {SCHEMA_VERSION}. Make the fit again from its rows."
        )


def _write_parts(fit: Fit, staging: Path) -> FitDocument:
    write_draws(staging / _LOSS_DRAWS, _loss_draws(fit))
    scores = {}
    for index, (task, posterior) in enumerate(sorted(fit.scores.items())):
        file = f"score-{index:03d}.nc"
        attributes, arrays = posterior.to_document()
        write_draws(staging / file, DrawsFile({"posterior": {k: v[np.newaxis] for k, v in arrays.items()}}, attributes))
        scores[task] = _artefact(staging / file)
    document = FitDocument(
        name=fit.name,
        version=fit.version,
        law=fit.loss.law.name,
        formula=fit.loss.law.formula,
        size_convention=fit.loss.size_convention,
        validation_set=fit.loss.validation_set,
        hull=fit.loss.hull,
        form_axes=fit.loss.form_error.axes,
        run_labels=fit.loss.run_labels,
        coefficients={name: _summary(values) for name, values in fit.loss.law.to_coefficients().items()},
        point=fit.point,
        diagnostics=fit.diagnostics,
        findings=fit.findings,
        backtest=fit.backtest,
        leverage=fit.leverage,
        prior_sensitivity=fit.prior_sensitivity,
        data_digest=fit.data_digest,
        provenance=fit.provenance,
        draws=_artefact(staging / _LOSS_DRAWS),
        scores=scores,
    )
    (staging / DOCUMENT).write_text(document.model_dump_json(indent=2) + "\n", encoding="utf-8")
    for path in staging.iterdir():
        with path.open("rb") as file_to_sync:
            os.fsync(file_to_sync.fileno())
    return document


def _loss_draws(fit: Fit) -> DrawsFile:
    posterior = fit.loss
    flat = {
        **posterior.law.to_coefficients(),
        "noise_scale": posterior.noise_scale,
        "run_scale": posterior.run_scale,
        **_form_error_draws(posterior.form_error),
        **({} if posterior.run_effect is None else {"run_effect": posterior.run_effect}),
    }
    chains = len(next(iter(fit.sample_stats.values()))) if fit.sample_stats else 1
    return DrawsFile(
        {
            "posterior": {
                name: np.reshape(values, (chains, len(values) // chains, *np.shape(values)[1:]))
                for name, values in flat.items()
            },
            "sample_stats": fit.sample_stats,
            "observed_data": fit.observed,
        },
        {"name": fit.name, "law": posterior.law.name, "inference_library": "numpyro"},
    )


def _form_error_draws(error: FormError) -> dict[str, Any]:
    """Its arrays by name; none where the law stands alone."""
    if not error.axes:
        return {}
    return {
        "form_error_scale": error.scale,
        "form_error_levels": error.levels,
        "form_error_beyond": error.beyond,
    }


def _form_error(document: FitDocument, flat: Mapping[str, Any]) -> FormError:
    if not document.form_axes:
        return FormError.none(len(flat["noise_scale"]))
    return FormError(
        axes=document.form_axes,
        scale=flat["form_error_scale"],
        levels=flat["form_error_levels"],
        beyond=flat["form_error_beyond"],
    )


def _read_score(path: Path) -> ScorePosterior:
    content = read_draws(path)
    arrays = {name: values[0] for name, values in content.groups["posterior"].items()}
    return ScorePosterior.from_document(content.attributes, arrays)


def _summary(values: Any) -> QuantileSummary:
    low, median, high = (float(q) for q in np.quantile(values, (0.05, 0.5, 0.95)))
    return QuantileSummary(low=low, median=median, high=high)


def _artefact(path: Path) -> Artefact:
    return Artefact(file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def _verified(folder: Path, artefact: Artefact) -> Path:
    path = folder / artefact.file
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise CorruptStore(f"{path} is missing or unreadable: {error.strerror}. Rebuild or restore the fit.") from error
    if digest != artefact.sha256:
        raise CorruptStore(f"{path} is not what was stored: its SHA-256 differs. Rebuild or restore the fit.")
    return path


def _swap(staging: Path, folder: Path) -> None:
    """Put `staging` in the place of `folder`; a reader sees the old folder or the new one."""
    staging.chmod(0o755)
    if not folder.exists():
        staging.rename(folder)
        return
    retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    try:
        folder.rename(retired / "fit")
        staging.rename(folder)
    finally:
        if not folder.exists():
            (retired / "fit").rename(folder)
        shutil.rmtree(retired, ignore_errors=True)
