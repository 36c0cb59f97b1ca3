"""Measures what the workbench costs a gateway: the gateway benchmark's figures, start and memory, with it and without.

Knows: which figures are held against each other, in one interleaved run. Does not know: how each is measured.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import start
from gateway.report import Results

HERE = Path(__file__).resolve().parent
WITHOUT, WITH = "hostler", "hostler_workbench"
FIGURES = {
    "requests_s": ("plain.rps", 1),
    "cpu_us": ("cpu_us", -1),
    "big_requests_s": ("big.rps", 1),
    "chunks_s": ("stream.chunks_s", 1),
    "cpu_us_chunk": ("cpu_us_chunk", -1),
    "latency_p50_at_100_us": ("rate100.lat_p50_us", -1),
    "paced10_ttft_p50_us": ("paced10.ttft_p50_us", -1),
}
"""Name: its place in the gateway's results, and whether more is better (1) or worse (-1)."""


def gateway(*, rounds: int, short: bool) -> dict[str, Any]:
    """Figures by name, and memory in MB; see figure()."""
    with tempfile.TemporaryDirectory(prefix="beside-bench-") as work:
        out = Path(work, "result.json")
        command = [sys.executable, str(HERE.parent / "gateway" / "run.py"), "--work", work, "--out", str(out)]
        more = ["--rounds", str(rounds), *(["--short"] if short else [])]
        subprocess.run([*command, *more, "direct", WITHOUT, WITH], check=True)
        told = json.loads(out.read_text())["gateways"]
    if WITHOUT not in told or WITH not in told:
        sys.exit("the gateway did not start both ways")
    results = Results(told)
    memory = {
        name: {key: told[name][key] for key in ("mb_idle", "mb_after", "rss_idle", "rss_after")}
        for name in (WITHOUT, WITH)
    }
    return {
        "figures": {name: figure(results, place, way=way) for name, (place, way) in FIGURES.items()},
        "memory": memory,
    }


def figure(results: Results, place: str, *, way: int) -> dict[str, Any]:
    """One figure both ways; `worse`: by how much it is worse with the workbench (0.05: by 5 %), the rounds' median."""
    phase, _, key = place.rpartition(".")
    pairs = zip(results.rounds(WITHOUT), results.rounds(WITH), strict=True)
    found = [((a[phase] if phase else a).get(key), (b[phase] if phase else b).get(key)) for a, b in pairs]
    worse = sorted(round((1 - b / a) * way, 3) for a, b in found if a and b)
    return {
        "without": results.value(WITHOUT, place),
        "with": results.value(WITH, place),
        "worse": statistics.median(worse) if worse else None,
        "worse_by_round": worse,
    }


def starts(*, repeats: int) -> dict[str, Any]:
    """Start to first 200 of /health, in turn, after one of each that warms the disk cache."""
    hostler = start.program()
    runs: dict[str, list[start.Run]] = {WITHOUT: [], WITH: []}
    for number in range(repeats + 1):
        for name, told in runs.items():
            run = start.up(hostler, workbench=name == WITH)
            if number:
                told.append(run)
    middle = {
        name: {key: statistics.median(run[key] for run in told) for key in ("cpu_s", "wall_s")}
        for name, told in runs.items()
    }
    worse = {key: round(middle[WITH][key] / middle[WITHOUT][key] - 1, 3) for key in ("cpu_s", "wall_s")}
    return {"middle": middle, "worse": worse, "runs": runs}
