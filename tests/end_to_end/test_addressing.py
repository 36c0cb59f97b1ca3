"""Two machines that both serve `m`: whatever the path, the right one gets the bare name (issue, section 8.2)."""

import gc
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hostler.routing.attempt import Attempt
from hostler.routing.outlets import HttpOutlet
from hostler.routing.running import Running
from tests.end_to_end.gate import CHAT, COMPLETIONS, COUNT, EMBEDDINGS, MESSAGES, Gate, Setup, gate, provider
from tests.end_to_end.gate import chat as chat_body
from tests.end_to_end.gate import messages as messages_body
from tests.end_to_end.machine import Machine, machine

Case = tuple[str, str, dict[str, Any]]
CASES: tuple[Case, ...] = (
    (CHAT, CHAT, chat_body("")),
    (CHAT, CHAT, chat_body("", stream=True)),
    (MESSAGES, CHAT, messages_body("")),
    (MESSAGES, CHAT, messages_body("", stream=True)),
    (COMPLETIONS, COMPLETIONS, {"prompt": "hello"}),
    (COMPLETIONS, COMPLETIONS, {"prompt": "hello", "stream": True}),
    (EMBEDDINGS, EMBEDDINGS, {"input": "hello"}),
    (COUNT, COUNT, messages_body("")),
)
IDS = [f"{path}{'-stream' if body.get('stream') else ''}" for path, _, body in CASES]


