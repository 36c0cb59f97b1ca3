"""Translated exchanges in great number: every wire's vendors, read on every face by its official SDK.

    python -m tests.translation [--seed N] [--count N] [--wire WIRE ...] [--face FACE ...] [--show N]

`--count` exchanges of each wire, new with each seed (by default one drawn by the clock, and printed). Prints the checks
that failed, and those passed and made for each wire and face; the exit status is 1 if any failed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faces.clients import FACES
from tests.translation.drawing import SOURCES, exchanges
from tests.translation.judging import Check, bench


async def judge_all(seed: int, count: int, *, wires: list[str], faces: list[str]) -> list[Check]:
    """Every check of every exchange."""
    found: list[Check] = []
    with tempfile.TemporaryDirectory() as folder:
        async with bench(Path(folder), seed) as judges:
            for wire in wires:
                for exchange in exchanges(wire, seed, count):
                    for face in faces:
                        for mode in exchange.modes:
                            found += await judges.judge(exchange, face, mode)
    return found


def table(checks: list[Check]) -> str:
    """Passed and made, for each wire (down) and face (across)."""
    made = Counter((check.wire, check.face) for check in checks)
    passed = Counter((check.wire, check.face) for check in checks if not check.wrong)
    lines = [f"{'':18}" + "".join(f"{face:>14}" for face in FACES)]
    for wire in SOURCES:
        cells = [f"{passed[wire, face]}/{made[wire, face]}" if made[wire, face] else "-" for face in FACES]
        lines.append(f"{wire:18}" + "".join(f"{cell:>14}" for cell in cells))
    return "\n".join(lines)


def failures(checks: list[Check], show: int) -> str:
    """What failed, the commonest first, each with its shapes and one example."""
    wrong = [check for check in checks if check.wrong]
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in wrong:
        groups.setdefault((check.wire, check.what), []).append(check)
    lines: list[str] = []
    for (wire, what), found in sorted(groups.items(), key=lambda item: -len(item[1]))[:show]:
        places = Counter(f"{check.face}/{check.mode}" for check in found).most_common()
        shapes = Counter(check.shape for check in found).most_common(8)
        lines.append(f"{len(found):5} {wire}: {what}")
        lines.append(f"      {', '.join(f'{name} {n}' for name, n in places)}")
        lines.append(f"      {'; '.join(f'{name} {n}' for name, n in shapes)}")
        lines.append(f"      {found[0].shape}, {found[0].face}, {found[0].mode}: {found[0].wrong[:600]}")
    return "\n".join(lines)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--count", type=int, default=60, help="exchanges of each wire (default 60)")
    parser.add_argument("--wire", nargs="+", choices=list(SOURCES), default=list(SOURCES))
    parser.add_argument("--face", nargs="+", choices=FACES, default=list(FACES))
    parser.add_argument("--show", type=int, default=30, help="kinds of failure to print (default 30)")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else int(time.time())
    checks = asyncio.run(judge_all(seed, asked.count, wires=asked.wire, faces=asked.face))
    wrong = sum(1 for check in checks if check.wrong)
    share = 100 * (len(checks) - wrong) / max(len(checks), 1)
    last = f"{len(checks) - wrong} of {len(checks)} checks passed ({share:.2f} %), seed {seed}, {asked.count} a wire"
    sys.stdout.write("\n".join((failures(checks, asked.show), table(checks), last, "")))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
