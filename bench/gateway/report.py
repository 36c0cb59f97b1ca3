#!/usr/bin/env python3
"""Print the result of run.py as a Markdown table: medians over the rounds, ratios to nginx.

    python report.py RESULT.json

README.md explains the columns. Compare ratios and CPU per request, never absolute numbers.
"""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

REFERENCE, BASELINE = "nginx", "direct"
COLUMNS = [
    "gateway", "rps x nginx", "(min-max)", "CPU us/req", "CPU ratio", "64K x nginx", "+p50 ms @20", "+p50 ms @100",
    "+TTFT ms, 2", "+TTFT ms, 10", "chunks/s x nginx", "chunks/s", "CPU us/chunk", "chunk age ms p50/p99", "errors",
    "short", "start s", "MB idle", "MB after", "MB end", "rps",
]  # fmt: skip
PHASES = ("plain", "big", "rate100", "rate20", "stream", "paced10", "paced2")
SMALL = 0.1  # ratios below this get more digits


def median(values: list[float | None]) -> float | None:
    """The median of what there is."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def ratio(a: float | None, b: float | None) -> str:
    """a / b with as many digits as it needs."""
    return f"{a / b:.{2 if a / b >= SMALL else 4}f}" if a and b else "-"


def number(value: float | None, digits: int = 0) -> str:
    """A number, or a dash."""
    return "-" if value is None else f"{value:.{digits}f}"


class Results:
    """What was measured, by gateway."""

    def __init__(self, gateways: dict[str, dict]) -> None:
        self.gateways = gateways

    def rounds(self, name: str) -> list[dict]:
        """The rounds of a gateway."""
        return self.gateways.get(name, {}).get("rounds", [])

    def value(self, name: str, place: str) -> float | None:
        """The median of `phase.key`, or of a key of the round itself."""
        phase, _, key = place.rpartition(".")
        return median([(r[phase] if phase else r).get(key) for r in self.rounds(name)])

    def pairs(self, name: str, place: str, *, other: str) -> list[tuple[float, float]]:
        """The same of two gateways, round by round, where both have it."""
        phase, _, key = place.rpartition(".")
        found = [
            tuple((r[phase] if phase else r).get(key) for r in both)
            for both in zip(self.rounds(name), self.rounds(other), strict=False)
        ]
        return [(a, b) for a, b in found if a is not None and b is not None]

    def ratios(self, name: str, place: str) -> list[float]:
        """The same, divided by nginx's of the same round."""
        return [a / b for a, b in self.pairs(name, place, other=REFERENCE) if b]

    def relative(self, name: str, place: str) -> str:
        """The median of the ratios to nginx."""
        return ratio(median(self.ratios(name, place)), 1)

    def added(self, name: str, place: str) -> str:
        """The same in ms, less what it is without any gateway: the median of the rounds' differences."""
        if name == BASELINE:
            return "-"
        more = median([(a - b) / 1e3 for a, b in self.pairs(name, place, other=BASELINE)])
        return number(more, 2)

    def spread(self, name: str) -> str:
        """Least and greatest ratio to nginx among the rounds."""
        ratios = self.ratios(name, "plain.rps")
        digits = 2 if ratios and max(ratios) >= SMALL else 4
        return f"{min(ratios):.{digits}f}-{max(ratios):.{digits}f}" if ratios else "-"

    def row(self, name: str) -> list[str]:
        """One line of the table."""
        gateway = self.gateways[name]
        loads = [r[p] for r in self.rounds(name) for p in PHASES]
        ages = [(self.value(name, f"paced10.{key}") or 0) / 1e3 for key in ("chunk_p50_us", "chunk_p99_us")]
        after = gateway.get("mb_after")
        return [
            name,
            self.relative(name, "plain.rps"),
            self.spread(name),
            number(self.value(name, "cpu_us"), 1),
            ratio(self.value(REFERENCE, "cpu_us"), self.value(name, "cpu_us")),
            self.relative(name, "big.rps"),
            self.added(name, "rate20.lat_p50_us"),
            self.added(name, "rate100.lat_p50_us"),
            self.added(name, "paced2.ttft_p50_us"),
            self.added(name, "paced10.ttft_p50_us"),
            self.relative(name, "stream.chunks_s"),
            number(self.value(name, "stream.chunks_s")),
            number(self.value(name, "cpu_us_chunk"), 1),
            f"{ages[0]:.2f}/{ages[1]:.2f}",
            str(sum(load.get("errs", 1) for load in loads) + (gateway.get("warm_errs") or 0)),
            str(sum(load.get("short", 0) for load in loads)),
            number(gateway.get("startup_s"), 2),
            number(gateway.get("mb_idle"), 1),
            "-" if after is None else f"{after:.1f} ({gateway['warm_requests']})",
            number(gateway.get("mb_end"), 1),
            number(self.value(name, "plain.rps")),
        ]


def lines(data: dict) -> Iterator[str]:
    """The report, line by line."""
    results = Results(data["gateways"])
    table = [COLUMNS, *(results.row(name) for name in data["gateways"] if results.rounds(name))]
    widths = [max(len(row[at]) for row in table) for at in range(len(COLUMNS))]
    for place, row in enumerate(table):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if place == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    m = data["machine"]
    rounds = max((len(results.rounds(name)) for name in data["gateways"]), default=0)
    yield ""
    yield (
        f"{m['date']}, {rounds} round(s), {m['cpus']} x {m['cpu']}, kernel {m['kernel']}, load average "
        f"{m['load_before']:.1f} before and {m['load_after']:.1f} after"
        + ("; SHORT RUN: a check, no measurement" if m["short"] else "")
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("\n".join(lines(json.loads(Path(sys.argv[1]).read_text()))))
