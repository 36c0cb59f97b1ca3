"""The matrix: layers in order, facts with sources, nothing guessed."""

from pathlib import Path

from hostler.core.capabilities import USER, answer, make
from hostler.providers.model_lists import KnownModel
from hostler.registry.catalogue import MAX_MODELS, Catalogue
from hostler.registry.matrix import FixedOverrides, Matrix
from tests.registry.cases import DESIGN_FILE, document, machine, settings, source

HERE = Path("/nowhere")


def test_the_demo_is_labelled_and_known() -> None:
    facts = Matrix(source(document(), settings(HERE)), Catalogue()).capabilities("here/demo")
    assert facts.notes is not None
    assert "knows nothing" in facts.notes.value
    assert (answer(facts.tool_calling), answer(facts.vision), answer(facts.local)) == ("yes", "no", "yes")
    assert facts.context_window is not None
    assert facts.context_window.source == "recipe"


def test_a_recipe_gives_the_window_of_one_slot() -> None:
    facts = Matrix(source(DESIGN_FILE.encode(), settings(HERE)), Catalogue()).capabilities("here/qwen3-8b")
    assert facts.context_window is not None
    assert facts.context_window.value == 16384
    assert facts.notes is None
    assert answer(facts.tool_calling) == "unknown"


def test_a_demo_of_the_users_own_is_not_the_demo() -> None:
    entry = {"id": "here", "kind": "engine", "models": [{"id": "demo", "recipe": {"path": "x.gguf"}}]}
    facts = Matrix(source(document(entry), settings(HERE)), Catalogue()).capabilities("here/demo")
    assert facts.notes is None


def test_the_server_wins_over_the_kind_and_the_user_over_all() -> None:
    catalogue = Catalogue()
    here = source(document(machine("a", "vllm", label="Box")), settings(HERE))
    matrix = Matrix(here, catalogue, overrides=FixedOverrides({"a/m": make({"vision": True}, source=USER)}))
    assert answer(matrix.capabilities("a/m").vision) == "yes"
    catalogue.saw_up("a", [KnownModel("m", make({"vision": False, "context_window": 5}, source="list"))], now=1.0)
    facts = matrix.capabilities("a/m")
    assert facts.vision is not None
    assert (facts.vision.value, facts.vision.source, facts.vision.uncertain) == (True, USER, False)
    assert facts.context_window is not None
    assert facts.context_window.value == 5
    assert facts.vendor is not None
    assert facts.vendor.value == "Box"


def test_unknown_ids_have_no_facts() -> None:
    matrix = Matrix(source(document(), settings(HERE)), Catalogue())
    assert matrix.capabilities("nobody/m").vendor is None
    assert answer(matrix.capabilities("openai/m").vision) == "unknown"
    assert answer(matrix.capabilities("openai/m").local) == "unknown"


def test_facts_follow_the_directory_and_the_catalogue() -> None:
    catalogue = Catalogue()
    here = source(document(machine("a", "vllm")), settings(HERE))
    matrix = Matrix(here, catalogue)
    catalogue.saw_up("a", [KnownModel("m", make({"vision": False}, source="list"))], now=1.0)
    assert answer(matrix.capabilities("a/m").vision) == "no"
    catalogue.saw_up("a", [KnownModel("m", make({"vision": True}, source="list"))], now=2.0)
    assert answer(matrix.capabilities("a/m").vision) == "yes"
    here.directory = source(document(machine("a", "openai-compatible")), settings(HERE)).directory
    assert answer(matrix.capabilities("a/m").local) == "unknown"


def test_the_catalogue_keeps_models_of_a_machine_that_is_down_and_a_bounded_number() -> None:
    catalogue = Catalogue()
    assert catalogue.saw_up("a", [KnownModel("m")], now=1.0)
    assert not catalogue.saw_up("a", [KnownModel("m")], now=2.0)
    assert catalogue.machine("a").since == 1.0
    assert catalogue.saw_down("a", "gone", now=3.0)
    assert not catalogue.saw_down("a", "gone", now=4.0)
    assert (catalogue.machine("a").since, catalogue.machine("a").checked) == (3.0, 4.0)
    assert [model.name for model in catalogue.machine("a").models] == ["m"]
    catalogue.saw_up("b", (KnownModel(str(i)) for i in range(MAX_MODELS + 5)), now=1.0)
    assert len(catalogue.machine("b").models) == MAX_MODELS


def test_a_damaged_memory_is_an_empty_one(tmp_path: Path) -> None:
    for data in (b"{", b"[]", b'{"machines": {"a": {"state": "sideways"}}}', b"\xff"):
        (tmp_path / "registry.json").write_bytes(data)
        assert Catalogue(tmp_path).machines() == {}
