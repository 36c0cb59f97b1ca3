"""The fake clock moves only by hand, and the steady one never back."""

import pytest

from hostler.system.clock import Clock, FakeClock, SystemClock


def test_the_fake_clock_moves_by_hand() -> None:
    clock: Clock = FakeClock(time_ns=5_000_000_000, monotonic=1.0)
    assert (clock.time_ns(), clock.monotonic()) == (5_000_000_000, 1.0)
    assert isinstance(clock, FakeClock)
    clock.advance(2.5)
    assert (clock.time_ns(), clock.monotonic()) == (7_500_000_000, 3.5)
    clock.set_wall(1)
    assert (clock.time_ns(), clock.monotonic()) == (1, 3.5)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_the_system_clock_grows() -> None:
    clock: Clock = SystemClock()
    assert clock.monotonic() <= clock.monotonic()
    assert clock.time_ns() > 1_700_000_000_000_000_000
