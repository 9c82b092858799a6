"""A law with its covariates fixed answers as the law does there."""

from __future__ import annotations

import numpy as np
import pytest

from scaling.errors import InvalidInput, Unanswerable
from scaling.laws import GivenLaw, Reference
from scaling.store import reference_store
from tests.laws.test_repeated import MUENNIGHOFF_2023

AT = {"unique_tokens": 25e9}


def test_every_answer_is_the_laws_own():
    given = GivenLaw(MUENNIGHOFF_2023, AT)
    law = MUENNIGHOFF_2023
    assert given.loss(1e9, 1e11) == law.loss(1e9, 1e11, **AT)
    assert given.limit() == law.limit(**AT)
    assert given.size_at(2.5, 1e11) == law.size_at(2.5, 1e11, **AT)
    assert given.tokens_at(2.5, 1e10) == law.tokens_at(2.5, 1e10, **AT)
    assert given.size_at_ratio(2.5, 20.0) == law.size_at_ratio(2.5, 20.0, **AT)
    assert given.optimum(1e22) == law.optimum(1e22, **AT)
    assert given.compute_at(2.4) == law.compute_at(2.4, **AT)
    draws = type(law)(**{name: np.full(3, value) for name, value in law.to_coefficients().items()})
    assert GivenLaw(draws, AT)[:2].loss(1e9, 1e11).shape == (2,)
    with pytest.raises(Unanswerable):
        GivenLaw.from_reference({}, Reference(1e9, 1e11, 2.5))


def test_a_fit_with_fixed_covariates_answers_questions_of_size_and_tokens():
    fit = reference_store().load("muennighoff-2023-c4").given(**AT)
    assert fit.loss.trend(6.34e9, 242e9) == pytest.approx(2.2256440889984477)
    # Six e-folds of unique tokens beyond the runs are six e-folds of distance, wherever size and tokens lie.
    far = reference_store().load("muennighoff-2023-c4").given(unique_tokens=1.78e11 * np.e**6)
    spread = far.loss.hull.distance(np.asarray(1e9), np.asarray(1e11), **far.loss.at)
    assert spread == pytest.approx(6.0)
    with pytest.raises(InvalidInput, match="unique_tokens: missing"):
        reference_store().load("muennighoff-2023-c4").given()
    plain = reference_store().load("besiroglu-2024")
    assert plain.given().loss is plain.loss
