"""Builds the virtual environments that the Makefile works in.

Knows: .venv (the Python that was found first), .venv-newest (the newest one installed), how to get uv, and what to try
when the machine reaches its packages through a mirror or a private certificate.
Does not know: any mirror, index or certificate itself; those come from the machine's own pip and uv configuration.

    bootstrap.py            make .venv hold exactly what uv.lock says
    bootstrap.py run        make .venv hold what running hostler takes (less to fetch before the first `make up`)
    bootstrap.py newest     the same in .venv-newest, under the newest Python above .venv's; prints its path, if any
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME_VENV = ROOT / ".venv"
NEWEST_VENV = ROOT / ".venv-newest"
UV_FLOOR = (0, 8)
INPUTS = ("pyproject.toml", "uv.lock", "tools/bootstrap.py")
PROBE = "import sys; v = sys.version_info; print(v.releaselevel, v.major, v.minor, v.micro, sys.executable)"


def main(arguments: list[str]) -> int:
    """Do what the module's docstring says; 0 when it was done."""
    if arguments == ["newest"]:
        return newest()
    sync(HOME_VENV, sys.executable, only_run=arguments == ["run"])
    return 0


def newest() -> int:
    """Fill .venv-newest from the newest Python that can take the packages; 1 when some are newer but none can."""
    found = newer_pythons()
    for version, executable in found:
        name = ".".join(map(str, version))
        mark = f"{name} {executable} {digest()}"
        stamp = NEWEST_VENV / ".synced"
        if not (stamp.is_file() and stamp.read_text("utf-8") == mark):
            shutil.rmtree(NEWEST_VENV, ignore_errors=True)
            try:
                sync(NEWEST_VENV, executable)
            except SystemExit:
                say(f"The packages could not be installed under Python {name}; trying the next one.")
                continue
            stamp.write_text(mark, "utf-8")
        print(NEWEST_VENV / "bin" / "python")
        return 0
    return 1 if found else 0


def sync(venv: Path, python: str, *, only_run: bool = False) -> None:
    """Make `venv` (created from `python` if it does not run) hold what uv.lock says; ends the program if it cannot."""
    scope = ["--all-extras", *(["--no-dev"] if only_run else [])]
    uv = create(venv, python)
    environment = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "UV_PYTHON", "PYTHONHOME"}}
    environment["UV_PROJECT_ENVIRONMENT"] = str(venv)
    environment["UV_PYTHON_DOWNLOADS"] = "never"
    if "PIP_CERT" in environment:  # uv does not read pip's configuration, but wants the same certificates
        environment.setdefault("SSL_CERT_FILE", environment["PIP_CERT"])
    command = [uv, "sync", "--locked", *scope, *(["--inexact"] if only_run else [])]
    if not sys.stderr.isatty():
        command.append("--quiet")
    if run(command, environment):
        return
    say("Trying again with the certificates of the system ...")
    if run(command, environment | {"UV_SYSTEM_CERTS": "1", "UV_NATIVE_TLS": "1"}):
        return
    say("Trying again with pip and its configuration ...")
    if not install_with_pip(venv, [uv, "export", "--frozen", *scope], environment=environment):
        sys.exit("The packages could not be installed; the lines above say why.")


def install_with_pip(venv: Path, export: list[str], *, environment: dict[str, str]) -> bool:
    """Install the lock's versions from whatever index pip is configured for, held to the lock's hashes."""
    listing = ROOT / "build" / "requirements.txt"
    listing.parent.mkdir(exist_ok=True)
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet"]
    return (
        run([*export, "--no-emit-project", "--quiet", "--output-file", str(listing)], environment)
        and (run([python, "-m", "pip", "--version"], environment) or run([python, "-m", "ensurepip"], environment))
        and run([*pip, "--require-hashes", "--requirement", str(listing)], environment)
        and run([*pip, "--no-deps", "--editable", str(ROOT)], environment)
    )


def create(venv: Path, python: str) -> str:
    """Create `venv` unless its Python runs, and return a uv that can fill it."""
    executable = venv / "bin" / "python"
    on_path = usable_uv(shutil.which("uv"))
    if not probe(str(executable)):
        say(f"Creating {venv.name} ...")
        making = [on_path, "venv", "--quiet", "--clear", "--python"] if on_path else [python, "-m", "venv", "--clear"]
        if not run([*making, *([python] if on_path else []), str(venv)], dict(os.environ)):
            sys.exit(f"{venv.name} could not be created; on Debian and Ubuntu the package python3-venv may be missing.")
    own = usable_uv(str(HOME_VENV / "bin" / "uv")) or usable_uv(str(venv / "bin" / "uv"))
    if own or on_path:
        return own or on_path or ""
    say("Fetching uv ...")
    with contextlib.suppress(OSError):
        subprocess.run([executable, "-m", "ensurepip"], capture_output=True, check=False)
    if not run([str(executable), "-m", "pip", "install", "--quiet", "uv"], dict(os.environ)):
        sys.exit("uv could not be installed; `pip install uv` in any place on PATH helps.")
    return str(venv / "bin" / "uv")


def usable_uv(path: str | None) -> str | None:
    """`path` if it is a uv new enough to read our lock file."""
    if path is None:
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError, IndexError):
        words = subprocess.run([path, "--version"], capture_output=True, text=True, check=True, cwd="/").stdout.split()
        if tuple(int(part) for part in words[1].split(".")[:2]) >= UV_FLOOR:
            return path
    return None


def newer_pythons() -> list[tuple[tuple[int, ...], str]]:
    """Released Pythons above the one of .venv, newest first: (version, executable)."""
    own = probe(str(HOME_VENV / "bin" / "python")) or (sys.version_info[:3], "")
    found = {seen for path in candidates() if (seen := probe(path)) and seen[0][:2] > own[0][:2]}
    by_version = dict(sorted(found))
    return sorted(by_version.items(), reverse=True)


def candidates() -> Iterator[str]:
    """Every place where a Python later than 3.11 may be."""
    home = Path.home()
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    folders += [Path("/usr/local/bin"), Path("/opt/homebrew/bin")]
    folders += Path(os.environ.get("PYENV_ROOT", home / ".pyenv")).glob("versions/*/bin")
    folders += (home / ".local/share/uv/python").glob("*/bin")
    for folder in dict.fromkeys(folders):
        yield from (str(folder / name) for minor in range(12, 30) if (folder / (name := f"python3.{minor}")).is_file())


def probe(executable: str) -> tuple[tuple[int, ...], str] | None:
    """Version and true path of a released Python; None when it does not run (a shim, a broken link)."""
    with contextlib.suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run([executable, "-c", PROBE], capture_output=True, text=True, check=True, timeout=20)
        level, *version, path = done.stdout.strip().split(" ", 4)
        if level == "final":
            return tuple(int(part) for part in version), path
    return None


def digest() -> str:
    """What the installed packages depend on, as one short word."""
    return hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in INPUTS)).hexdigest()[:16]


def run(command: list[str], environment: dict[str, str]) -> bool:
    """Run in the project's root with output on stderr; true when it worked."""
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=sys.stderr, check=False).returncode == 0


def say(line: str) -> None:
    """Progress, for a person."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
