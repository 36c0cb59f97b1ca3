"""What a browser gets of the front end: the right bytes, kept as long as they are right, under a strict policy."""

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hostler.system.http_framing import RequestHead
from hostler.system.http_server import Exchange
from hostler.workbench.static import DIAGRAM, POLICY, StaticPages
from tests.system.http_server.door import Client, Door, Reply

PAGE = b"<!doctype html><title>hostler</title>"
SCRIPT = b"console.log(1)"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """A small build, beside a file that is nobody's business."""
    (tmp_path / "secret.txt").write_bytes(b"secret")
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_bytes(PAGE)
    (dist / "index.html.gz").write_bytes(gzip.compress(PAGE))
    for name, data in (("main-abc.js", SCRIPT), ("main-abc.js.br", b"br"), ("main-abc.js.gz", b"gz")):
        (dist / "assets" / name).write_bytes(data)
    (dist / "assets" / "logo-1.svg").write_bytes(b"<svg/>")
    (dist / "assets" / "font-1.woff2").write_bytes(b"font")
    (dist / "licenses.txt").write_bytes(b"MIT")
    return dist


@pytest.fixture
async def client(dist: Path) -> AsyncIterator[Client]:
    door = Door()
    pages = StaticPages(dist)

    def answer(exchange: Exchange) -> None:
        if not pages.answer(exchange, exchange.path):
            exchange.respond(404, (), b"")

    await door.listen(answer)
    yield await door.client()
    await door.shut()


async def ask(client: Client, path: str, *lines: bytes, method: bytes = b"GET") -> Reply:
    head = b"".join(line + b"\r\n" for line in lines)
    client.send(b"%b %b HTTP/1.1\r\nHost: here\r\n%b\r\n" % (method, path.encode(), head))
    return await client.reply(to_head=method == b"HEAD")


@pytest.mark.parametrize(
    "path", ["/", "/chat", "/chat/s_01ABC", "/models", "/settings/theme", "/compare/", "/models/desk/name-2.5"]
)
async def test_every_place_of_the_app_is_the_page(client: Client, path: str) -> None:
    reply = await ask(client, path)
    assert (reply.status, reply.body) == (200, PAGE)
    assert reply.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert reply.headers[b"cache-control"] == b"no-cache"


async def test_the_page_may_do_little(client: Client) -> None:
    headers = (await ask(client, "/")).headers
    assert headers[b"content-security-policy"] == POLICY
    for part in (b"default-src 'none'", b"script-src 'self';", b"frame-ancestors 'none'", b"base-uri 'none'"):
        assert part in POLICY
    assert b"http:" not in POLICY and b"https:" not in POLICY and b"unsafe" not in POLICY
    assert (headers[b"x-frame-options"], headers[b"x-content-type-options"]) == (b"DENY", b"nosniff")
    assert (headers[b"referrer-policy"], headers[b"cross-origin-opener-policy"]) == (b"no-referrer", b"same-origin")


async def test_only_the_frame_of_the_diagrams_may_have_styles_of_its_own_and_only_our_page_frames_it(
    client: Client, dist: Path
) -> None:
    (dist / "diagram.html").write_bytes(b"<!doctype html>diagrams")
    reply = await ask(client, DIAGRAM)
    assert reply.body == b"<!doctype html>diagrams"
    policy = reply.headers[b"content-security-policy"]
    assert b"style-src 'self' 'unsafe-inline'" in policy and b"frame-ancestors 'self'" in policy
    for part in (b"default-src 'none'", b"script-src 'self';", b"base-uri 'none'"):
        assert part in policy
    assert b"connect-src" not in policy  # whatever a diagram says, the frame asks nobody
    assert reply.headers[b"x-frame-options"] == b"SAMEORIGIN"
    assert reply.headers[b"cache-control"] == b"no-cache"


