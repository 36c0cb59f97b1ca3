#!/usr/bin/env python3
"""How much memory the gateway takes: idle, and after 20,000 requests, passed through and translated.

    python bench/memory.py [--short] [--folder FOLDER]

Resident set size of the whole process tree. Uses the set-up of `gateway/`. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from kept import FOLDER, HERE, keep

ROWS = ("hostler", "hostler_messages_chat")


def measure(*, short: bool) -> dict[str, object]:
    """Memory by row of gateways.txt."""
    with tempfile.TemporaryDirectory(prefix="memory-bench-") as work:
        out = Path(work, "result.json")
        command = [sys.executable, str(HERE / "gateway" / "run.py"), "--work", work, "--out", str(out), "--rounds", "0"]
        subprocess.run([*command, *(["--short"] if short else []), *ROWS], check=True)
        told = json.loads(out.read_text())["gateways"]
    missing = [row for row in ROWS if row not in told]
    if missing:
        sys.exit(f"not measured: {', '.join(missing)} did not start")
    return {name: {key: value for key, value in row.items() if key != "rounds"} for name, row in told.items()}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="2,000 requests: a check, no measurement")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    print(keep("memory", measure(short=asked.short), folder=asked.folder, short=asked.short))


if __name__ == "__main__":
    main()
