"""Binding, and which of several keys counts; the rest of access is shown through a gateway (end_to_end/test_door)."""

import pytest

from hostler.errors import ConfigError
from hostler.gateway.access import check_binding, is_loopback
from hostler.settings import GatewaySettings

LOOPBACK = ("localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]")
BEYOND = ("", "0.0.0.0", "::", "10.0.0.1", "192.0.2.7", "fe80::1", "desk", "localhost.example", "127.0.0.1.example")


def test_what_only_this_machine_reaches() -> None:
    assert all(map(is_loopback, LOOPBACK))
    assert not any(map(is_loopback, BEYOND))


@pytest.mark.parametrize("host", BEYOND)
def test_beyond_this_machine_needs_a_key(host: str) -> None:
    with pytest.raises(ConfigError, match="no key exists"):
        check_binding(GatewaySettings(host=host), has_keys=False)
    check_binding(GatewaySettings(host=host), has_keys=True)


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_machine_needs_none(host: str) -> None:
    check_binding(GatewaySettings(host=host), has_keys=False)
