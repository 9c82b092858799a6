"""Documents: what goes in comes out, by our reader and by ArviZ; what is broken is named; nothing is half-written."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest

from scaling.errors import AlreadyExists, CorruptStore, InvalidInput, NotFound, StoreUnavailable
from scaling.posterior import Finding, FindingCode, Fit, SampleDiagnostics
from scaling.store import FitStore, read_fit, write_fit
from tests.posterior.test_loss import posterior

DIAGNOSTICS = SampleDiagnostics(max_r_hat=1.0, min_bulk_ess=3000, min_tail_ess=2500, divergences=0, min_energy=0.9)


def a_fit(name: str = "a-fit") -> Fit:
    loss = posterior(noise=0.004)
    rng = np.random.default_rng(5)
    return Fit(
        name=name,
        loss=replace(loss, noise_scale=rng.uniform(0.003, 0.005, loss.draw_count)),
        point={"l_inf": 1.8},
        diagnostics=DIAGNOSTICS,
        findings=(Finding(code=FindingCode.FEW_RUNS, message="few"),),
        sample_stats={"energy": rng.normal(size=(4, 1000)), "diverging": np.zeros((4, 1000), dtype=bool)},
        observed={"run": np.asarray(["a", "b"]), "loss": np.asarray([2.5, 2.4])},
        data_digest="0" * 64,
        provenance={"seed": 0},
    )


@pytest.fixture
def store(tmp_path) -> FitStore:
    return FitStore(tmp_path / "fits")


def test_a_fit_comes_back_as_it_was(store):
    store.save(a_fit())
    again = store.load("a-fit")
    assert store.names() == ("a-fit",)
    assert np.array_equal(again.loss.noise_scale, a_fit().loss.noise_scale)
    assert np.array_equal(again.loss.trend(1e11, 1e12), a_fit().loss.trend(1e11, 1e12))
    assert (again.findings, again.diagnostics, again.point) == (a_fit().findings, DIAGNOSTICS, {"l_inf": 1.8})
    assert again.sample_stats["energy"].shape == (4, 1000)
    assert list(again.observed["loss"]) == [2.5, 2.4]


def test_arviz_reads_the_draws_without_our_code(store):
    arviz = pytest.importorskip("arviz")
    store.save(a_fit())
    read = arviz.from_netcdf(store.root / "a-fit" / "draws.nc")
    sampled = read["posterior"]
    assert (sampled.sizes["chain"], sampled.sizes["draw"]) == (4, 1000)
    assert np.array_equal(np.asarray(sampled["noise_scale"]).ravel(), a_fit().loss.noise_scale)
    assert np.asarray(read["sample_stats"]["energy"]).shape == (4, 1000)


def test_the_document_is_plain_json(store):
    store.save(a_fit())

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    document = json.loads((store.root / "a-fit/fit.json").read_text(), parse_constant=refuse)
    assert document["schema_version"] == 2
    assert document["coefficients"]["alpha"]["median"] == pytest.approx(0.35)


def test_a_name_that_is_taken_is_refused_and_nothing_changes(store):
    store.save(a_fit())
    before = (store.root / "a-fit/fit.json").read_bytes()
    with pytest.raises(AlreadyExists, match="a-fit"):
        store.save(replace(a_fit(), version=2))
    assert (store.root / "a-fit/fit.json").read_bytes() == before
    store.save(replace(a_fit(), version=2), replace=True)
    assert store.load("a-fit").version == 2
    assert [path.name for path in store.root.iterdir()] == ["a-fit"]


@pytest.mark.parametrize("name", ["", "../escape", "Upper", "a" * 64, "-a", "a b"])
def test_a_name_that_cannot_be_a_folder_is_refused(store, name):
    with pytest.raises(InvalidInput, match="cannot name a fit"):
        store.save(a_fit(name))


def test_an_unknown_name_is_answered_with_those_there_are(store):
    store.save(a_fit())
    with pytest.raises(NotFound, match="There are: a-fit"):
        store.load("b-fit")


def test_an_altered_byte_is_found(store):
    store.save(a_fit())
    draws = store.root / "a-fit/draws.nc"
    content = bytearray(draws.read_bytes())
    content[len(content) // 2] ^= 1
    draws.write_bytes(bytes(content))
    with pytest.raises(CorruptStore, match="SHA-256 differs"):
        store.load("a-fit")


def test_a_missing_file_and_a_foreign_schema_are_named(store):
    store.save(a_fit())
    path = store.root / "a-fit/fit.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"schema_version": 99}))
    with pytest.raises(CorruptStore, match="schema 99"):
        store.load("a-fit")
    path.write_text(json.dumps({key: value for key, value in content.items() if key != "law"}))
    with pytest.raises(CorruptStore, match="law"):
        store.load("a-fit")
    path.write_text(json.dumps(content))
    (store.root / "a-fit/draws.nc").unlink()
    with pytest.raises(CorruptStore, match="missing"):
        store.load("a-fit")


def test_a_disk_that_fails_midway_leaves_nothing(store, monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        store.save(a_fit())
    assert store.names() == ()
    assert list(store.root.iterdir()) == []


def test_a_failure_while_replacing_keeps_the_old_fit(store, monkeypatch):
    store.save(a_fit())
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(StoreUnavailable):
            store.save(replace(a_fit(), version=2), replace=True)
    assert store.load("a-fit").version == 1


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(StoreUnavailable, match="Nothing was stored"):
        write_fit(a_fit(), blocked / "a-fit")


def test_reading_where_there_is_no_fit(tmp_path):
    with pytest.raises(NotFound, match="no fit"):
        read_fit(tmp_path)
