"""When to try again, in each of the forms that vendors use."""

import pytest

from hostler.wire.retry import retry_after, retry_headers

DATE = "Fri, 20 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "9", "Retry-After-MS": "1500"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "Date": DATE}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": DATE}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "tomorrow", "date": DATE}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan", "date": DATE}, None),
    ],
)
def test_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_only_what_a_client_may_act_on_is_kept() -> None:
    headers = {
        "Content-Type": "text/html",
        "X-Should-Retry": "false",
        "Retry-After": "2",
        "x-ratelimit-remaining-tokens": "0",
        "Anthropic-Ratelimit-Requests-Limit": "50",
        "set-cookie": "a=b",
    }
    assert retry_headers(headers) == {
        "x-should-retry": "false",
        "retry-after": "2",
        "x-ratelimit-remaining-tokens": "0",
        "anthropic-ratelimit-requests-limit": "50",
    }
