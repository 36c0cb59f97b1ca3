"""The snapshot: exact names first, then without the date, then what holds for the vendor, and else nothing."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hostler.core.capabilities import FIELDS, NOTHING_KNOWN, answer, facts
from hostler.core.pricing import price_of
from hostler.providers.model_data import FOLDER, ModelData
from hostler.providers.provider import Access, Provider, from_vendor
from hostler.providers.vendors import VENDORS
from hostler.system.address import Address


def provider(id: str = "v", host: str = "api.v.invalid", *, local: bool = False) -> Provider:
    return Provider(
        id=id, label=id, kind="openai-compatible", wire="openai-chat", address=Address(host, 443), local=local
    )


@pytest.fixture
def data(tmp_path: Path) -> ModelData:
    index = {"hosts": {"api.v.invalid": "v"}, "sources": {"set": ["1", "2026-01-02"]}}
    file = {
        "sources": [["set 1", "2026-01-02"], ["page", "2026-02-03"]],
        "models": {
            "*": {"tool_calling": [True, 0, 1]},
            "m": {"vision": [True, 1], "context_window": [1000, 0, 1], "tomorrow": [1, 0]},
            "m-2026-01-01": {"vision": [False, 0]},
        },
    }
    (tmp_path / "index.json").write_text(json.dumps(index))
    (tmp_path / "v.json").write_text(json.dumps(file))
    return ModelData(tmp_path)


def test_an_exact_name_has_its_own_facts_with_source_and_date(data: ModelData) -> None:
    known = data.facts(provider(), "m")
    assert known.vision is not None
    assert (known.vision.value, known.vision.source, known.vision.as_of) == (True, "page", "2026-02-03")
    assert known.context_window is not None
    assert known.context_window.uncertain
    assert set(facts(known)) == {"vision", "context_window"}
    assert data.facts(provider(), "models/m") == known
    assert answer(data.facts(provider(), "m-2026-01-01").vision) == "no"


@pytest.mark.parametrize("name", ["m-20260505", "m@20260505", "m-2026-05-05", "m-latest"])
def test_a_dated_name_is_that_model(data: ModelData, name: str) -> None:
    assert answer(data.facts(provider(), name).vision) == "yes"


def test_an_unknown_model_has_what_all_of_the_vendors_have_and_never_for_certain(data: ModelData) -> None:
    known = data.facts(provider(), "new")
    assert known.tool_calling is not None
    assert known.tool_calling.uncertain
    assert answer(known.vision) == "unknown"


def test_the_address_tells_whose_models_they_are_and_else_the_id(data: ModelData) -> None:
    assert answer(data.facts(provider("mine"), "m").vision) == "yes"
    assert answer(data.facts(provider("mine", "eu.api.v.invalid"), "m").vision) == "yes"
    assert answer(data.facts(provider("v", "proxy.invalid"), "m").vision) == "yes"
    assert data.facts(provider("mine", "proxy.invalid"), "m") == NOTHING_KNOWN
    assert data.facts(provider("mine", "notapi.v.invalid"), "m") == NOTHING_KNOWN


def test_machines_of_the_users_own_are_not_vendors(data: ModelData) -> None:
    assert data.facts(provider(local=True), "m") == NOTHING_KNOWN


def test_a_missing_or_damaged_snapshot_is_an_empty_one(data: ModelData, tmp_path: Path) -> None:
    (tmp_path / "v.json").write_text("{")
    assert data.facts(provider(), "m") == NOTHING_KNOWN
    assert ModelData(tmp_path / "nowhere").facts(provider(), "m") == NOTHING_KNOWN


def test_nothing_is_read_before_it_is_asked_for(data: ModelData, tmp_path: Path) -> None:
    for file in tmp_path.glob("*.json"):
        file.unlink()
    assert data.facts(provider(local=True), "m") == NOTHING_KNOWN
    assert data.facts(provider(), "m") == NOTHING_KNOWN


# ---------------------------------------------------------------- the snapshot itself


def test_every_vendor_is_in_the_snapshot() -> None:
    data = ModelData()
    for vendor in VENDORS.values():
        if vendor.program is not None:
            continue  # what its maker's models can do, the program in between cannot
        found = data.facts(replace(from_vendor(vendor, Access()), id="another"), "no-such-model")
        file = data._vendor(from_vendor(vendor, Access()))  # pyright: ignore[reportPrivateUsage]
        assert file, f"{vendor.id}: its host is not in the snapshot's index; see tools/model_data.py"
        assert all(fact.uncertain for fact in facts(found).values())


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[!i]*.json")), ids=lambda path: path.stem)
def test_every_fact_of_the_snapshot_can_be_read(path: Path) -> None:
    file = json.loads(path.read_text())
    data = ModelData()
    for name, told in file["models"].items():
        assert set(told) <= set(FIELDS)
        known = data.facts(provider(path.stem), name)
        assert set(facts(known)) == set(told), name
        assert (price_of(known) is not None) == ("input_price" in told)
        assert all(date for _, date in file["sources"])


def test_the_snapshots_licences_are_beside_it() -> None:
    text = (FOLDER / "LICENCES.md").read_text()
    for name, (version, date) in ModelData().sources().items():
        assert f"| {name} | {version} | {date} |" in text
        assert f"## {name}" in text
    assert text.count("MIT License") + text.count("Permission is hereby granted") >= 3


@pytest.mark.parametrize(
    ("host", "model"),
    [
        ("box.openai.azure.com", "gpt-4o"),
        ("space.ap-southeast-1.maas.aliyuncs.com", "qwen3-max"),
        ("api.eu.mistral.ai", "mistral-large-latest"),
    ],
)
def test_a_region_or_a_box_of_ones_own_has_its_vendors_facts(host: str, model: str) -> None:
    assert price_of(ModelData().facts(provider("mine", host), model)) is not None
