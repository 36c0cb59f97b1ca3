"""Ends of engines as errors, and how long they are left alone."""

import signal

import pytest

from hostler.engines.failures import End, backoff_s, copy_of, crash_error, describe_exit, start_error
from hostler.errors import ConfigError, EngineCrashed, EngineFailed, NotEnoughMemory
from tests.engines.fake_engine import FakeEngine

ENGINE = FakeEngine()


@pytest.mark.parametrize(
    ("returncode", "out_of_memory", "words"),
    [
        (3, False, "exit status 3"),
        (-signal.SIGSEGV, False, "killed by SIGSEGV"),
        (-signal.SIGKILL, False, "unless somebody did that"),
        (-signal.SIGKILL, True, "by the kernel, which had run out of memory"),
        (-200, False, "killed by signal 200"),
    ],
)
def test_exits_in_words(returncode: int, out_of_memory: bool, words: str) -> None:
    assert words in describe_exit(End(returncode, (), out_of_memory))


def test_a_kill_for_lack_of_memory_is_told_as_such() -> None:
    end = End(-signal.SIGKILL, ("FILE: misleading",), out_of_memory=True)
    assert isinstance(start_error("here/a", end, engine=ENGINE), NotEnoughMemory)
    crash = crash_error("here/a", end, engine=ENGINE)
    assert isinstance(crash, EngineCrashed) and "run out of memory" in crash.message and "smaller" in (crash.hint or "")


def test_an_error_carries_the_end_of_the_log_only() -> None:
    error = start_error("here/a", End(1, tuple(str(n) for n in range(100)), out_of_memory=False), engine=ENGINE)
    assert isinstance(error, EngineFailed) and error.log_tail == tuple(str(n) for n in range(88, 100))


def test_the_backoff_doubles_up_to_a_minute() -> None:
    assert [backoff_s(n, served=False) for n in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert [backoff_s(n, served=True) for n in range(4)] == [0, 0, 1, 2]
    assert backoff_s(10_000, served=False) == 60


def test_each_caller_gets_an_error_of_its_own() -> None:
    error = EngineCrashed("x", hint="y", log_tail=("z",))
    copy = copy_of(error, retry_after=3.0)
    assert isinstance(copy, EngineCrashed) and copy is not error
    assert (copy.message, copy.hint, copy.log_tail, copy.retry_after) == ("x", "y", ("z",), 3.0)  # type: ignore[attr-defined]
    config = ConfigError("x")
    assert copy_of(config, retry_after=None) is config
