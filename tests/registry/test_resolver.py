"""Invariant 1: names to endpoints, never shortened, never guessed."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hostler.core.capabilities import make
from hostler.engines.recipe import DEMO_MODEL
from hostler.errors import ConfigError, ModelNotFound, ProviderNotReady
from hostler.providers.model_lists import KnownModel
from hostler.registry.catalogue import Catalogue
from hostler.registry.directory import Directory, built_in
from hostler.registry.resolver import MAX_ROUTES, Resolver
from tests.registry.cases import DESIGN_FILE, Fixed, document, machine, settings, source

HERE = Path("/nowhere")
TWO = document(machine("a"), machine("b"), default="a")


def one(resolver: Resolver, name: str) -> tuple[str, str]:
    """Provider id and bare model of the only candidate."""
    (candidate,) = resolver.resolve(name).candidates
    assert candidate.model_id == f"{candidate.provider.id}/{candidate.model}"
    return candidate.provider.id, candidate.model


def two() -> Resolver:
    return Resolver(source(TWO, settings(HERE)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/m", ("a", "m")),
        ("b/m", ("b", "m")),
        ("m", ("a", "m")),
        ("org/name", ("a", "org/name")),
        ("b/org/name", ("b", "org/name")),
        ("a/a/m", ("a", "a/m")),
        ("a/b/m", ("a", "b/m")),
        ("default/b/m", ("a", "b/m")),
        ("default/m", ("a", "m")),
        ("default", ("a", "default")),
        ("A/m", ("a", "A/m")),
        ("/m", ("a", "/m")),
        ("b/", ("a", "b/")),
        ("b//m", ("b", "/m")),
        ("here/demo", ("here", "demo")),
        ("m:latest@sha256", ("a", "m:latest@sha256")),
    ],
)
def test_names_split_at_the_first_slash_and_only_at_known_providers(name: str, expected: tuple[str, str]) -> None:
    assert one(two(), name) == expected


@given(st.text(min_size=1, max_size=40))
def test_a_composite_id_keeps_every_character_of_the_model(model: str) -> None:
    resolver = two()
    assert one(resolver, f"b/{model}") == ("b", model)
    assert resolver.resolve(f"b/{model}").asked == f"b/{model}"


@given(st.text(min_size=1, max_size=40))
def test_a_name_without_a_known_provider_goes_to_the_default_whole(name: str) -> None:
    assume(name.partition("/")[0] not in ("a", "b", "here", "default", "openai", "anthropic"))
    assert one(two(), name) == ("a", name)


@given(st.sampled_from(["a", "b"]), st.lists(st.text("abc/", max_size=4), min_size=1, max_size=4))
def test_a_served_id_resolves_to_itself(provider: str, pieces: list[str]) -> None:
    model = "/".join(pieces)
    assume(model)
    resolver = two()
    first = resolver.resolve(f"{provider}/{model}").candidates[0]
    assert resolver.resolve(first.model_id).candidates[0] == first


def test_a_provider_called_default_is_a_provider() -> None:
    resolver = Resolver(source(document(machine("a"), machine("default")), settings(HERE)))
    assert one(resolver, "default/m") == ("default", "m")
    assert one(resolver, "m") == ("a", "m")


def test_the_files_first_entry_is_the_default_when_none_is_named() -> None:
    resolver = Resolver(source(document(machine("x"), machine("y")), settings(HERE)))
    assert one(resolver, "m") == ("x", "m")


def test_vendors_are_known_without_a_key_and_the_error_names_the_variable() -> None:
    with pytest.raises(ProviderNotReady, match="OPENAI_API_KEY") as caught:
        two().resolve("openai/gpt-5")
    assert "settings.toml" in (caught.value.hint or "")
    assert one(two(), "gpt-5") == ("a", "gpt-5")


def test_a_key_in_the_environment_or_in_settings_enables_a_vendor() -> None:
    by_variable = Resolver(source(TWO, settings(HERE, environment={"OPENAI_API_KEY": " sk-1\n"})))
    provider = by_variable.resolve("openai/gpt-5").candidates[0].provider
    assert provider.auth == (b"authorization", b"Bearer sk-1")
    assert "sk-1" not in repr(provider)
    by_setting = Resolver(source(TWO, settings(HERE, vendor_keys={"anthropic": "ant-2"})))
    provider = by_setting.resolve("anthropic/claude-x").candidates[0].provider
    assert provider.auth == (b"x-api-key", b"ant-2")


def test_a_file_entry_with_a_vendors_id_replaces_that_vendor() -> None:
    data = document(machine("openai", url="http://127.0.0.1:7/proxy/v1"))
    resolver = Resolver(source(data, settings(HERE, environment={"OPENAI_API_KEY": "sk-1"})))
    provider = resolver.resolve("openai/gpt-5").candidates[0].provider
    assert (provider.address.port, provider.path("chat")) == (7, "/proxy/v1/chat/completions")
    assert provider.auth is None, "the vendor's key must not be sent to another machine"


def test_a_vendors_error_names_models_that_have_that_whole_name() -> None:
    catalogue = Catalogue()
    catalogue.saw_up("b", [KnownModel("openai/gpt-oss-20b")], now=1.0)
    resolver = Resolver(source(TWO, settings(HERE)), catalogue=catalogue)
    assert one(resolver, "b/openai/gpt-oss-20b") == ("b", "openai/gpt-oss-20b")
    with pytest.raises(ProviderNotReady, match="OPENAI_API_KEY") as caught:
        resolver.resolve("openai/gpt-oss-20b")
    assert "b/openai/gpt-oss-20b" in caught.value.text


def test_without_a_file_the_default_is_here_and_unknown_names_are_refused_with_what_matches() -> None:
    catalogue = Catalogue()
    catalogue.saw_up("desk", [KnownModel("qwen3")], now=1.0)
    nothing = Resolver(Fixed(built_in(settings(HERE))))
    assert one(nothing, "demo") == ("here", "demo")
    with pytest.raises(ModelNotFound, match="no model 'qwen3' at provider 'here'") as caught:
        nothing.resolve("qwen3")
    assert "here/demo" in (caught.value.hint or "")
    desk = source(document(machine("desk"), default="here"), settings(HERE))
    with pytest.raises(ModelNotFound) as caught:
        Resolver(desk, catalogue=catalogue).resolve("qwen3")
    assert "desk/qwen3" in (caught.value.hint or "")


def test_near_ids_are_named() -> None:
    resolver = Resolver(source(DESIGN_FILE.encode(), settings(HERE)))
    with pytest.raises(ModelNotFound, match="here") as caught:
        resolver.resolve("here/qwen3-8")
    assert "here/qwen3-8b" in (caught.value.hint or "")


def test_an_endless_name_is_not_repeated_whole() -> None:
    with pytest.raises(ModelNotFound) as caught:
        two().resolve("here/" + "x" * 10_000)
    assert len(caught.value.text) < 1000


def test_remote_providers_are_asked_for_models_that_their_list_lacks() -> None:
    catalogue = Catalogue()
    catalogue.saw_up("a", [KnownModel("known")], now=1.0)
    assert one(Resolver(source(TWO, settings(HERE)), catalogue=catalogue), "a/unknown") == ("a", "unknown")


def test_an_engine_model_carries_its_recipe_with_an_absolute_path(tmp_path: Path) -> None:
    resolver = Resolver(source(DESIGN_FILE.encode(), settings(tmp_path)))
    recipe = resolver.resolve("here/qwen3-8b").candidates[0].recipe
    assert recipe is not None
    assert (recipe.path, recipe.slots) == (str(tmp_path / "data" / "models" / "qwen3-8b-q4.gguf"), 2)
    demo = resolver.resolve("here/demo").candidates[0].recipe
    assert demo is not None
    assert demo.path == str(DEMO_MODEL)


def test_providers_that_are_off_say_so() -> None:
    data = document(machine("a", enabled=False))
    resolver = Resolver(source(data, settings(HERE)))
    with pytest.raises(ProviderNotReady, match="switched off"):
        resolver.resolve("m")
    with pytest.raises(ProviderNotReady, match="no-engine"):
        Resolver(source(data, settings(HERE, engines=False))).resolve("here/demo")


def test_aliases_come_first_by_name_then_by_glob_in_order() -> None:
    aliases = {"claude-*": "b/local", "claude-exact": "a/x", "fast": "claude-y", "m": "b/m", "a/*": "b/taken"}
    resolver = Resolver(source(TWO, settings(HERE)), aliases)
    assert one(resolver, "claude-sonnet") == ("b", "local")
    assert one(resolver, "claude-exact") == ("b", "taken")
    assert one(resolver, "fast") == ("b", "local")
    assert one(resolver, "m") == ("b", "m")
    assert resolver.resolve("fast").asked == "fast"


def test_an_alias_may_stand_for_a_bare_name_that_it_fits_itself() -> None:
    resolver = Resolver(source(TWO, settings(HERE)), {"gpt-*": "gpt-oss:20b", "same": "same"})
    assert one(resolver, "gpt-4o") == ("a", "gpt-oss:20b")
    assert one(resolver, "same") == ("a", "same")


@pytest.mark.parametrize("aliases", [{"x": "y", "y": "x"}, {f"n{i}": f"n{i + 1}" for i in range(20)}])
def test_aliases_that_lead_in_a_circle_are_an_error(aliases: dict[str, str]) -> None:
    resolver = Resolver(source(TWO, settings(HERE)), aliases)
    with pytest.raises(ConfigError, match="aliases"):
        resolver.resolve(next(iter(aliases)))


def test_routes_are_kept_until_the_directory_changes() -> None:
    fixed = source(TWO, settings(HERE))
    resolver = Resolver(fixed)
    first = resolver.resolve("m")
    assert resolver.resolve("m") is first
    assert resolver.statistics().misses == 1
    changed: Directory = source(document(machine("z")), settings(HERE)).directory
    fixed.directory = changed
    assert one(resolver, "m") == ("z", "m")
    assert resolver.statistics().routes == 1


def test_invented_names_do_not_grow_memory() -> None:
    resolver = two()
    for i in range(MAX_ROUTES + 10):
        resolver.resolve(f"a/{i}")
    assert resolver.statistics().routes <= MAX_ROUTES


def test_models_and_providers_are_listed_with_their_state() -> None:
    catalogue = Catalogue()
    catalogue.saw_up("a", [KnownModel("m", make({"context_window": 4096}, source="list"), created=7)], now=1.0)
    catalogue.saw_up("b", [KnownModel("m")], now=1.0)
    catalogue.saw_down("b", "connection refused", now=2.0)
    resolver = Resolver(source(TWO, settings(HERE)), catalogue=catalogue)
    entries = {entry.id: entry for entry in resolver.models()}
    assert list(entries) == ["a/m", "b/m", "here/demo"]
    assert (entries["a/m"].context, entries["a/m"].created, entries["a/m"].owned_by) == (4096, 7, "a")
    assert entries["here/demo"].size == DEMO_MODEL.stat().st_size
    assert entries["here/demo"].created == int(DEMO_MODEL.stat().st_mtime)
    assert [entry.id for entry in entries.values() if entry.listed] == ["a/m", "here/demo"]
    providers = {entry.provider.id: entry for entry in resolver.providers()}
    assert providers["a"].default
    assert providers["b"].machine.reason == "connection refused"
    assert (providers["b"].models, providers["here"].models) == (1, 1)
    assert "OPENAI_API_KEY" in providers["openai"].problem
    assert not providers["a"].problem


def test_the_legacy_url_is_one_provider_and_the_default() -> None:
    resolver = Resolver(Fixed(built_in(settings(HERE, legacy="http://127.0.0.1:8080/v1"))))
    assert one(resolver, "org/m") == ("local", "org/m")
    assert one(resolver, "here/demo") == ("here", "demo")


def test_aliases_in_a_circle_are_told_before_anybody_asks() -> None:
    aliases = {"x": "y", "y": "z", "z": "x", "into": "x", "gpt-*": "gpt-oss", "fine": "b/m"}
    (told,) = Resolver(source(TWO, settings(HERE)), aliases).circles()
    assert "x -> y -> z -> x" in told and "[aliases]" in told
    far = {f"n{i}": f"n{i + 1}" for i in range(20)}
    assert len(Resolver(source(TWO, settings(HERE)), far).circles()) == 1
    assert Resolver(source(TWO, settings(HERE)), {"fine": "b/m"}).circles() == ()
