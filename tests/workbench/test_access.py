"""Who gets in: the printed link, its cookie, a Bearer token; and who does not, on every path below /hostler/api/."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from hostler.gateway.access import COOKIE_AGE
from tests.end_to_end.gate import Gate, Setup, gate, get, request
from tests.system.http_server.door import Reply
from tools.openapi import openapi

WITH = Setup(workbench={"enabled": True})
API = "/hostler/api/"
PATHS = ("sessions", "events", "openapi.json", "", "x/../sessions", "ws/terminal", "%73essions", "controlled", "docs")
METHODS = (b"GET", b"POST", b"PATCH", b"DELETE", b"PUT", b"HEAD")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Gate]:
    async with gate(tmp_path, setup=WITH) as door:
        yield door


def cookie(door: Gate, value: str | None = None) -> str:
    return f"a=b; hostler_token={door.app.token if value is None else value}; c=d"


def code(reply: Reply) -> str:
    error = json.loads(reply.body)["error"]
    assert set(error) == {"code", "message", "hint"}
    return error["code"]


async def ask(door: Gate, path: str, headers: Mapping[str, str], method: bytes = b"GET") -> Reply:
    client = await door.client()
    client.send(get(path, *(f"{n}: {v}".encode() for n, v in headers.items()), method=method))
    return await client.reply(to_head=method == b"HEAD")


# the printed link


async def test_the_printed_link_gives_a_cookie_and_an_address_without_token(door: Gate) -> None:
    reply = await door.ask(f"/?token={door.app.token}")
    assert (reply.status, reply.headers[b"location"]) == (303, b"/")
    given = reply.headers[b"set-cookie"].decode()
    value, *marks = given.split("; ")
    assert value == f"hostler_token={door.app.token}"
    assert set(marks) == {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={COOKIE_AGE}"}
    assert reply.headers[b"referrer-policy"] == b"no-referrer"
    assert reply.headers[b"cache-control"] == b"no-store"
    let_in = await door.ask(API + "control/none", headers={"cookie": value})
    assert let_in.status == 401  # the control API goes by the token alone
    assert (await door.ask(API + "none", headers={"cookie": value})).status != 401


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:8484", "hostler_token_8484"), ("127.0.0.1:9000", "hostler_token_9000"),
     ("[::1]:8485", "hostler_token_8485"), ("localhost", "hostler_token"), ("[::1]", "hostler_token")],
)  # fmt: skip
async def test_two_servers_of_one_machine_do_not_take_each_others_cookie(door: Gate, host: str, name: str) -> None:
    """A browser sends a cookie to every port of a host, and keeps one per name."""
    client = await door.client()
    link = get(f"/?token={door.app.token}").replace(b"Host: localhost", b"Host: " + host.encode())
    given = (await client.ask(link)).headers[b"set-cookie"].decode()
    assert given.startswith(f"{name}={door.app.token}; ")
    both = f"hostler_token_1=another's; {name}={door.app.token}; hostler_token_2=a third's"
    assert (await door.ask(API + "none", headers={"cookie": both})).status != 401
    others = "hostler_token_1=another's; hostler_token_2=a third's"
    assert (await door.ask(API + "none", headers={"cookie": others})).status == 401


@pytest.mark.parametrize(
    "query", ["token=wrong", "token=", "token", "x=1", "token=%FF", "Token=", "&" * 200 + "token=a"]
)
async def test_a_wrong_link_is_the_page_itself(door: Gate, query: str) -> None:
    reply = await door.ask(f"/?{query}")
    assert (reply.status, b"set-cookie" in reply.headers) == (200, False)
    assert reply.headers[b"content-type"].startswith(b"text/html")


async def test_without_a_workbench_there_is_neither_cookie_nor_api(tmp_path: Path) -> None:
    async with gate(tmp_path) as door:
        reply = await door.ask(f"/?token={door.app.token}")
        assert (reply.status, b"set-cookie" in reply.headers) == (200, False)
        assert (await door.ask(API + "sessions", headers={"cookie": cookie(door)})).status == 404
        assert (await door.ask("/chat", headers={"accept": "text/html"})).status == 404
        assert (await door.ask("/assets/x.js")).status == 404


async def test_the_token_holds_over_restarts(tmp_path: Path) -> None:
    async with gate(tmp_path, setup=WITH) as door:
        kept = cookie(door)
    async with gate(tmp_path, setup=WITH) as door:
        assert (await door.ask(API + "none", headers={"cookie": kept})).status != 401


# without it


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", PATHS)
async def test_nothing_below_the_api_answers_a_stranger(door: Gate, path: str, method: bytes) -> None:
    reply = await ask(door, API + path, {"accept": "text/html"}, method)
    assert reply.status == 401
    if method != b"HEAD":
        assert code(reply) == "unauthorized"
        assert "hostler up" in json.loads(reply.body)["error"]["hint"]


@pytest.mark.slow
async def test_every_endpoint_of_the_document_asks_for_the_token(door: Gate) -> None:
    """As the document lists them, and what it does not list: the document itself, the events, the control API."""
    paths = json.loads(openapi())["paths"]
    asked = [(method.upper(), re.sub(r"\{\w+\}", "x", path)) for path, methods in paths.items() for method in methods]
    assert len(asked) > 30 and all(path.startswith(API) for _, path in asked)
    asked += [("GET", API + name) for name in ("openapi.json", "events", "control/status", "control/engines", "ws/x")]
    refused: dict[str, int] = {}
    for method, path in asked:
        reply = await ask(door, path, {"content-length": "0"}, method.encode())
        refused[f"{method} {path}"] = reply.status
    assert set(refused.values()) == {401}, {each: status for each, status in refused.items() if status != 401}
    for method, path in asked[:-5]:  # and are there for those who have it
        lines = {"content-length": "2", "content-type": "application/json", "authorization": f"Bearer {door.app.token}"}
        client = await door.client()
        client.send(get(path, *(f"{n}: {v}".encode() for n, v in lines.items()), method=method.encode()) + b"{}")
        assert (await client.reply()).status not in (401, 403, 405), (method, path)


@pytest.mark.parametrize(
    "headers",
    [{"cookie": "hostler_token=wrong"}, {"cookie": "hostler_token="}, {"cookie": "other=1"}, {"cookie": ";;=;"},
     {"authorization": "Bearer wrong"}, {"authorization": "Bearer"}, {"authorization": ""},
     {"cookie": "hostler_token=é"}],
)  # fmt: skip
async def test_a_wrong_token_is_no_token(door: Gate, headers: Mapping[str, str]) -> None:
    assert code(await door.ask(API + "sessions", headers=headers)) == "unauthorized"


async def test_the_token_counts_in_its_places_only(door: Gate) -> None:
    token = door.app.token
    for headers in (
        {"x-api-key": token},
        {"cookie": f"HOSTLER_TOKEN={token}"},
        {"cookie": f"hostler_token={token[:-1]}"},
    ):
        assert (await door.ask(API + "none", headers=headers)).status == 401
    assert (await door.ask(f"{API}none?key={token}")).status == 401
    assert (await door.ask(f"{API}none?token={token}")).status == 401


async def test_a_key_of_the_gateway_does_not_open_the_workbench(door: Gate) -> None:
    _, secret = door.app.keys.create("laptop")
    assert (await door.ask(API + "none", headers={"authorization": f"Bearer {secret}"})).status == 401


# with it


@pytest.mark.parametrize("how", ["cookie", "bearer", "second cookie"])
async def test_with_it_the_api_answers(door: Gate, how: str) -> None:
    token = door.app.token
    headers = {
        "cookie": {"cookie": cookie(door)},
        "bearer": {"authorization": f"bearer {token}"},
        "second cookie": {"cookie": f"hostler_token=stale; hostler_token={token}"},
    }[how]
    assert (await door.ask(API + "none", headers=headers)).status not in (401, 403)


async def test_own_pages_may_change_things(door: Gate) -> None:
    for origin in ("http://localhost", "https://localhost"):
        own = {"cookie": cookie(door), "origin": origin, "sec-fetch-site": "same-origin"}
        assert (await door.ask(API + "none", {}, own)).status not in (401, 403)
    assert (await door.ask(API + "none", headers={"cookie": cookie(door), "sec-fetch-site": "none"})).status != 403


# foreign pages


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "http://127.0.0.1", "null", ""])
@pytest.mark.parametrize("path", ["/", API + "sessions", "/assets/x.js", "/chat"])
async def test_a_foreign_origin_is_refused_everywhere(door: Gate, path: str, origin: str) -> None:
    for headers in ({"origin": origin}, {"origin": origin, "cookie": cookie(door)}):
        reply = await door.ask(path, headers={**headers, "accept": "text/html"})
        assert reply.status == 403
    if path.startswith(API):
        assert code(reply) == "forbidden"


@pytest.mark.parametrize("path", ["/", API + "sessions", "/assets/x.js"])
async def test_a_foreign_host_is_refused_everywhere(door: Gate, path: str) -> None:
    client = await door.client()
    foreign = request(path, None, {"cookie": cookie(door)}).replace(b"Host: localhost", b"Host: evil.example")
    assert (await client.ask(foreign)).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_another_site_cannot_ride_on_the_cookie(door: Gate, site: str) -> None:
    headers = {"cookie": cookie(door), "sec-fetch-site": site}
    assert code(await door.ask(API + "sessions", headers=headers)) == "forbidden"
    token = {"authorization": f"Bearer {door.app.token}", "sec-fetch-site": site}
    assert (await door.ask(API + "none", headers=token)).status not in (401, 403)


@pytest.mark.parametrize("allowed", ["*", "https://page.example"])
async def test_an_origin_that_may_call_models_may_not_use_the_cookie(tmp_path: Path, allowed: str) -> None:
    async with gate(
        tmp_path, setup=Setup(workbench={"enabled": True}, gateway={"allowed_origins": (allowed,)})
    ) as door:
        headers = {"cookie": cookie(door), "origin": "https://page.example"}
        assert (await door.ask("/v1/models", headers=headers)).status == 200
        assert code(await door.ask(API + "sessions", {}, headers)) == "forbidden"


# what pages say of themselves


async def test_pages_cannot_be_framed(door: Gate) -> None:
    headers = (await door.ask("/")).headers
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


async def test_a_path_that_only_a_browser_means_is_not_found_by_a_program(door: Gate) -> None:
    assert (await door.ask("/chat/completions", {"model": "x"})).status == 404
    assert (await door.ask("/chat/completions")).status == 404
    assert (await door.ask("/v1/none", headers={"accept": "text/html"})).status == 404
