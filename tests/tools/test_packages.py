"""What an sdist and a wheel contain: the pages, and nothing that only a checkout has. Made as installers do."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml", "tools")
PAGES = "hostler/workbench/dist/"
FILES = ("index.html", "index.html.br", "index.html.gz", "assets/a-1b2c3d.js", "licenses.txt")

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A small copy of the project, with a front end and what tools leave behind."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in PARTS:
        source = ROOT / name
        shutil.copytree(source, root / name) if source.is_dir() else shutil.copy(source, root / name)
    code = root / "src" / "hostler"
    (code / "workbench").mkdir(parents=True)
    shutil.copy(ROOT / "src/hostler/__init__.py", code)
    for left in ("web/node_modules/left/index.js", "src/hostler/workbench/.dist-x/made/index.html", "build/web.stamp"):
        write(root / left)
    write(root / "web/package.json")
    return root


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}", "utf-8")


def put_pages(root: Path) -> None:
    for name in FILES:
        write(root / "src" / PAGES / name)


def package(root: Path, kind: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build one, on a machine without Node."""
    around = {**os.environ, "PATH": str(root), **environment}
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(root.parent / "out")]
    return subprocess.run(command, cwd=root, env=around, capture_output=True, text=True, check=False)


def sdist(root: Path) -> Path:
    """The sdist, unpacked."""
    done = package(root, "sdist")
    assert done.returncode == 0, done.stderr
    (file,) = (root.parent / "out").glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(root.parent / "unpacked", filter="data")
    (folder,) = (root.parent / "unpacked").iterdir()
    return folder


def test_an_sdist_has_the_pages_and_a_wheel_made_of_it_without_node_has_them_too(checkout: Path) -> None:
    put_pages(checkout)
    folder = sdist(checkout)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {f"src/{PAGES}{name}" for name in FILES} == {name for name in names if PAGES in name}
    assert "web/package.json" in names
    assert not [name for name in names if "node_modules" in name or ".dist-" in name or name.startswith("build/")]
    done = package(folder, "wheel")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("web:") == 0
    (file,) = (folder.parent / "out").glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        wheel = set(archive.namelist())
    assert {PAGES + name for name in FILES} == {name for name in wheel if PAGES in name}
    assert not [name for name in wheel if name.startswith(("web/", "tests/", "tools/")) or "/.dist-" in name]


def test_without_pages_and_without_node_there_is_no_package_unless_one_says_so(checkout: Path) -> None:
    refused = package(checkout, "wheel")
    assert refused.returncode != 0
    assert "HOSTLER_NO_WEB=1" in refused.stderr
    assert package(checkout, "wheel", HOSTLER_NO_WEB="1").returncode == 0
