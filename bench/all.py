#!/usr/bin/env python3
"""Run every benchmark and write the table of results (`make bench`).

    python bench/all.py [--short] [--folder FOLDER] [--only NAME ...] [--gateways NAME ...]

Results go to bench/results/*.json and bench/RESULTS.md; with --short to build/bench, for a short run is a check and no
measurement. Takes about 25 minutes (5 with --short) and wants a quiet machine: Linux, two cores, a C compiler, nginx,
and for the workbench a Chromium.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from kept import FOLDER, HERE, NAMES, write_table

CHECKED = HERE.parent / "build" / "bench" / "results"
GATEWAYS = ["direct", "nginx", "hostler", "hostler_messages", "hostler_messages_chat", "hostler_chat_messages"]


def command(name: str, folder: Path, *, asked: argparse.Namespace) -> list[str]:
    """What runs a benchmark."""
    short = ["--short"] if asked.short else []
    if name == "gateway":
        rounds = ["--rounds", "1"] if asked.short else []
        out = ["--out", str(folder / "gateway.json")]
        return [sys.executable, str(HERE / "gateway" / "run.py"), *out, *rounds, *short, *(asked.gateways or GATEWAYS)]
    program = HERE / "web" / "run.py" if name == "web" else HERE / f"{name}.py"
    return [sys.executable, str(program), "--folder", str(folder), *short]


def main() -> int:
    """The command line; the exit code is 1 when a benchmark failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--gateways", nargs="+", help=f"rows of gateways.txt (default {' '.join(GATEWAYS)})")
    asked = parser.parse_args()
    if sys.platform != "linux":
        print("The benchmarks read /proc and use epoll: they run on Linux only.", file=sys.stderr)
        return 1
    folder = asked.folder or (CHECKED if asked.short else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in sorted(asked.only, key=("start", "translate", "stalls", "memory", "gateway", "web").index):
        print(f"== {name}", flush=True)
        if subprocess.run(command(name, folder, asked=asked), check=False).returncode:
            failed.append(name)
    print(f"== {write_table(folder)}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
