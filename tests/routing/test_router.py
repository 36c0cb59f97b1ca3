"""Which candidate is tried first, and which failure lets another one try."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostler import errors
from hostler.errors import HostlerError, UpstreamRefused
from hostler.providers.provider import Provider
from hostler.registry.resolver import Candidate
from hostler.routing import router
from hostler.routing.health import COOL_DOWN, FAILURES, LONGEST, Health
from hostler.system.address import Address


def candidate(name: str) -> Candidate:
    where = Provider(id=name, label=name, kind="openai-compatible", wire="openai-chat", address=Address("127.0.0.1", 1))
    return Candidate(f"{name}/m", "m", where)


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=1, max_size=6, unique=True), st.sets(st.text()))
def test_the_healthy_come_first_in_their_order_and_nobody_is_left_out(names: list[str], ill: set[str]) -> None:
    ill |= set(names[::2])
    candidates = tuple(candidate(name) for name in names)
    ordered = router.order(candidates, lambda one: one.provider.id in ill)
    assert sorted(c.provider.id for c in ordered) == sorted(names)
    flags = [c.provider.id in ill for c in ordered]
    assert flags == sorted(flags)
    for group in (False, True):
        assert [c for c in ordered if (c.provider.id in ill) is group] == [
            c for c in candidates if (c.provider.id in ill) is group
        ]


def refused(status: int) -> UpstreamRefused:
    return UpstreamRefused("no", status=status)


ELSEWHERE = [
    *map(refused, (408, 409, 425, 429, 500, 502, 503, 529)),
    errors.UpstreamUnreachable("x"),
    errors.UpstreamBroken("x"),
    errors.UpstreamTimeout("x"),
    errors.UpstreamGarbled("x"),
    errors.EngineCrashed("x"),
    errors.NotEnoughMemory("x"),
    errors.QueueFull("x"),
    errors.ProviderNotReady("x"),
]
NOWHERE = [
    *map(refused, (400, 401, 403, 404, 413, 422)),
    errors.WireError("x"),
    errors.Unauthorized("x"),
    errors.ModelNotFound("x"),
    errors.Cancelled("x"),
    errors.Draining("x"),
    errors.StorageError("x"),
    HostlerError("x"),
]


def test_a_request_that_is_wrong_is_wrong_everywhere() -> None:
    assert all(map(router.may_go_elsewhere, ELSEWHERE))
    assert not any(map(router.may_go_elsewhere, NOWHERE))


@pytest.mark.parametrize(
    "error", [errors.QueueFull("x"), refused(429), refused(400), errors.Cancelled("x"), errors.WireError("x")]
)
def test_what_is_not_the_providers_fault(error: HostlerError) -> None:
    assert not router.is_providers_fault(error)


@pytest.mark.parametrize("error", [refused(500), errors.UpstreamTimeout("x"), errors.EngineCrashed("x")])
def test_what_is_the_providers_fault(error: HostlerError) -> None:
    assert router.is_providers_fault(error)


def test_only_a_kept_connection_that_broke_before_its_answer_is_tried_again() -> None:
    broken = errors.UpstreamBroken("x")
    assert router.may_try_again(broken, reused=True, started=False)
    assert not router.may_try_again(broken, reused=False, started=False)
    assert not router.may_try_again(broken, reused=True, started=True)
    for error in (errors.UpstreamTimeout("x"), errors.UpstreamGarbled("x"), refused(503)):
        assert not router.may_try_again(error, reused=True, started=False)


def test_health_falls_after_failures_in_a_row_and_comes_back() -> None:
    health = Health()
    for _ in range(FAILURES - 1):
        health.note_failure("a", 100.0)
    assert not health.is_ill("a", 100.0)
    health.note_failure("a", 100.0)
    assert health.is_ill("a", 100.0) and not health.is_ill("b", 100.0)
    assert not health.is_ill("a", 100.0 + COOL_DOWN)
    for _ in range(40):
        health.note_failure("a", 200.0)
    assert health.is_ill("a", 200.0 + LONGEST - 1) and not health.is_ill("a", 200.0 + LONGEST)
    health.note_success("a")
    health.note_failure("a", 600.0)
    assert not health.is_ill("a", 600.0)