def said(body: bytes, *, stream: bool) -> list[str]:
    """Every model name in a reply: of its frames, or of the whole."""
    texts = [line[5:] for line in body.split(b"\n") if line.startswith(b"data: {")] if stream else [body]
    trees = [json.loads(text) for text in texts]
    return [tree.get("message", tree)["model"] for tree in trees if "model" in tree.get("message", tree)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_the_right_machine_gets_the_bare_name(case: Case, tmp_path: Path) -> None:
    path, upstream, body = case
    async with machine(Machine(name="A")) as a, machine(Machine(name="B")) as b:
        both = (provider("a", a, "llama.cpp"), provider("b", b, "llama.cpp"))
        async with gate(tmp_path, *both, setup=Setup(default="b")) as door:
            for number, (name, served) in enumerate((("a/m", "a/m"), ("b/m", "b/m"), ("m", "b/m")), 1):
                reply = await door.ask(path, {**body, "model": name})
                assert reply.status == 200, reply.body
                assert reply.headers[b"x-hostler-model"].decode() == served
                assert len(a.calls) == 1 and len(b.calls) == number - 1
                stream = bool(body.get("stream"))
                passed = stream and path != MESSAGES
                assert set(said(reply.body, stream=stream)) <= ({"m"} if passed else {name})
            rows = await door.wait_rows(3)
        assert a.named == Counter({(upstream, "m"): 1})
        assert b.named == Counter({(upstream, "m"): 2})
        assert [(row.model, row.provider, row.upstream_model) for row in rows] == [
            ("a/m", "a", "m"),
            ("b/m", "b", "m"),
            ("b/m", "b", "m"),
        ]


async def test_the_first_machine_in_the_file_is_the_default_for_bare_names(tmp_path: Path) -> None:
    async with machine() as a, machine() as b, gate(tmp_path, provider("a", a), provider("b", b)) as door:
        assert (await door.ask(CHAT, chat_body("m"))).headers[b"x-hostler-model"] == b"a/m"
        assert (len(a.calls), len(b.calls)) == (1, 0)


@pytest.mark.parametrize(
    ("asked", "machine_name", "model"),
    [
        ("a/org/name", "a", "org/name"),
        ("org/name", "b", "org/name"),
        ("org/sub/name:q4", "b", "org/sub/name:q4"),
        ("default/a/name", "b", "a/name"),
        ("b/a/m", "b", "a/m"),
        ("b/b/m", "b", "b/m"),
        ("A/m", "b", "A/m"),
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES])
async def test_slashed_names_survive(path: str, asked: str, machine_name: str, model: str, tmp_path: Path) -> None:
    async with machine() as a, machine() as b:
        async with gate(tmp_path, provider("a", a), provider("b", b), setup=Setup(default="b")) as door:
            body = chat_body(asked) if path == CHAT else messages_body(asked)
            reply = await door.ask(path, body)
            assert json.loads(reply.body)["model"] == asked
            assert reply.headers[b"x-hostler-model"].decode() == f"{machine_name}/{model}"
        called = {"a": a, "b": b}[machine_name].calls
        assert [each.json["model"] for each in called] == [model]
        assert len(a.calls) + len(b.calls) == 1


async def test_aliases_come_first(tmp_path: Path) -> None:
    aliases = {"claude-*": "b/m", "a/m": "b/other", "fast": "a/m2"}
    async with machine() as a, machine() as b:
        async with gate(tmp_path, provider("a", a), provider("b", b), setup=Setup(aliases=aliases)) as door:
            for name in ("claude-sonnet-9", "a/m", "fast"):
                reply = await door.ask(MESSAGES, messages_body(name))
                assert json.loads(reply.body)["model"] == name
            assert [row.model for row in await door.wait_rows(3)] == ["b/m", "b/other", "a/m2"], "invariant 1"
        assert [each.json["model"] for each in a.calls] == ["m2"]
        assert [each.json["model"] for each in b.calls] == ["m", "other"]


async def test_a_refused_call_stands_in_the_ledger_with_the_name_that_it_asked_for(tmp_path: Path) -> None:
    async with machine() as a, gate(tmp_path, provider("a", a)) as door:
        assert (await door.ask(CHAT, chat_body("openai/x"))).status == 503
        (row,) = await door.wait_rows(1)
        assert (row.model, row.outcome, row.status) == ("openai/x", "refused", 503)


async def listed(door: Gate, path: str, **headers: str) -> Any:
    reply = await door.ask(path, headers=headers)
    return reply.status, json.loads(reply.body)


async def test_models_are_listed_and_found_by_raw_and_encoded_ids(tmp_path: Path) -> None:
    async with machine(Machine(("m", "org/name"))) as a, gate(tmp_path, provider("a", a)) as door:
        await door.app.discovery.refresh()
        status, chat = await listed(door, "/v1/models")
        ids = [card["id"] for card in chat["data"]]
        assert status == 200 and chat["object"] == "list" and {"a/m", "a/org/name"} <= set(ids)
        status, page = await listed(door, "/v1/models?limit=1", **{"anthropic-version": "2023-06-01"})
        assert status == 200 and page["has_more"] and len(page["data"]) == 1 and page["last_id"] in ids
        for path in ("/v1/models/a/org/name", "/v1/models/a%2Forg%2Fname", "/v1/models/org/name"):
            status, card = await listed(door, path)
            assert status == 200 and card["object"] == "model" and card["id"].endswith("org/name"), path
        status, card = await listed(door, "/v1/models/a/m", **{"anthropic-version": "2023-06-01"})
        assert status == 200 and card["type"] == "model"
        status, error = await listed(door, "/v1/models/a/nothing")
        assert status == 404 and error["error"]["code"] == "model_not_found"
        status, error = await listed(door, "/v1/models/a/nothing", **{"anthropic-version": "2023-06-01"})
        assert status == 404 and error["error"]["type"] == "not_found_error"


@pytest.mark.parametrize("case", CASES, ids=IDS)
async def test_a_call_that_is_over_leaves_nothing_for_the_garbage_collector(case: Case, tmp_path: Path) -> None:
    path, _, body = case
    async with machine(Machine(name="A")) as a, gate(tmp_path, provider("a", a, "llama.cpp")) as door:
        gc.collect()
        gc.disable()
        try:
            assert (await door.ask(path, {**body, "model": "a/m"})).status == 200
            left = [thing for thing in gc.get_objects() if isinstance(thing, HttpOutlet | Running | Attempt)]
        finally:
            gc.enable()
        assert not left, "a circle would wait for the collector, and memory grow until it comes"
