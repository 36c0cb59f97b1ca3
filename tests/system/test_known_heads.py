"""What is remembered of a connection's last head: enough to know it again, and nothing that is large."""

import gc

from hostler.system.http_framing import HeadReader, RequestHead
from hostler.system.http_known_head import MOST_KNOWN, KnownHead, LengthMask

HEAD = b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n"


def test_a_known_head_does_not_hold_the_request_it_came_with() -> None:
    request = RequestHead()
    HeadReader().read(HEAD, request)
    mask = LengthMask.of(HEAD)
    assert mask is not None
    known = KnownHead(mask, request, context=None, epoch=0)
    # the server's requests have their body, of up to 64 MiB, and the connection lives on
    assert request not in gc.get_referents(known)
    again = RequestHead()
    known.fill(again, 7)
    assert (again.path, again.length, again.header(b"host")) == ("/x", 7, b"a")


def test_a_long_head_is_not_kept_with_each_connection() -> None:
    padded = HEAD.replace(b"\r\n\r\n", b"\r\nx: " + b"y" * MOST_KNOWN + b"\r\n\r\n")
    assert LengthMask.of(padded) is None
    assert LengthMask.of(HEAD) is not None
