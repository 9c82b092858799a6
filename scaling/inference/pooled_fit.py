"""Families fitted together, as one ordinary document a family."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from scaling.inference.fit import software_versions
from scaling.inference.pooled import FamilyFit, fit_pooled
from scaling.inference.progress import Progress, silent
from scaling.inference.settings import FitSettings
from scaling.laws import DEFAULT_LAW, law_class
from scaling.observations import LossObservations
from scaling.posterior import Fit


def fit_families(
    families: Mapping[str, LossObservations],
    *,
    name: str = "unnamed",
    law: str = DEFAULT_LAW,
    settings: FitSettings = FitSettings(),  # noqa: B008 - frozen
    progress: Progress = silent,
) -> dict[str, Fit]:
    """A fit of each family, named `<name>-<family>`, by `fit_pooled`; by family.

    Every question is answered as from a fit of that family alone. The digest of a document covers the rows of all
    families: it is remade when any of them changes, and never taken for a fit of one alone.

    Raises what `fit_pooled` raises, and `NotFound` for an unknown law.
    """
    began = time.monotonic()
    pooled = fit_pooled(families, law_class(law), settings=settings, progress=progress)
    digests = {family: runs.digest for family, runs in families.items()}
    together = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    provenance = {
        "settings": settings.model_dump(mode="json"),
        "families": digests,
        "seconds": round(time.monotonic() - began, 3),
        "versions": software_versions(),
    }
    return {
        family: _document(
            f"{name}-{family}",
            fitted,
            families[family],
            provenance={**provenance, "observations": {"losses": f"{together}/{family}", "scores": {}}},
        )
        for family, fitted in pooled.families.items()
    }


def _document(name: str, fitted: FamilyFit, runs: LossObservations, *, provenance: Mapping[str, Any]) -> Fit:
    sample = fitted.sample
    digests = json.dumps(provenance["observations"], sort_keys=True)
    return Fit(
        name=name,
        loss=fitted.posterior,
        diagnostics=fitted.diagnostics,
        findings=fitted.findings,
        backtest=fitted.backtest.by_factor() if fitted.backtest is not None else (),
        sample_stats={
            "diverging": sample.diverging,
            "energy": sample.energy,
            "lp": -sample.potential,
            "n_steps": sample.steps,
            "acceptance_rate": sample.acceptance,
        },
        observed={
            "run": np.asarray(runs.run),
            "size": runs.size,
            "tokens": runs.tokens,
            "loss": runs.loss,
            "outlier_probability": fitted.outlier_probability,
            **runs.covariates,
        },
        data_digest=hashlib.sha256(digests.encode()).hexdigest(),
        provenance={**provenance, "rows": len(runs), "runs": len(set(runs.run)), "borrowed": dict(fitted.borrowed)},
    )
