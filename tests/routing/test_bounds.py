"""Memory that an upstream or a client could grow, had it no bound."""

import pytest

from hostler.core.messages import Origin, Reasoning
from hostler.routing.opaque import OpaqueStore
from hostler.wire import scan
from hostler.wire.scan import MAX_MODEL, Echo, StreamEcho

ORIGIN = Origin("a", "anthropic", "m")


def test_a_call_id_counts_towards_what_is_kept() -> None:
    store = OpaqueStore(most_bytes=1000)
    store.put(("key", ORIGIN, "i" * 2000), (Reasoning(text="", origin=ORIGIN, opaque=b"x"),))
    assert list(store.entries()) == []


@pytest.mark.parametrize("first", [b'{"id":1,"model":', b'{"model":'])
def test_a_name_that_no_request_could_have_is_not_remembered(first: bytes) -> None:
    Echo("asked", "m").write(b'{"model":"m"}', "m")
    before = scan._field.cache_info()  # pyright: ignore[reportPrivateUsage]
    name = "n" * (MAX_MODEL + 1)
    assert Echo("asked", "m").write(first + b'"%b","x":2}' % name.encode(), name) == first + b'"asked","x":2}'
    assert scan._field.cache_info().misses == before.misses  # pyright: ignore[reportPrivateUsage]


def test_a_line_without_end_passes_on() -> None:
    echo = StreamEcho("here/m", "m")
    given = b"x" * 100_000
    seen = b"".join(echo.feed(given) for _ in range(50))
    assert len(seen) >= 49 * len(given) - scan.LONGEST_LINE
    assert seen + echo.flush() == given * 50
