"""What `import hostler` gives, and what it costs."""

import subprocess
import sys

import pytest

import hostler

HEAVY = ("asyncio", "msgspec", "httptools", "uvloop", "ssl", "click", "hostler.core", "hostler.errors")


@pytest.mark.parametrize("name", hostler.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(hostler, name) is getattr(hostler, name)
    assert name in dir(hostler)


def test_the_public_names_are_few_and_sorted() -> None:
    assert 20 <= len(hostler.__all__) <= 30
    assert sorted(hostler.__all__, key=lambda n: (not n[0].isupper(), n)) == hostler.__all__


def test_another_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = hostler.nothing  # type: ignore[attr-defined]


def test_importing_it_loads_nothing() -> None:
    program = "import sys; before = set(sys.modules); import hostler; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & set(HEAVY)
