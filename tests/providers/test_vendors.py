"""Vendors and kinds are rows; every row must be whole."""

import inspect
import json
import re
from datetime import date
from pathlib import Path

import pytest

from hostler.core.wires import WIRES
from hostler.providers import vendors
from hostler.providers.kinds import ENGINE, KINDS, LEGACY_KIND, VENDOR_KINDS
from hostler.providers.provider import Access, Credentials, Provider, from_vendor
from hostler.providers.vendors import VENDORS, Vendor
from hostler.registry.directory import from_document
from hostler.registry.file_format import ID_PATTERN, parse
from hostler.settings import Settings
from hostler.system.address import Address, split_url

HOSTED = [vendor for vendor in VENDORS.values() if vendor.program is None]


@pytest.mark.parametrize("vendor", HOSTED, ids=lambda vendor: vendor.id)
def test_a_vendors_row_is_whole(vendor: Vendor) -> None:
    assert re.fullmatch(ID_PATTERN, vendor.id)
    assert vendor.wire in WIRES
    assert split_url(vendor.base_url)[0].tls, "keys go over TLS only"
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", name) for name in vendor.env)
    assert vendor.env
    assert vendor.docs.startswith("https://")
    assert date.fromisoformat(vendor.checked)
    assert VENDOR_KINDS[vendor.wire] in KINDS


def test_the_vendors_of_this_version() -> None:
    assert set(VENDORS) == {
        *("openai", "anthropic", "gemini", "deepseek", "minimax", "minimax-cn", "qwen", "qwen-cn", "qwen-us", "xai"),
        *("meta", "llama", "mistral", "openrouter", "groq", "together", "fireworks", "cerebras", "nvidia"),
        *("huggingface", "gemini-cli"),
    }


def test_a_program_gets_the_keys_of_its_own_maker_alone(tmp_path: Path) -> None:
    program = tmp_path / "gemini"
    program.write_text("")
    program.chmod(0o755)
    keys = {name: "k" for vendor in VENDORS.values() for name in vendor.env}
    provider = from_vendor(VENDORS["gemini-cli"], Access(credentials=Credentials({**keys, "PATH": str(tmp_path)})))
    assert (provider.refusal(), provider.auth, provider.path("models")) == (None, None, None)
    run = provider.run("flash")
    assert run.argv[0] == str(program)
    assert {name for name in run.environment if name in keys} == set(VENDORS["gemini"].env)
    assert "its terms" in provider.note


def test_a_compatible_vendor_is_a_row_of_at_most_ten_lines() -> None:
    rows = re.findall(r"^        Vendor\(\n.*?\n        \),", inspect.getsource(vendors), re.DOTALL | re.MULTILINE)
    compatible = [row for row in rows if "wire=OPENAI_CHAT" in row and "also=" not in row]
    assert len(compatible) >= 7
    assert max(len(row.splitlines()) for row in compatible) <= 10


def test_a_client_of_a_vendors_other_wire_is_served_by_that_wire() -> None:
    provider = from_vendor(VENDORS["deepseek"], Access(credentials=Credentials({"DEEPSEEK_API_KEY": "k"})))
    assert provider.path("chat") == "/v1/chat/completions"
    other = provider.side("chat", "anthropic")
    assert (other.wire, other.path("chat"), other.auth) == ("anthropic", "/anthropic/v1/messages", (b"x-api-key", b"k"))
    assert provider.side("chat", "gemini") is provider
    assert provider.side("count_tokens", "gemini").wire == "anthropic"
    assert provider.side("embeddings", "anthropic") is provider


def test_the_kinds_are_those_of_the_providers_file() -> None:
    assert list(KINDS) == [
        *("openai-compatible", "openai-responses", "anthropic", "gemini", "ollama", "dashscope", "azure"),
        *("llama.cpp", "llama-swap", "vllm", "lmstudio", "mlx", "sglang", "tabbyapi", "localai", "engine"),
    ]
    assert {kind.id for kind in KINDS.values() if kind.local} == {
        *("ollama", "llama.cpp", "llama-swap", "vllm", "lmstudio", "mlx", "sglang", "tabbyapi", "localai", "engine")
    }
    assert ENGINE in KINDS
    assert LEGACY_KIND in KINDS
    assert set(VENDOR_KINDS) == set(WIRES)


