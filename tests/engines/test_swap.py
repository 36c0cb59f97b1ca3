"""What makes room for one more engine, for any mix of engines."""

from hypothesis import given
from hypothesis import strategies as st

from hostler.engines.swap import Evict, Refuse, Resident, StartNow, Wait, decide, gib

sizes = st.integers(0, 64)
residents = st.lists(
    st.builds(Resident, id=st.uuids().map(str), bytes=sizes, busy=st.booleans(), last_used=st.integers(0, 9)),
    max_size=7,
    unique_by=lambda r: r.id,
)


def given_back(engines: list[Resident], ids: tuple[str, ...]) -> int:
    return sum(r.bytes for r in engines if r.id in ids)


@given(residents, sizes, st.integers(-64, 64))
def test_every_decision_keeps_its_promise(engines: list[Resident], wanted: int, free: int) -> None:
    idle = [r for r in engines if not r.busy]
    match decide(engines, wanted=wanted, free=free):
        case StartNow():
            assert wanted <= free
        case Evict(ids):
            assert wanted > free
            assert {r.id for r in idle} >= set(ids), "never one that is busy"
            assert free + given_back(engines, ids) >= wanted
            for one in ids:
                assert free + given_back(engines, ids) - given_back(engines, (one,)) < wanted, "none that need not go"
        case Wait(ids):
            assert ids and {r.id for r in engines if r.busy} >= set(ids)
            assert free + sum(r.bytes for r in idle) < wanted, "no waiting where unloading would do"
            assert free + sum(r.bytes for r in idle) + given_back(engines, ids) >= wanted
        case Refuse(reason):
            assert free + sum(r.bytes for r in engines) < wanted
            assert reason


@given(residents, sizes, st.integers(-64, 64))
def test_the_order_of_the_engines_does_not_matter(engines: list[Resident], wanted: int, free: int) -> None:
    assert decide(engines, wanted=wanted, free=free) == decide(engines[::-1], wanted=wanted, free=free)


@given(residents, sizes, st.integers(-64, 64))
def test_more_room_never_makes_it_worse(engines: list[Resident], wanted: int, free: int) -> None:
    ranks = {StartNow: 0, Evict: 1, Wait: 2, Refuse: 3}
    now, later = (decide(engines, wanted=wanted, free=f) for f in (free, free + 1))
    assert ranks[type(later)] <= ranks[type(now)]


def test_the_least_recently_used_goes_first() -> None:
    engines = [Resident("new", 4, busy=False, last_used=9), Resident("old", 4, busy=False, last_used=1)]
    assert decide(engines, wanted=4, free=0) == Evict(("old",))
    assert decide(engines, wanted=8, free=0) == Evict(("old", "new"))


def test_a_small_old_engine_is_spared_when_a_large_one_has_to_go_anyway() -> None:
    engines = [Resident("small", 1, busy=False, last_used=1), Resident("large", 8, busy=False, last_used=2)]
    assert decide(engines, wanted=8, free=0) == Evict(("large",))


def test_bytes_for_people() -> None:
    assert [gib(x) for x in (0, 300 << 20, 5 << 30)] == ["0 MiB", "300 MiB", "5.0 GiB"]
