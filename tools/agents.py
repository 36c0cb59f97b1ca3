"""Installs the real agents that hostler is tried with into .agents/, in the versions that tests/agents/ pins.

Knows: which pin file belongs to which folder, and what of it is there already. Does not know: how an agent is run.

    agents.py install    bring .agents/ to the state of the pin files; needs npm, uv and the package indexes
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "tests" / "agents"
PLACE = ROOT / ".agents"
PYTHON_AGENTS = ("aider", "llm")
PYTHONS = ">=3.11,<3.13"
"""What the pinned aider runs on."""


def main(arguments: list[str]) -> int:
    """Do what the module's docstring says; the exit status."""
    if arguments != ["install"]:
        print(__doc__)
        return 2
    PLACE.mkdir(exist_ok=True)
    wrong = install("node", ("package.json", "package-lock.json"), commands=node_commands())
    for agent in PYTHON_AGENTS:
        wrong |= install(agent, (f"{agent}.txt",), commands=python_commands(agent))
    return int(wrong)


def install(name: str, pins: Sequence[str], *, commands: Sequence[Sequence[str]]) -> bool:
    """Run the commands in a folder of that name when it does not follow its pins; whether that went wrong."""
    place = PLACE / name
    follows = place / ".follows"
    wanted = hashlib.sha256(b"".join((PINS / pin).read_bytes() for pin in pins)).hexdigest()
    if follows.is_file() and follows.read_text("utf-8") == wanted:
        return False
    print(f"agents: installing {name} ...", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for pin in pins:
        shutil.copy(PINS / pin, place)
    for command in commands:
        if shutil.which(command[0]) is None:
            print(f"agents: {name} could not be installed: there is no {command[0]} on PATH")
            return True
        done = subprocess.run(command, cwd=place, check=False)
        if done.returncode:
            print(f"agents: {name} could not be installed: {command[0]} ended with status {done.returncode}")
            return True
    follows.write_text(wanted, "utf-8")
    return False


def node_commands() -> Sequence[Sequence[str]]:
    """What installs the agents from npm; not `npm ci`, which demands the packages of all platforms in the lock file."""
    npm = shutil.which("npm") or "npm"
    return ((npm, "install", "--no-audit", "--no-fund", "--loglevel=error"),)


def python_commands(agent: str) -> Sequence[Sequence[str]]:
    """What installs an agent from PyPI, each into an environment of its own: their pins do not agree."""
    uv = str(Path(sys.executable).parent / "uv")
    uv = uv if os.access(uv, os.X_OK) else "uv"
    return (
        (uv, "venv", "--quiet", "--python", PYTHONS, "venv"),
        (uv, "pip", "install", "--quiet", "--python", "venv/bin/python", "--requirement", f"{agent}.txt"),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
