"""Builds, checks and tests the front end in web/, where Node is there to do it.

Knows: which Node is enough, when web/ has changed since dist was built, what npm is told. Does not know: what is built.

    web.py build             build src/hostler/workbench/dist if web/ changed; fails when it cannot
    web.py build --if-can    the same, but without Node it says so in one line and all goes on
    web.py build --to-ship   for a package: without Node what was built before must do, and an sdist's own always does
    web.py check             types and style of web/; without Node it says so and is content
    web.py test              the front end's unit tests; without Node likewise
    web.py types             write web/src/lib/api/types.ts anew from the server's API document
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
DIST = ROOT / "src" / "hostler" / "workbench" / "dist"
STAMP = ROOT / "build" / "web.stamp"
TYPES = WEB / "src" / "lib" / "api" / "types.ts"
NODE_FLOOR = (20, 19)
NOT_SOURCE = frozenset({"node_modules", ".svelte-kit", ".vite"})


def main(arguments: list[str]) -> int:
    """Do what the module's docstring says; the exit status."""
    match arguments:
        case ["build"]:
            return build(must=True)
        case ["build", "--if-can"]:
            return build(must=False)
        case ["build", "--to-ship"]:
            return build_to_ship()
        case ["check" | "test" | "types" as what]:
            missing = lacking()
            if missing:
                print(f"web: {what} was left out, because {missing}")
                return what == "types"
            return {"check": check, "test": lambda: run_npm(["test"]), "types": types}[what]()
        case _:
            print(__doc__)
            return 2


def build(*, must: bool) -> int:
    """Make dist follow web/; 0 when it does, or when nobody insists."""
    now = digest()
    if (DIST / "index.html").is_file() and STAMP.is_file() and STAMP.read_text("utf-8") == now:
        return 0
    missing = lacking()
    if missing:
        there = "the one that is there is used" if (DIST / "index.html").is_file() else "the gateway works without it"
        print(f"web: the workbench's pages were not built, because {missing}; {there}")
        return 1 if must else 0
    print("web: building the workbench's pages ...", flush=True)
    STAMP.parent.mkdir(exist_ok=True)
    status = build_beside()
    if status == 0:
        STAMP.write_text(now, "utf-8")
    elif not must:
        print("web: the build failed; the lines above say why, the gateway works without it")
    return status if must else 0


def build_to_ship() -> int:
    """Have pages that a package may carry; 0 when they are there."""
    there = (DIST / "index.html").is_file()
    if there and (ROOT / "PKG-INFO").is_file():  # an sdist: whoever installs from it needs no Node
        return 0
    return build(must=not (there and lacking()))


def build_beside() -> int:
    """Build into a folder of its own and put that in dist's place: a server may be serving the one that is there."""
    with tempfile.TemporaryDirectory(prefix=".dist-", dir=DIST.parent) as place:
        made, old = Path(place) / "made", Path(place) / "old"
        status = run_npm(["build"], HOSTLER_DIST=str(made))
        if status == 0:
            if DIST.exists():
                DIST.rename(old)
            made.rename(DIST)
        return status


def check() -> int:
    """Whether the API's types are those of the server, and the front end's own checks."""
    status = run_npm([])
    if status == 0 and generated() != TYPES.read_text("utf-8"):
        print(f"{TYPES.relative_to(ROOT)} does not follow the server's API: run make types")
        status = 1
    return run_npm(["check"]) or status


def types() -> int:
    """Write the API's types; the exit status."""
    status = run_npm([])
    if status == 0:
        TYPES.write_text(generated(), "utf-8")
    return status


def generated() -> str:
    """The API's types as the server's document gives them. Raises CalledProcessError."""
    document = subprocess.run(
        [sys.executable, str(ROOT / "tools/openapi.py")], cwd=ROOT, capture_output=True, check=True
    )
    script = WEB / "node_modules/openapi-typescript/bin/cli.js"
    made = subprocess.run(["node", str(script)], cwd=WEB, input=document.stdout, capture_output=True, check=True)
    return made.stdout.decode()


def run_npm(scripts: list[str], **environment: str) -> int:
    """Run scripts of package.json with what the lock file names installed; the first status that is not 0."""
    around = os.environ | environment
    for command in (*install(), *(["run", "--silent", name] for name in scripts)):
        done = subprocess.run([npm(), *command], cwd=WEB, env=around, check=False)
        if done.returncode:
            return done.returncode
    installed().write_text(locked(), "utf-8")
    return 0


def install() -> Iterator[list[str]]:
    """The command that fetches the packages, when node_modules does not follow the lock file."""
    if not (installed().is_file() and installed().read_text("utf-8") == locked()):
        yield ["ci", "--no-audit", "--no-fund", "--loglevel=error"]


def installed() -> Path:
    """Where it is written which lock file node_modules follows."""
    return WEB / "node_modules" / ".follows"


def locked() -> str:
    """The lock file's fingerprint."""
    return hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()


def lacking() -> str:
    """What is missing to build with, "" if nothing is."""
    if not (WEB / "package.json").is_file():
        return "this copy has no web folder"
    node = shutil.which("node")
    if node is None or not npm():
        return f"Node {'.'.join(map(str, NODE_FLOOR))} or later, with npm, is not installed"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.match(r"v(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < NODE_FLOOR:
        return f"Node {said or 'of an unknown version'} is too old ({'.'.join(map(str, NODE_FLOOR))} is needed)"
    return ""


def npm() -> str:
    """The npm on PATH, "" without one."""
    return shutil.which("npm") or ""


def digest() -> str:
    """A fingerprint of everything in web/ that the build reads."""
    mark = hashlib.sha256()
    for path in sorted(sources()):
        mark.update(path.relative_to(WEB).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return mark.hexdigest()


def sources() -> Iterator[Path]:
    """Every file in web/ that is not fetched or left by a tool."""
    for folder, names, files in os.walk(WEB):
        names[:] = [name for name in names if name not in NOT_SOURCE]
        yield from (Path(folder) / name for name in files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
