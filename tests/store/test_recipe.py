"""Recipes: the stored reference fits are what their recipes make, and a faulty recipe is answered field by field."""

from __future__ import annotations

import shutil

import pytest

from scaling.errors import InvalidInput, NotFound
from scaling.predict.loss import forecast_loss
from scaling.store import read_fit, reference_store
from scaling.store._document import read_document
from scaling.store.recipe import PublishedRecipe, build, read_recipe

PUBLISHED = ("besiroglu-2024", "hoffmann-2022-approach-3")


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_fit_is_what_its_recipe_makes(name, tmp_path):
    source = reference_store().root / name
    copy = tmp_path / name
    shutil.copytree(source, copy)
    rebuilt = build(copy)
    stored = read_document(source)
    assert rebuilt.model_dump(exclude={"draws"}) == stored.model_dump(exclude={"draws"})
    assert sorted(path.name for path in copy.iterdir()) == sorted(path.name for path in source.iterdir())
    assert isinstance(read_recipe(copy), PublishedRecipe)


@pytest.mark.parametrize("name", reference_store().names())
def test_every_reference_fit_verifies_and_says_where_it_comes_from(name):
    fit = reference_store().load(name)
    assert fit.name == name
    assert (reference_store().root / name / "SOURCE.md").read_text().startswith("# ")
    assert fit.provenance["source"]


def test_a_published_fit_answers_with_points(tmp_path):
    # Hoffmann et al. 2022 at Chinchilla's own size and tokens, by hand: 1.92085.
    forecast = forecast_loss(reference_store().load("hoffmann-2022-approach-3"), 70e9, 1.4e12)
    assert forecast.trend_quantiles.ravel() == pytest.approx([1.92085] * 3, abs=1e-5)
    assert read_fit(reference_store().root / "hoffmann-2022-approach-3").is_published


def test_every_faulty_field_of_a_recipe_is_named(tmp_path):
    (tmp_path / "recipe.toml").write_text(
        'kind = "published"\ntitle = "x"\nlaw = "power"\n[coefficients]\nalpha = "a"\n'
    )
    with pytest.raises(InvalidInput) as caught:
        read_recipe(tmp_path)
    fields = {violation.field.removeprefix("published.") for violation in caught.value.violations}
    assert {"source", "size_convention", "validation_set", "hull", "coefficients.alpha"} <= fields


def test_a_folder_without_a_recipe_and_a_broken_one_are_named(tmp_path):
    with pytest.raises(NotFound, match=r"no recipe\.toml"):
        build(tmp_path)
    (tmp_path / "recipe.toml").write_text("kind = ")
    with pytest.raises(InvalidInput, match="no TOML"):
        build(tmp_path)
