"""What every test lives under: no network beyond this machine, folders of its own, no keys of a person.

The guard is an audit hook, so nothing is patched. It sees Python's own sockets; libuv's, and those of child processes,
it cannot see.
"""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

BUSY = (hypothesis.HealthCheck.too_slow,)
"""How fast examples are made says how busy the machine is, and nothing of what is tested."""
hypothesis.settings.register_profile(
    "hostler", deadline=None, derandomize=True, max_examples=60, suppress_health_check=BUSY
)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=BUSY)
hypothesis.settings.load_profile("hostler")

SLOW_S = 0.25
LOOPBACK = ("127.", "::1", "::ffff:127.", "localhost", "0.0.0.0")
CONNECTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
RESOLVES = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
PRIVATE_MARKS = ("HOSTLER_", "LLAMA_", "_API_KEY", "_AUTH_TOKEN", "_BASE_URL", "_PROXY", "SSLKEYLOGFILE")


class NetworkForbidden(RuntimeError):
    """A test tried to leave this machine."""


def is_local(host: object) -> bool:
    """Whether a socket address's host stays on this machine; None and "" mean the wildcard."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    return name is None or name == "" or (isinstance(name, str) and name.startswith(LOOPBACK))


def guard(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: refuse connections and look-ups that would leave this machine."""
    if event in CONNECTS:
        sock, address = arguments[0], arguments[1]
        if isinstance(address, tuple) and not is_local(address[0]):
            raise NetworkForbidden(f"a test may not reach {address} ({sock})")
    elif event in RESOLVES and not is_local(arguments[0]) and not is_number(arguments[0]):
        raise NetworkForbidden(f"a test may not look up {arguments[0]!r}")


def is_number(host: object) -> bool:
    """Whether a host is an address written in digits, which no look-up leaves the machine for."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, str(host))
        except (OSError, ValueError):
            continue
        return True
    return False


sys.addaudithook(guard)


def separate(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    """Point every folder of ours below `home`, and drop anybody's keys, addresses and proxies from the environment."""
    for name in list(os.environ):
        if any(mark in name.upper() for mark in PRIVATE_MARKS):
            monkeypatch.delenv(name)
    for name, folder in (("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "share"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(name, str(home / folder))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HOSTLER_DATA_DIR", str(home / "data"))
    monkeypatch.setenv("LLAMA_PROVIDERS_PATH", str(home / "config" / "hostler" / "llama-providers.json"))
    return home


@pytest.fixture(autouse=True, scope="session")
def session_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The same for fixtures that live longer than a test."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield separate(monkeypatch, tmp_path_factory.mktemp("session"))


@pytest.fixture(autouse=True)
def own_folders(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, session_folders: Path
) -> Path:
    """A home, config and data folder that no other test has seen."""
    return separate(monkeypatch, tmp_path_factory.mktemp("home"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that should be marked slow; a note and no failure, for a busy machine makes every test slow."""
    late = [
        f"{report.duration:.2f} s  {report.nodeid}"
        for report in terminalreporter.getreports("passed")
        if report.when == "call" and report.duration > SLOW_S and "slow" not in report.keywords
    ]
    if late:
        terminalreporter.section(f"above {SLOW_S} s and not marked slow", sep="-")
        terminalreporter.write_line("\n".join(sorted(late, reverse=True)[:20]))
