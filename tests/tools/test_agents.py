"""The real agents are installed once for each state of their pins, and what could not be installed is said."""

import sys
from pathlib import Path

import pytest

from tools import agents

WRITES = (sys.executable, "-c", "import pathlib; pathlib.Path('made').write_text(open('pins.txt').read())")
FAILS = (sys.executable, "-c", "raise SystemExit(3)")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is installed; the pins lie beside it."""
    monkeypatch.setattr(agents, "PINS", tmp_path / "pins")
    monkeypatch.setattr(agents, "PLACE", tmp_path / "place")
    (tmp_path / "pins").mkdir()
    (tmp_path / "place").mkdir()
    (tmp_path / "pins" / "pins.txt").write_text("agent==1", "utf-8")
    return tmp_path / "place" / "one"


def test_it_is_installed_once_and_again_when_a_pin_changes(place: Path) -> None:
    assert not agents.install("one", ("pins.txt",), commands=(WRITES,))
    assert (place / "made").read_text("utf-8") == "agent==1"
    assert not agents.install("one", ("pins.txt",), commands=(FAILS,)), "there was nothing to do"
    (agents.PINS / "pins.txt").write_text("agent==2", "utf-8")
    assert not agents.install("one", ("pins.txt",), commands=(WRITES,))
    assert (place / "made").read_text("utf-8") == "agent==2"


@pytest.mark.parametrize(
    ("command", "why"), [(FAILS, "ended with status 3"), (("no-such-program",), "there is no no-such-program")]
)
def test_what_fails_is_said_and_tried_again(
    place: Path, command: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agents.install("one", ("pins.txt",), commands=(command,))
    assert why in capsys.readouterr().out
    assert not agents.install("one", ("pins.txt",), commands=(WRITES,))
    assert (place / "made").is_file()


def test_each_agent_of_python_has_its_pins() -> None:
    assert all((agents.PINS / f"{agent}.txt").is_file() for agent in agents.PYTHON_AGENTS)
    assert (agents.PINS / "package-lock.json").is_file()


def test_it_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert agents.main(["instal"]) == 2
    assert "agents.py install" in capsys.readouterr().out
