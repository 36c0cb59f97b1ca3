"""Requests that two readers could understand in two ways: each is refused, the connection closed, the rest not read."""

import asyncio

import pytest

from tests.system.http_server.door import Door

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"


def request(
    *lines: bytes, line: bytes = b"POST / HTTP/1.1", host: bytes = b"Host: here\r\n", body: bytes = b""
) -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in lines) + b"\r\n" + body


def get(line: bytes) -> bytes:
    return request(line=line)


def chunked(body: bytes) -> bytes:
    return request(b"Transfer-Encoding: chunked", body=body)


HEADS: dict[str, tuple[int, bytes]] = {
    "no host": (400, request(host=b"")),
    "two hosts": (400, request(b"Host: there")),
    "two equal hosts": (400, request(b"host: here")),
    "empty host": (400, request(host=b"Host:\r\n")),
    "host list": (400, request(host=b"Host: a, b\r\n")),
    "host with user": (400, request(host=b"Host: me@here\r\n")),
    "host with path": (400, request(host=b"Host: here/there\r\n")),
    "host with space": (400, request(host=b"Host: here there\r\n")),
    "host with bad port": (400, request(host=b"Host: here:80x\r\n")),
    "host with latin": (400, request(host=b"Host: h\xe9re\r\n")),
    "1.0 with two hosts": (400, request(b"Host: there", line=b"GET / HTTP/1.0")),
    "two lengths": (400, request(b"Content-Length: 5", b"Content-Length: 6", body=b"12345")),
    "two equal lengths": (400, request(b"Content-Length: 5", b"Content-Length: 5", body=b"12345")),
    "length list": (400, request(b"Content-Length: 5,5", body=b"12345")),
    "length +5": (400, request(b"Content-Length: +5", body=b"12345")),
    "length -5": (400, request(b"Content-Length: -5", body=b"12345")),
    "length 0x5": (400, request(b"Content-Length: 0x5", body=b"12345")),
    "length 5_0": (400, request(b"Content-Length: 1_0", body=b"1234567890")),
    "length 5 5": (400, request(b"Content-Length: 5 5", body=b"12345")),
    "length in other digits": (400, request(b"Content-Length: \xb2", body=b"12")),
    "length empty": (400, request(b"Content-Length:", body=b"")),
    "length beyond 64 bits": (400, request(b"Content-Length: 18446744073709551621", body=b"12345")),
    "length and coding": (400, request(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "coding and length": (400, request(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n")),
    "coding below 1.1": (400, request(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0", body=b"0\r\n\r\n")),
    "two codings": (400, request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "coding, then identity": (
        400,
        request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    ),
    "coding identity": (400, request(b"Transfer-Encoding: identity")),
    "coding gzip": (400, request(b"Transfer-Encoding: gzip")),
    "coding gzip, chunked": (400, request(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n")),
    "coding chunked, chunked": (400, request(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n")),
    "coding chunked, identity": (400, request(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n")),
    "coding xchunked": (400, request(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n")),
    "coding quoted": (400, request(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n")),
    "coding with parameter": (400, request(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n")),
    "coding after vertical tab": (400, request(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n")),
    "coding empty": (400, request(b"Transfer-Encoding:", body=b"0\r\n\r\n")),
    "coding and a comma": (400, request(b"Transfer-Encoding: chunked,", body=b"0\r\n\r\n")),
    "coding folded": (400, request(b"Transfer-Encoding:\r\n chunked", body=b"0\r\n\r\n")),
    "space before colon": (400, request(b"Content-Length : 5", body=b"12345")),
    "tab before colon": (400, request(b"Content-Length\t: 5", body=b"12345")),
    "folded": (400, request(b"X: a\r\n b")),
    "folded with tab": (400, request(b"X: a\r\n\tb")),
    "first field begins with space": (400, request(host=b" Host: here\r\n")),
    "bare LF": (400, request(b"X: a\nContent-Length: 5", body=b"12345")),
    "bare CR": (400, request(b"X: a\rContent-Length: 5", body=b"12345")),
    "CR CR LF": (400, request(b"X: a\r")),
    "LF LF": (400, b"GET / HTTP/1.1\nHost: here\n\n"),
    "head ended by LF": (400, b"GET / HTTP/1.1\r\nHost: here\r\n\n"),
    "NUL in value": (400, request(b"X: a\x00b")),
    "NUL in name": (400, request(b"X\x00: a")),
    "control in value": (400, request(b"X: a\x01b")),
    "escape in value": (400, request(b"X: a\x1bb")),
    "DEL in value": (400, request(b"X: a\x7fb")),
    "latin in name": (400, request(b"X\xe9: a")),
    "bracket in name": (400, request(b"X(): a")),
    "empty name": (400, request(b": a")),
    "no colon": (400, request(b"nonsense")),
    "HTTP/0.9": (400, b"GET /\r\n"),
    "HTTP/0.9, named": (505, get(b"GET / HTTP/0.9")),
    "HTTP/1.2": (505, get(b"GET / HTTP/1.2")),
    "HTTP/2.0": (505, get(b"GET / HTTP/2.0")),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "HTTP/1.10": (505, get(b"GET / HTTP/1.10")),
    "HTTP/11": (505, get(b"GET / HTTP/11")),
    "http/1.1": (400, get(b"GET / http/1.1")),
    "another protocol": (400, get(b"GET / RTSP/1.0")),
    "ICE": (400, get(b"SOURCE / ICE/1.0")),
    "no version": (400, get(b"GET /")),
    "space after version": (400, get(b"GET / HTTP/1.1 ")),
    "two spaces": (400, get(b"GET  / HTTP/1.1")),
    "no target": (400, get(b"GET  HTTP/1.1")),
    "tab in line": (400, get(b"GET\t/ HTTP/1.1")),
    "space in target": (400, get(b"GET /a b HTTP/1.1")),
    "space before method": (400, get(b" GET / HTTP/1.1")),
    "unknown method": (501, get(b"BREW / HTTP/1.1")),
    "lower-case method": (501, get(b"get / HTTP/1.1")),
    "CONNECT": (405, get(b"CONNECT here:443 HTTP/1.1")),
    "CONNECT to a path": (405, get(b"CONNECT / HTTP/1.1")),
    "authority as target": (400, get(b"GET here:80 HTTP/1.1")),
    "star for GET": (400, get(b"GET * HTTP/1.1")),
    "relative target": (400, get(b"GET a/b HTTP/1.1")),
    "query alone": (400, get(b"GET ?a HTTP/1.1")),
    "fragment": (400, get(b"GET /a#b HTTP/1.1")),
    "latin in target": (400, get(b"GET /\xe9 HTTP/1.1")),
    "control in target": (400, get(b"GET /\x01 HTTP/1.1")),
    "DEL in target": (400, get(b"GET /\x7f HTTP/1.1")),
    "NUL in target": (400, get(b"GET /\x00 HTTP/1.1")),
    "tab in target": (400, get(b"GET /\t HTTP/1.1")),
    "absolute to another host": (400, get(b"GET http://there/ HTTP/1.1")),
    "absolute to another port": (400, get(b"GET http://here:81/ HTTP/1.1")),
    "absolute with user": (400, get(b"GET http://me@here/ HTTP/1.1")),
    "absolute of another kind": (400, get(b"GET ftp://here/ HTTP/1.1")),
    "absolute without a host header": (400, b"GET http://here/ HTTP/1.0\r\n\r\n"),
    "two empty lines first": (400, b"\r\n\r\n" + request()),
    "LF first": (400, b"\n" + request()),
    "CR first": (400, b"\r" + request()),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"),
}

CHUNKS: dict[str, tuple[int, bytes]] = {
    "no size": (400, b"\r\nabc\r\n0\r\n\r\n"),
    "size 0x3": (400, b"0x3\r\nabc\r\n0\r\n\r\n"),
    "size +3": (400, b"+3\r\nabc\r\n0\r\n\r\n"),
    "size -3": (400, b"-3\r\nabc\r\n0\r\n\r\n"),
    "size 0_3": (400, b"0_3\r\nabc\r\n0\r\n\r\n"),
    "space after size": (400, b"3 \r\nabc\r\n0\r\n\r\n"),
    "space before size": (400, b" 3\r\nabc\r\n0\r\n\r\n"),
    "size beyond 64 bits": (400, b"10000000000000003\r\nabc\r\n0\r\n\r\n"),
    "size near 64 bits": (413, b"ffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    "size ended by LF": (400, b"3\nabc\r\n0\r\n\r\n"),
    "size with bare CR": (400, b"3\rX\r\nabc\r\n0\r\n\r\n"),
    "data ended by LF": (400, b"3\r\nabc\n0\r\n\r\n"),
    "data longer than its size": (400, b"3\r\nabcd\r\n0\r\n\r\n"),
    "data shorter than its size": (400, b"4\r\nabc\r\n0\r\n\r\n"),
    "extension with bare LF": (400, b"3;a\nabc\r\n0\r\n\r\n"),
    "extension with bare CR": (400, b"3;a\rb\r\nabc\r\n0\r\n\r\n"),
    "extension with NUL": (400, b"3;\x00\r\nabc\r\n0\r\n\r\n"),
    "endless extension": (400, b"3;" + b"a" * 5000 + b"\r\nabc\r\n0\r\n\r\n"),
    "many extensions": (400, (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * 20 + b"0\r\n\r\n"),
    "end with LF": (400, b"3\r\nabc\r\n0\n\n"),
    "end without an empty line": (400, b"3\r\nabc\r\n0\r\n"),
    "trailer with bare LF": (400, b"0\r\nx: a\n\r\n"),
    "trailer with bare CR": (400, b"0\r\nx: a\rb\r\n\r\n"),
    "trailer with NUL": (400, b"0\r\nx: \x00\r\n\r\n"),
    "trailer folded": (400, b"0\r\nx: a\r\n b\r\n\r\n"),
    "trailer without colon": (400, b"0\r\nx\r\n\r\n"),
    "trailer with space before colon": (400, b"0\r\nx : a\r\n\r\n"),
    "trailers too long": (431, b"0\r\n" + (b"x: " + b"a" * 1000 + b"\r\n") * 20 + b"\r\n"),
} | {
    f"trailer {name.decode()}": (400, b"0\r\nx: y\r\n%b: 5\r\n\r\n" % name)
    for name in (
        b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"X-API-Key", b"x-goog-api-key",
        b"Connection", b"Trailer", b"Upgrade", b"Expect", b"Cookie", b"Content-Type", b"TE", b"Proxy-Authorization",
    )
}  # fmt: skip

CASES = HEADS | {f"chunked: {name}": (status, chunked(body)) for name, (status, body) in CHUNKS.items()}


@pytest.mark.parametrize("name", CASES)
async def test_what_could_be_read_in_two_ways_is_refused(door: Door, name: str) -> None:
    status, message = CASES[name]
    await door.listen()
    client = await door.client()
    client.send(message + SMUGGLED)
    reply = await client.reply()
    assert (reply.status, reply.closes) == (status, True), reply
    assert reply.body.startswith(b'{"error":')
    assert await client.rest() == b""
    assert door.seen == []
    statistics = door.server.statistics()
    assert (statistics.requests, statistics.refused) == (0, 1)
    await door.still_well()


@pytest.mark.parametrize("name", [name for name in CASES if len(CASES[name][1]) < 1000])
async def test_it_is_refused_the_same_when_it_comes_in_pieces(door: Door, name: str) -> None:
    status, message = CASES[name]
    await door.listen()
    client = await door.client()
    for byte in message + SMUGGLED:
        client.send(bytes((byte,)))
        await asyncio.sleep(0)
    reply = await client.reply()
    assert (reply.status, reply.closes) == (status, True), reply
    assert await client.rest() == b""
    assert door.seen == []


async def test_what_came_before_a_bad_request_is_answered(door: Door) -> None:
    await door.listen()
    client = await door.client()
    client.send(request(b"Content-Length: 3", body=b"abc") + get(b"GET / HTTP/1.2") + SMUGGLED)
    assert (await client.reply()).body == b"abc"
    assert (await client.reply()).status == 505
    assert await client.rest() == b""
    assert [exchange.path for exchange in door.seen] == ["/"]


async def test_the_table_refuses_because_of_what_it_names(door: Door) -> None:
    """The same requests without their flaw pass, so the table does not refuse everything."""
    await door.listen()
    client = await door.client()
    for message, body in (
        (request(), b""),
        (request(host=b"Host: [::1]:8484\r\n"), b""),
        (request(host=b"Host: my_host.local:80\r\n"), b""),
        (request(b"Content-Length: 5", body=b"12345"), b"12345"),
        (request(b"Content-Length:\t005 ", body=b"12345"), b"12345"),
        (request(b"Transfer-Encoding:  CHUNKED ", body=b'3;a="b"\r\nabc\r\n000\r\nx: y\r\n\r\n'), b"abc"),
        (request(b"X: a\tb \xe9", b"x-empty:"), b""),
        (get(b"DELETE /a?b HTTP/1.1"), b""),
    ):
        assert (await client.ask(message)).body == body