async def test_hashed_names_are_kept_for_ever_and_others_are_asked_for_again(client: Client) -> None:
    script = await ask(client, "/assets/main-abc.js")
    assert script.headers[b"cache-control"] == b"public, max-age=31536000, immutable"
    assert script.headers[b"x-content-type-options"] == b"nosniff"
    assert (await ask(client, "/licenses.txt")).headers[b"cache-control"] == b"no-cache"


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/assets/main-abc.js", b"text/javascript; charset=utf-8"), ("/assets/logo-1.svg", b"image/svg+xml"),
     ("/assets/font-1.woff2", b"font/woff2"), ("/licenses.txt", b"text/plain; charset=utf-8")],
)  # fmt: skip
async def test_content_types(client: Client, path: str, kind: bytes) -> None:
    assert (await ask(client, path)).headers[b"content-type"] == kind


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [(b"gzip, deflate, br, zstd", b"br"), (b"gzip", b"gzip"), (b"br;q=0, gzip;q=0.5", b"gzip"), (b"BR", b"br"),
     (b"br;q=0.0", None), (b"identity", None), (b"", None), (b"gz, brotli", None), (b"br ; q=1", b"br")],
)  # fmt: skip
async def test_the_best_copy_that_the_client_takes(client: Client, accepts: bytes, coding: bytes | None) -> None:
    reply = await ask(client, "/assets/main-abc.js", b"Accept-Encoding: " + accepts)
    assert reply.headers.get(b"content-encoding") == coding
    assert reply.body == {b"br": b"br", b"gzip": b"gz", None: SCRIPT}[coding]
    assert reply.headers[b"vary"] == b"accept-encoding"


async def test_a_file_without_a_copy_goes_as_it_is(client: Client) -> None:
    reply = await ask(client, "/licenses.txt", b"Accept-Encoding: br, gzip")
    assert (reply.body, b"content-encoding" in reply.headers) == (b"MIT", False)


async def test_what_the_browser_has_is_not_sent_again(client: Client) -> None:
    tag = (await ask(client, "/")).headers[b"etag"]
    assert (await ask(client, "/chat", b"If-None-Match: " + tag)).status == 304
    assert (await ask(client, "/", b'If-None-Match: "other", ' + tag, b"Accept-Encoding: gzip")).status == 304
    assert (await ask(client, "/", b'If-None-Match: W/"other"')).status == 200


async def test_head_is_the_same_without_the_body(client: Client) -> None:
    whole, head = await ask(client, "/"), await ask(client, "/", method=b"HEAD")
    assert (head.status, head.headers) == (200, whole.headers)
    assert (await ask(client, "/")).body == PAGE


@pytest.mark.parametrize(
    "path",
    ["/assets/../../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/..%2fsecret.txt", "/favicon.ico",
     "/assets/none.js", "/assets/", "/assets/main", "/assets/main-abc.js.br", "/index.html.gz",
     "/assets/main-abc.js/x.js"],
)  # fmt: skip
async def test_nothing_else_is_there(client: Client, path: str) -> None:
    assert (await ask(client, path)).status == 404


class NoLink:
    """Keeps what an exchange writes."""

    def __init__(self) -> None:
        self.written = b""
        self.writer = self
        self.write_paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def reply_ended(self, keep_alive: bool) -> None:
        del keep_alive


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text("./%2e5cA\\sretx:~", max_size=24).map(lambda text: "/" + text))
def test_no_path_reaches_beyond_the_table(dist: Path, path: str) -> None:
    head = RequestHead()
    head.method, head.http_10, head.keep_alive, head._index = "GET", False, True, {}  # pyright: ignore[reportPrivateUsage]
    link = NoLink()
    found = StaticPages(dist).answer(Exchange(link, head), path)  # type: ignore[arg-type]
    assert found == bool(link.written)
    assert b"secret" not in link.written


async def test_a_new_build_is_served_without_a_restart(client: Client, dist: Path) -> None:
    assert (await ask(client, "/")).body == PAGE
    (dist / "index.html").write_bytes(b"new")
    (dist / "index.html.gz").unlink()
    (dist / "assets" / "main-def.js").write_bytes(b"2")
    os.utime(dist / "index.html", ns=(1, 1))
    assert (await ask(client, "/", b"Accept-Encoding: gzip")).body == b"new"
    assert (await ask(client, "/assets/main-def.js")).body == b"2"
    (dist / "assets" / "main-def.js").unlink()
    os.utime(dist / "index.html", ns=(2, 2))
    await ask(client, "/")
    assert (await ask(client, "/assets/main-def.js")).status == 404


def test_without_a_build_there_is_nothing(tmp_path: Path) -> None:
    pages = StaticPages(tmp_path / "none")
    assert not pages.built
    exchange: Exchange = None  # type: ignore[assignment]  # it is not looked at
    assert not pages.answer(exchange, "/")
    assert not pages.answer(exchange, "/assets/x.js")
