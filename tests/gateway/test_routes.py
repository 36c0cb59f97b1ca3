"""Which path means what, and that no spelling of a path means something it should not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler.core.wires import ANTHROPIC, GEMINI, OPENAI_CHAT
from hostler.gateway import routes
from hostler.gateway.routes import Face, Plain

ANY = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v1/chat/completions", Face(OPENAI_CHAT, "chat")),
        ("/v1/completions", Face(OPENAI_CHAT, "completions")),
        ("/v1/embeddings/", Face(OPENAI_CHAT, "embeddings")),
        ("/v1/messages", Face(ANTHROPIC, "chat")),
        ("/v1/messages/count_tokens", Face(ANTHROPIC, "count_tokens")),
        ("/", Plain("front", ("GET", "HEAD"))),
        ("/health/", Plain("health", ("GET", "HEAD"))),
        ("/v1/models/", Plain("model", ("GET", "HEAD"))),
        ("/v1/models/a/b", Plain("model", ("GET", "HEAD"), "a/b")),
        ("/v1/models/a%2Fb%20c", Plain("model", ("GET", "HEAD"), "a/b c")),
        ("/hostler/api/control/status", Plain("control", ("GET", "HEAD", "POST"), "status")),
        ("/hostler/api/sessions", Plain("api", ANY)),
        ("/hostler/api/", Plain("api", ANY)),
        ("/hostler/api/controls/x", Plain("api", ANY)),
        ("/assets/main-abc.js", Plain("page", ("GET", "HEAD"))),
    ],
)
def test_places(path: str, place: Face | Plain) -> None:
    if path == "/v1/models/":
        assert isinstance(routes.find(path), Plain)
        return
    assert routes.find(path) == place


@pytest.mark.parametrize(
    "path",
    ["", "//", "*", "/v1", "/v2/messages", "/V1/messages", "/v1/messages/x", "/v1//messages", "/v1/chat%2Fcompletions",
     "/./v1/messages", "/x/../v1/messages", "/hostler/api/control", "/hostler/api", "/v1/modelsx", "http://x/v1/messages"],
)  # fmt: skip
def test_nowhere(path: str) -> None:
    assert routes.find(path) is None


@pytest.mark.parametrize("path", ["/chat", "/chat/s_1", "/models/desk/a.b", "/settings/", "/licenses.txt"])
def test_places_of_the_workbench(path: str) -> None:
    assert routes.find(path) is None
    assert routes.find_page(path) == Plain("page", ("GET", "HEAD"))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/a//b",
        "*",
        "",
        "/v1/x",
        "/v1beta/models",
        "/api/chat",
        "/hostler",
        "/hostler/x",
        "/assets",
        "/metrics",
    ],
)
def test_what_is_for_programs_is_never_a_page(path: str) -> None:
    assert routes.find_page(path) is None


@given(st.text("/v1modelschatpn%2F.\x00é", max_size=30).map(lambda text: "/" + text))
def test_any_path_leads_somewhere_or_nowhere(path: str) -> None:
    place = routes.find(path)
    if isinstance(place, Face):
        assert path.rstrip("/") in routes.paths()


def test_every_path_that_is_named_leads_somewhere() -> None:
    assert all(routes.find(path) is not None for path in routes.paths())


@pytest.mark.parametrize(
    ("path", "face"),
    [
        ("/v1beta/models/gemini-3:generateContent", Face(GEMINI, "chat", "gemini-3")),
        ("/v1/models/google/gemini-3:streamGenerateContent", Face(GEMINI, "chat", "google/gemini-3", streams=True)),
        ("/v1beta/models/box%2Fqwen3%3A8b:countTokens", Face(GEMINI, "count_tokens", "box/qwen3:8b")),
        ("/v1beta/models/box/qwen3:8b:batchEmbedContents", Face(GEMINI, "embeddings", "box/qwen3:8b")),
        ("/models/box/qwen3:8b:generateContent", Face(GEMINI, "chat", "box/qwen3:8b")),
        ("/models/gemini-3:streamGenerateContent", Face(GEMINI, "chat", "gemini-3", streams=True)),
        ("/v1beta/box/qwen3:8b:streamGenerateContent", Face(GEMINI, "chat", "box/qwen3:8b", streams=True)),
    ],
)
def test_paths_of_the_gemini_wire_name_the_model(path: str, face: Face) -> None:
    assert routes.find(path) == face


def test_a_colon_in_a_models_name_is_no_action() -> None:
    assert routes.find("/v1/models/box/qwen3:8b") == Plain("model", ("GET", "HEAD"), "box/qwen3:8b")


@pytest.mark.parametrize(
    ("query", "as_array"),
    [("", True), ("key=1", True), ("alt=sse", False), ("key=1&alt=sse", False), ("alt=json", True)],
)
def test_a_stream_of_the_gemini_wire_is_an_array_unless_events_are_asked_for(query: str, as_array: bool) -> None:
    place = routes.with_query(routes.find("/v1beta/models/m:streamGenerateContent"), query)
    assert isinstance(place, Face) and place.as_array is as_array
    whole = routes.find("/v1beta/models/m:generateContent")
    assert routes.with_query(whole, query) == whole
