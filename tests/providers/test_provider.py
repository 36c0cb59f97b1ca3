"""A provider has its paths and headers ready; base URLs mean the same with and without the version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.wires import ANTHROPIC, DASHSCOPE, GEMINI, OLLAMA, OPENAI_CHAT, WIRES, Wire
from hostler.errors import ConfigError, ProviderNotReady
from hostler.providers.kinds import KINDS
from hostler.providers.provider import Credentials, Provider, auth_header, is_key, read_base_url, wire_defaults
from hostler.system.address import Address, parse_base_url, split_url
from hostler.wire.dialects import Dialect

BOX = Address("box", 8080)


def provider(wire: Wire = OPENAI_CHAT, kind: str = "openai-compatible", **more: object) -> Provider:
    return Provider(id="box", label="Box", kind=kind, wire=wire, address=BOX, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "wire", "address", "prefix"),
    [
        ("http://desk:8080", OPENAI_CHAT, Address("desk", 8080), ""),
        ("http://desk:8080/", OPENAI_CHAT, Address("desk", 8080), ""),
        ("http://desk:8080/v1", OPENAI_CHAT, Address("desk", 8080), ""),
        ("http://desk:8080/v1/", OPENAI_CHAT, Address("desk", 8080), ""),
        ("https://host/openai/v1", OPENAI_CHAT, Address("host", 443, True), "/openai"),
        ("https://host/openai", OPENAI_CHAT, Address("host", 443, True), "/openai"),
        ("https://host/v1beta", OPENAI_CHAT, Address("host", 443, True), "/v1beta"),
        ("https://host/xv1", OPENAI_CHAT, Address("host", 443, True), "/xv1"),
        ("https://host/api", OPENAI_CHAT, Address("host", 443, True), "/api"),
        ("https://host/v1/v1", OPENAI_CHAT, Address("host", 443, True), "/v1"),
        ("http://mini:11434/api", OLLAMA, Address("mini", 11434), ""),
        ("http://mini:11434/v1", OLLAMA, Address("mini", 11434), ""),
        ("http://mini/ollama/api", OLLAMA, Address("mini", 80), "/ollama"),
        ("https://host/v1beta", GEMINI, Address("host", 443, True), ""),
        ("https://host/api/v1", DASHSCOPE, Address("host", 443, True), ""),
        ("https://host/anthropic/v1", ANTHROPIC, Address("host", 443, True), "/anthropic"),
        ("HTTP://Desk:80", OPENAI_CHAT, Address("desk", 80), ""),
        ("http://[::1]:8080/v1", OPENAI_CHAT, Address("::1", 8080), ""),
        ("https://[2001:DB8::1]", OPENAI_CHAT, Address("2001:db8::1", 443, True), ""),
        ("http://bücher.example", OPENAI_CHAT, Address("xn--bcher-kva.example", 80), ""),
        ("http://my_box:1/a%20b", OPENAI_CHAT, Address("my_box", 1), "/a%20b"),
    ],
)
def test_base_urls(url: str, wire: Wire, address: Address, prefix: str) -> None:
    assert parse_base_url(url, wire) == (address, prefix)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "http://"),
        ("desk:8080", "http://"),
        ("ftp://desk", "http://"),
        ("http://", "host"),
        ("http://:8080", "host"),
        ("http://desk:0", "port 0"),
        ("http://desk:99999", "no URL"),
        ("http://desk:x", "no URL"),
        ("http://me:pw@desk", "apiKeyEnv"),
        ("http://desk/?", "query"),
        ("http://desk/#", "query"),
        ("http://desk?a=1", "query"),
        ("http://de sk", "spaces"),
        ("http://desk/\r\nx: y", "spaces"),
        ("http://desk/a\\b", "percent"),
        ("http://desk/é", "percent"),
        ("http://-desk", "host"),
        ("http://[::zz]", "URL"),
        ("http://[fe80::1%25eth0]", "IPv6"),
        ("http://desk<x>", "host"),
    ],
)
def test_bad_base_urls_are_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as caught:
        parse_base_url(url, OPENAI_CHAT)
    assert "pw" not in caught.value.text


@given(st.text(max_size=30), st.sampled_from(WIRES))
def test_any_text_is_read_or_refused(text: str, wire: Wire) -> None:
    for url in (text, f"http://{text}", f"http://host/{text}"):
        try:
            address, prefix = parse_base_url(url, wire)
        except ConfigError:
            continue
        assert (address.url + prefix).isascii()
        assert not prefix.endswith("/")
        assert split_url(address.url + prefix) == (address, prefix)


@pytest.mark.parametrize(
    ("address", "authority", "url"),
    [
        (Address("desk", 80), "desk", "http://desk"),
        (Address("desk", 443), "desk:443", "http://desk:443"),
        (Address("desk", 443, True), "desk", "https://desk"),
        (Address("::1", 8080), "[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_addresses_as_text(address: Address, authority: str, url: str) -> None:
    assert (address.authority, address.url) == (authority, url)


def test_paths_of_the_chat_wire() -> None:
    box = provider(prefix="/openai")
    assert [box.path(operation) for operation in ("chat", "completions", "embeddings", "rerank", "models")] == [
        "/openai/v1/chat/completions",
        "/openai/v1/completions",
        "/openai/v1/embeddings",
        "/openai/v1/rerank",
        "/openai/v1/models",
    ]
    assert box.path("count_tokens") is None
    assert box.other_path("/audio/speech") == "/openai/v1/audio/speech"


def test_paths_of_the_messages_wire() -> None:
    box = provider(ANTHROPIC, "anthropic")
    assert box.path("chat") == "/v1/messages"
    assert box.path("count_tokens") == "/v1/messages/count_tokens"
    assert box.path("models") == "/v1/models"
    assert box.path("completions") is box.path("embeddings") is box.path("rerank") is None


def test_servers_that_count_tokens_do_it_on_the_messages_path() -> None:
    assert provider(kind="engine").path("count_tokens") == "/v1/messages/count_tokens"
    assert provider(kind="engine").ours
    assert provider(kind="vllm").path("count_tokens") is None


def test_headers_are_ready_and_secrets_are_not_shown() -> None:
    box = provider(auth=auth_header("bearer", "sk-secret"), headers=((b"x-team", b"blue"),))
    assert box.sent == ((b"authorization", b"Bearer sk-secret"), (b"x-team", b"blue"))
    assert box.host == b"box:8080"
    assert "secret" not in repr(box)
    assert auth_header("x-api-key", "k") == (b"x-api-key", b"k")
    assert wire_defaults(ANTHROPIC, Dialect()) == ((b"anthropic-version", b"2023-06-01"),)
    assert wire_defaults(ANTHROPIC, Dialect(api_version="2026-10-21")) == ((b"anthropic-version", b"2026-10-21"),)
    assert wire_defaults(OPENAI_CHAT, Dialect()) == ()


def test_equal_rows_are_equal_providers() -> None:
    assert provider() == provider()
    assert provider() != provider(tags=("gpu",))


@pytest.mark.parametrize("key", ["", "a b", "a\r\nb", "schlüssel", "\x00"])
def test_keys_that_cannot_stand_in_a_header_are_refused(key: str) -> None:
    assert not is_key(key)
    if key.strip():
        with pytest.raises(ProviderNotReady) as caught:
            Credentials({"K": f"x{key}x"}).find("box", ("K",))
        assert f"x{key}x" not in caught.value.text


@pytest.mark.parametrize(
    ("wire", "kind", "operation", "stream", "path"),
    [
        (OPENAI_CHAT, "openai-compatible", "chat", True, "/v1/chat/completions"),
        (GEMINI, "gemini", "chat", False, "/v1beta/models/m/x:generateContent"),
        (GEMINI, "gemini", "chat", True, "/v1beta/models/m/x:streamGenerateContent?alt=sse"),
        (GEMINI, "gemini", "count_tokens", False, "/v1beta/models/m/x:countTokens"),
        (GEMINI, "gemini", "rerank", False, ""),
        (OLLAMA, "ollama", "generate", True, "/api/generate"),
        (DASHSCOPE, "dashscope", "chat", True, "/api/v1/services/aigc/text-generation/generation"),
    ],
)
def test_a_calls_path_holds_what_its_wire_puts_there(
    wire: Wire, kind: str, operation: str, stream: bool, path: str
) -> None:
    assert provider(wire, kind).call_path(operation, "m/x", stream=stream) == path  # type: ignore[arg-type]


def test_a_model_name_cannot_leave_its_place_in_the_path() -> None:
    path = provider(GEMINI, "gemini").call_path("chat", "x?key=1#a b", stream=False)
    assert path == "/v1beta/models/x%3Fkey%3D1%23a%20b:generateContent"


AZURE = KINDS["azure"]


@pytest.mark.parametrize(
    ("url", "chat", "models"),
    [
        ("https://x.openai.azure.com", "/openai/v1/chat/completions", "/openai/v1/models"),
        ("https://x.openai.azure.com/openai/v1/", "/openai/v1/chat/completions", "/openai/v1/models"),
        (
            "https://x.openai.azure.com/openai/v1?api-version=preview",
            "/openai/v1/chat/completions?api-version=preview",
            "/openai/v1/models?api-version=preview",
        ),
        *(
            (
                f"https://x.openai.azure.com/openai/deployments/gpt-4o{tail}?api-version=2024-10-21",
                "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
                "/openai/deployments/gpt-4o/models?api-version=2024-10-21",
            )
            for tail in ("", "/", "/chat/completions")
        ),
    ],
)
def test_base_urls_of_deployments(url: str, chat: str, models: str) -> None:
    endpoint = read_base_url(url, AZURE)
    box = Provider(
        id="box",
        label="Box",
        kind="azure",
        wire=OPENAI_CHAT,
        address=endpoint.address,
        prefix=endpoint.prefix,
        version=endpoint.version,
        query=endpoint.query,
    )
    assert (box.path("chat"), box.path("models")) == (chat, models)
    assert box.call_path("chat", "any", stream=True) == chat


@pytest.mark.parametrize("query", ["?", "?a b", "?a#b", "?a=\u00e9"])
def test_a_query_that_cannot_stand_in_a_request_is_refused(query: str) -> None:
    with pytest.raises(ConfigError):
        read_base_url(f"https://x.openai.azure.com/openai/v1{query}", AZURE)


def test_only_deployments_have_a_query() -> None:
    with pytest.raises(ConfigError, match="query"):
        read_base_url("https://x.example/v1?api-version=1", KINDS["openai-compatible"])


def test_the_dashscope_wires_other_service_and_its_header_for_streams() -> None:
    qwen = provider(DASHSCOPE, "dashscope")
    assert qwen.call_path("chat", "qwen3-vl-plus", stream=False).endswith("/multimodal-generation/generation")
    assert (qwen.asks("m", stream=True), qwen.asks("m", stream=False)) == (b"x-dashscope-sse: enable\r\n", b"")
    assert provider().asks("m", stream=True) == b""
