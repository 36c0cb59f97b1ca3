"""Refusals: the vendor's status, kind and words, and when to come back, wherever it says so; and what is no answer."""

from collections.abc import Mapping
from typing import Final

import pytest

from hostler.core.wires import DASHSCOPE, GEMINI
from hostler.errors import (
    HostlerError,
    UpstreamError,
    UpstreamGarbled,
    UpstreamRefused,
)
from hostler.providers.fake.script import Failure, Reply, Retry
from hostler.providers.fake.words import words_for
from hostler.routing.router import is_providers_fault, may_go_elsewhere
from tests.contract.case import Case, Item, case, cases
from tests.contract.talk import Talk

STATUSES: Final[Mapping[str, tuple[Item, ...]]] = {
    "400": ("400",), "401": ("401",), "402": ("402",), "403": (), "404": ("404",), "413": ("413",), "422": (),
    "429": ("429",), "500": ("500",), "503": (), "529": ("529",),
}  # fmt: skip
HINTS: Final[Mapping[str, tuple[Retry, float]]] = {
    "in-seconds": (Retry(after_s=7), 7.0),
    "in-parts-of-seconds": (Retry(after_s=0.5), 0.5),
    "in-milliseconds": (Retry(after_ms=1500), 1.5),
    "by-a-date": (Retry(date_s=90), 90.0),
    "beside-limits": (Retry(after_s=3, limits=True), 3.0),
}
"""A hint, and the seconds that it means."""

NO_ERRORS: Final = {
    "bare-text": "upstream connect error",
    "empty": "",
    "a-list": '[{"what": [1]}]',
    "half": '{"error": {"mess',
    "odd-types": '{"error": {"message": 7, "code": [], "type": {}}}',
}
"""Bodies of a status 500 that are in no vendor's shape."""
ELSEWHERE: Final = {code: Failure(status=code, headers={"location": "http://elsewhere.test/"}) for code in (301, 307)}


async def refused(talk: Talk) -> HostlerError:
    """The error that a request ends with."""
    with pytest.raises(HostlerError) as told:
        await talk.ask("Hello")
    return told.value


@cases(*(Case(word, shows, (Reply(failure=Failure(status=int(word))),)) for word, shows in STATUSES.items()))
async def test_refused(talk: Talk) -> None:
    error = await refused(talk)
    asked = int(talk.case.name)
    status = 503 if talk.wire == GEMINI and asked == 529 else asked  # Google's front end has no status 529
    assert isinstance(error, UpstreamRefused)
    assert error.status in (asked, status)
    words = words_for(talk.wire, asked).message
    assert words.split(".")[0].strip() in error.message
    assert error.body and error.provider == talk.wire
    assert may_go_elsewhere(error) == (asked == 429 or asked >= 500)
    assert is_providers_fault(error) == (asked >= 500)
    assert len(talk.received) == 1, "it is the caller's to try again"
    row = await talk.row()
    assert (row.outcome, row.status, row.error) == ("error", error.status, "upstream_refused")


@cases(
    *(
        Case(f"429-{name}", ("429",), (Reply(failure=Failure(status=429, retry=retry)),))
        for name, (retry, _) in HINTS.items()
    )
)
async def test_when_to_come_back(talk: Talk) -> None:
    error = await refused(talk)
    _, seconds = HINTS[talk.case.name.removeprefix("429-")]
    assert error.status == 429 and error.retry_after == pytest.approx(seconds, abs=1.5 if seconds == 90 else 0.01)


@cases(
    Case("503-in-seconds", (), (Reply(failure=Failure(status=503, retry=Retry(after_s=2))),)),
    Case("529-in-seconds", ("529",), (Reply(failure=Failure(status=529, retry=Retry(after_s=2))),)),
)
async def test_overloaded_for_a_while(talk: Talk) -> None:
    error = await refused(talk)
    assert error.status in (503, 529) and error.retry_after == 2.0


@case(Reply(failure=Failure(status=429, message="Slow down, please.")), shows="429")
async def test_no_word_of_when(talk: Talk) -> None:
    error = await refused(talk)
    assert error.retry_after is None and "Slow down, please." in error.message


@case(Reply(failure=Failure(status=429, retry=Retry(after_s=0))), Reply(text="Now."), shows="429")
async def test_another_try(talk: Talk) -> None:
    """A refusal keeps nothing busy: the next request is served."""
    assert (await refused(talk)).retry_after == 0.0
    assert (await talk.ask("Hello")).text == "Now."


@case(Reply(failure=Failure(status=502, page=True)), shows="500")
async def test_a_page_instead_of_an_error(talk: Talk) -> None:
    """A proxy's page is told by its status, and not shown as it is."""
    error = await refused(talk)
    assert isinstance(error, UpstreamError) and error.status == 502
    assert "<html" not in error.text


@cases(*(Case(name, (), (Reply(failure=Failure(status=500, body=body)),)) for name, body in NO_ERRORS.items()))
async def test_bodies_that_are_no_errors(talk: Talk) -> None:
    error = await refused(talk)
    assert isinstance(error, UpstreamError) and error.status == 500 and error.message
    if talk.case.name == "bare-text":
        assert "upstream connect error" in error.message


@cases(*(Case(f"{status}-instead", (), (Reply(failure=ELSEWHERE[status]),)) for status in ELSEWHERE))
async def test_sent_elsewhere(talk: Talk) -> None:
    """No redirection is followed: it would take key and words along."""
    error = await refused(talk)
    assert isinstance(error, UpstreamGarbled) and "base URL" in error.message


@case(
    Reply(failure=Failure(status=200, body="<html>A page.</html>", headers={"content-type": "text/html"})), shows="500"
)
async def test_a_page_instead_of_an_answer(talk: Talk) -> None:
    assert isinstance(await refused(talk), UpstreamGarbled)


@case(Reply(failure=Failure(status=200, body='{"hello": "world"}')), shows="broken stream")
async def test_json_that_is_no_answer(talk: Talk) -> None:
    assert isinstance(await refused(talk), UpstreamGarbled)


@case(Reply(text="x"), shows="404")
async def test_a_model_that_nobody_has(talk: Talk) -> None:
    with pytest.raises(HostlerError) as told:
        await talk.stage.client(talk.form).ask(f"{talk.wire}/nothing-of-this-name", "Hello")
    assert isinstance(told.value, UpstreamRefused) and told.value.status == (400 if talk.wire == DASHSCOPE else 404)
