"""The overrides file: what the user says wins, a wrong word is named with its near one, a bad edit changes nothing."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from hostler.core.capabilities import USER, answer, facts
from hostler.errors import ConfigError
from hostler.registry.catalogue import Catalogue
from hostler.registry.matrix import Matrix
from hostler.registry.overrides import OverridesFile, read_overrides
from tests.registry.cases import document, machine, settings, source
from tests.waiting import wait_until


def text(**models: object) -> bytes:
    return json.dumps({"models": models}).encode()


def test_patterns_give_way_to_longer_ones_and_to_the_id() -> None:
    said = text(**{"*": {"notes": "all", "vision": False}, "a/*": {"notes": "a"}, "a/m": {"vision": True}})
    overrides = read_overrides(said, "f")
    facts = overrides.facts("a/m")
    assert facts.notes is not None
    assert (facts.notes.value, facts.notes.source, answer(facts.vision)) == ("a", USER, "yes")
    assert answer(overrides.facts("b/x").vision) == "no"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"models": {"a/m": {"vison": true}}}', "vision"),
        (b'{"models": {"a/m": {"vision": "yes"}}}', "true or false"),
        (b'{"models": {"a/m": {"vision": null}}}', "true or false"),
        (b'{"models": {"a/m": {"input_price": -1}}}', "US dollars per million"),
        (b'{"models": {"a/m": {"input_price": 1e400}}}', "US dollars per million"),
        (b'{"models": {"a/m": {"price_tiers": "a lot"}}}', "200000: 6/22.5/0.6/7.5"),
        (b'{"models": {"m": {}}}', "provider before a slash"),
        (b'{"models": {"a/m": 1}}', "object of capabilities"),
        (b'{"models": []}', "object of model ids"),
        (b'{"model": {}}', "'models'"),
        (b"[]", "JSON object"),
        (b"{", "JSON"),
        (b'{"models": {}, "models": {}}', "twice"),
    ],
)
def test_what_is_wrong_is_named(data: bytes, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_overrides(data, "models.json")
    assert told in refused.value.text
    assert refused.value.message.startswith("models.json: ")


def test_the_line_of_the_mistake_is_named() -> None:
    with pytest.raises(ConfigError, match="line 3"):
        read_overrides(b'{"models": {\n "a/m": {"vision": true},\n "a/n": {"vison": true}}}', "f")


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    file = OverridesFile(tmp_path / "models.json")
    assert not file.status.exists
    assert not file.status.error
    assert file.facts("a/m").vision is None


async def test_an_edit_counts_at_once_and_a_bad_one_leaves_the_last_good_state(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    told: list[tuple[str, dict[str, object]]] = []
    file = OverridesFile(path, lambda kind, data: told.append((kind, data)))
    here = source(document(machine("a")), settings(tmp_path))
    matrix = Matrix(here, Catalogue(), overrides=file)
    assert answer(matrix.capabilities("a/m").vision) == "unknown"
    watching = asyncio.create_task(file.watch(0.01))
    try:
        path.write_bytes(text(**{"a/m": {"vision": True}}))
        await wait_until(lambda: answer(matrix.capabilities("a/m").vision) == "yes")
        known = facts(matrix.capabilities("a/m"))
        assert all(fact.source and re.fullmatch(r"\d{4}-\d\d-\d\d", fact.as_of) for fact in known.values()), known
        written = path.with_suffix(".new")
        written.write_bytes(text(**{"a/m": {"vison": False}}))
        written.replace(path)
        await wait_until(lambda: bool(file.status.error))
        assert "Did you mean 'vision'?" in file.status.error
        assert answer(matrix.capabilities("a/m").vision) == "yes"
        path.unlink()
        await wait_until(lambda: answer(matrix.capabilities("a/m").vision) == "unknown")
    finally:
        watching.cancel()
    assert [kind for kind, _ in told] == ["overrides.loaded", "overrides.refused", "overrides.loaded"]
    assert told[0][1] == {"path": str(path), "models": 1}
