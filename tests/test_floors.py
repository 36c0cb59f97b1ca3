"""The import contracts of pyproject.toml: each of them is broken by a small tree of modules that should break it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.source import ROOT

CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
SOUND = {
    "errors.py": "",
    "settings.py": "import hostler.errors",
    "core/__init__.py": "import dataclasses",
    "wire/__init__.py": "import hostler.core",
    "wire/openai_chat/__init__.py": "import hostler.core",
    "wire/anthropic/__init__.py": "import hostler.core",
    "system/__init__.py": "import hostler.wire",
    "providers/__init__.py": "import hostler.system",
    "providers/fake/__init__.py": "import hostler.core",
    "engines/__init__.py": "import hostler.system",
    "gateway/__init__.py": "import hostler.engines",
    "cli/__init__.py": "",
    "cli/main.py": "import hostler.app",
    "app.py": "import hostler.gateway",
}
BREAKS = {
    "floors": {"engines/__init__.py": "import hostler.providers"},
    "root": {"cli/__init__.py": "", "app.py": "import hostler.cli"},
    "judge": {"providers/fake/__init__.py": "import hostler.wire"},
    "core": {"core/__init__.py": "import time"},
    "sans-io": {"wire/__init__.py": "import socket"},
    "wires": {"wire/anthropic/__init__.py": "import hostler.wire.openai_chat"},
    "circles": {"gateway/a.py": "import hostler.gateway.b", "gateway/b.py": "import hostler.gateway.a"},
}


def broken(folder: Path, files: dict[str, str]) -> list[str]:
    """Names of the contracts that a package `hostler` made of `files` breaks."""
    for path, text in {"__init__.py": "", **files}.items():
        target = folder / "hostler" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    program = "from importlinter.cli import lint_imports_command as main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "--no-cache", "--no-logo", "--config", str(ROOT / "pyproject.toml")],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "COLUMNS": "200", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    return [c["id"] for c in CONTRACTS if any(line.startswith(f"{c['name']} BROKEN") for line in lines)]


@pytest.mark.slow
def test_a_sound_tree_keeps_every_contract(tmp_path: Path) -> None:
    assert broken(tmp_path, SOUND) == []


@pytest.mark.slow
@pytest.mark.parametrize("contract", [contract["id"] for contract in CONTRACTS])
def test_each_contract_can_be_broken(contract: str, tmp_path: Path) -> None:
    assert contract in broken(tmp_path, SOUND | BREAKS[contract])