def test_llama_cpp_takes_no_named_tool_choice_and_ollama_is_spoken_to_in_its_own_wire() -> None:
    for name in ("llama.cpp", "llama-swap", "engine"):
        assert not KINDS[name].dialect.named_tool_choice
    assert KINDS["ollama"].wire == "ollama"
    assert KINDS["vllm"].dialect.reasoning_fields[0] == "reasoning"


def test_the_first_variable_that_is_set_counts_and_spaces_do_not() -> None:
    row = Vendor(
        id="x",
        label="X",
        wire="openai-chat",
        base_url="https://x.example/openai/v1",
        env=("X_KEY", "OLD_X_KEY"),
        docs="https://x.example",
        checked="2026-11-20",
    )
    provider = from_vendor(row, Access(credentials=Credentials({"X_KEY": " ", "OLD_X_KEY": "k\n"}, {"x": "other"})))
    assert provider.auth == (b"authorization", b"Bearer k")
    assert provider.path("chat") == "/openai/v1/chat/completions"
    assert from_vendor(row, Access()).missing_key == "X_KEY"


def test_another_version_path_is_part_of_the_row() -> None:
    row = Vendor(
        id="x",
        label="X",
        wire="openai-chat",
        base_url="https://x.example/api/paas",
        env=("X_KEY",),
        version="/v4",
        docs="https://x.example",
        checked="2026-11-20",
    )
    assert from_vendor(row, Access()).path("chat") == "/api/paas/v4/chat/completions"


KEY = "the-key"


def at(host: str, vendor: Vendor, **more: object) -> Provider:
    """The provider of a file entry with the vendor's id and its own path at another host."""
    path = split_url(vendor.base_url)[1]
    entry = {"id": vendor.id, "kind": VENDOR_KINDS[vendor.wire], "baseUrl": f"https://{host}{path}", **more}
    text = json.dumps({"providers": [entry]}).encode()
    settings = Settings(environment={"REGION_KEY": KEY})
    return from_document(parse(text, "file"), settings).providers[vendor.id]


@pytest.mark.parametrize("vendor", HOSTED, ids=lambda vendor: vendor.id)
def test_an_entry_with_the_vendors_id_moves_it_to_another_region(vendor: Vendor) -> None:
    by_row = from_vendor(vendor, Access(credentials=Credentials(dict.fromkeys(vendor.env, KEY))))
    moved = at("eu.region.example", vendor, apiKeyEnv="REGION_KEY")
    assert moved.address == Address("eu.region.example", 443, True)
    assert (moved.auth, moved.dialect, moved.listing) == (by_row.auth, by_row.dialect, by_row.listing)
    assert (moved.wire, moved.paths) == (by_row.wire, by_row.paths)
    assert len(moved.sides) == len(by_row.sides)
    for side in by_row.sides:
        (beside,) = [each for each in moved.sides if each.wire == side.wire]
        assert (beside.address, beside.auth, beside.dialect) == (moved.address, side.auth, side.dialect)
        assert (beside.paths, beside.defaults) == (side.paths, side.defaults)


def test_an_entry_gets_no_key_but_the_one_that_it_names() -> None:
    vendor = VENDORS["mistral"]
    entry = {"id": "mistral", "kind": "openai-compatible", "baseUrl": "https://api.eu.mistral.ai/v1"}
    settings = Settings(environment=dict.fromkeys(vendor.env, KEY))
    moved = from_document(parse(json.dumps({"providers": [entry]}).encode(), "file"), settings).providers["mistral"]
    assert moved.auth is None
    assert moved.dialect == vendor.dialect


def test_an_entry_at_another_path_has_none_of_the_vendors_other_wires() -> None:
    entry = {"id": "deepseek", "kind": "openai-compatible", "baseUrl": "https://proxy.example/ds/v1"}
    moved = from_document(parse(json.dumps({"providers": [entry]}).encode(), "file"), Settings()).providers["deepseek"]
    assert moved.sides == ()
    assert moved.path("chat") == "/ds/v1/chat/completions"
