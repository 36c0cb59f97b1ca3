"""Knows where results are kept and how they become RESULTS.md. Does not know how anything is measured.

python bench/kept.py [FOLDER]       write the table anew from the JSON files (default: bench/results)
"""

import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.machine import described
from gateway.report import Results
from gateway.report import lines as gateway_lines
from web.rows import rows as web_rows

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "results"
NAMES = ("gateway", "start", "memory", "translate", "stalls", "web")

PEERS = (
    "LiteLLM 1.106.2 (proxy, one worker, httptools), TensorZero 2026.6.0 (its gateway from the wheel, without keys,",
    "limits and observability), nginx 1.22.1. hostler checks keys, keeps lanes and writes its ledger.",
)
"""Versions and set-ups of the run in `peers.json`."""
Row = tuple[str, str, str]
"""What, its goal, what was measured."""


def keep(name: str, results: object, *, folder: Path, short: bool) -> Path:
    """Write one benchmark's results with date and machine; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{name}.json"
    out.write_text(json.dumps({"machine": {**described(), "short": short}, "results": results}, indent=1) + "\n")
    return out


def median(values: Iterable[float]) -> float:
    """The median."""
    return statistics.median(values)


def read(folder: Path, name: str) -> dict | None:
    """A results file, if there is one."""
    file = folder / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else None


def gateway_rows(data: dict) -> Iterator[Row]:
    """The goals for the gateway, against nginx in the same run."""
    results = Results(data["gateways"])
    names = data["gateways"]
    if "hostler" not in names or "nginx" not in names:
        return
    cpu = results.value("hostler", "cpu_us")
    rps = results.relative("hostler", "plain.rps")
    yield "requests/s, 1 KB, one core, key check and ledger on", ">= 0.55 x nginx", f"{rps} x nginx"
    yield "CPU per request", "<= 35 us", f"{cpu:.1f} us" if cpu else "-"
    yield "requests/s, 64 KB bodies", ">= 0.45 x nginx", f"{results.relative('hostler', 'big.rps')} x nginx"
    yield (
        "added time to first token, 10 paced streams",
        "<= 0.4 ms",
        f"{results.added('hostler', 'paced10.ttft_p50_us')} ms",
    )
    chunks = results.relative("hostler", "stream.chunks_s")
    yield "chunks/s passed through, 16 streams", ">= 0.9 x nginx", f"{chunks} x nginx"
    for name, what in (
        ("hostler_messages_chat", "chunks/s through the gateway, messages face, chat upstream"),
        ("hostler_chat_messages", "chunks/s through the gateway, chat face, messages upstream"),
    ):
        if told := results.value(name, "stream.chunks_s"):
            yield what, "-", f"{told:,.0f}"


def start_rows(data: dict) -> Iterator[Row]:
    """CPU and wall time from command to result."""
    goals = {"up": "<= 0.5 s", "help": "<= 0.15 s", "import": "<= 0.2 s"}
    names = {
        "up": "start to first 200, no engine",
        "help": "hostler --help",
        "import": "import hostler",
        "python": "python alone",
    }
    for name, runs in data["results"].items():
        cpu, wall = median(run["cpu_s"] for run in runs), median(run["wall_s"] for run in runs)
        yield f"{names[name]}: CPU (wall)", goals.get(name, "-"), f"{cpu:.3f} s ({wall:.3f} s)"


def memory_rows(data: dict) -> Iterator[Row]:
    """Resident memory before and after many requests."""
    for name, told in data["results"].items():
        yield f"memory of `{name}`, idle", "<= 50 MB", f"{told['rss_idle']:.1f} MB"
        grown = told["rss_after"] - told["rss_idle"]
        yield f"growth after {told['warm_requests']:,} requests", "<= 5 MB", f"{grown:.1f} MB"


def translate_rows(data: dict) -> Iterator[Row]:
    """Streams and whole requests between any two wires: the dearest pair, and the middle of all."""
    kinds: dict[str, dict[str, float]] = {}
    for name, told in data["results"].items():
        kind, _, pair = name.partition(": ")
        kinds.setdefault(kind, {})[pair] = median(told)
    goals = {"request of 1 KB": "<= 120 us", "request of 64 KB": "<= 1,500 us"}
    for kind, pairs in kinds.items():
        streams = kind.startswith("stream")
        dearest = (min if streams else max)(pairs, key=pairs.__getitem__)
        unit = "chunks/s" if streams else "us"
        figures = f"{pairs[dearest]:,.0f} {unit} ({dearest}); all {len(pairs)} pairs: {median(pairs.values()):,.0f}"
        yield f"translated {kind}, dearest pair", goals.get(kind, ">= 50,000 chunks/s"), figures


def stalls_rows(data: dict) -> Iterator[Row]:
    """The longest time that one turn kept the loop, beside what the machine itself took."""
    alone = data["results"]["clock only"]
    for name, told in data["results"].items():
        figures = f"{told['longest_ms']:.1f} ms (worst spell: {told['worst_ms']:.1f} ms)"
        if told is alone:
            yield "the machine itself: longest stand-still of a thread that only reads its clock", "-", figures
        else:
            yield f"longest turn of the loop, {name}", "<= 5 ms", figures


ROWS = {
    "gateway": gateway_rows,
    "start": start_rows,
    "memory": memory_rows,
    "translate": translate_rows,
    "stalls": stalls_rows,
    "web": web_rows,
}


def table(folder: Path) -> str:
    """RESULTS.md from what is kept in `folder`."""
    text = [
        "# Results",
        "",
        "Generated by `make bench` from `results/*.json`. Ratios are to nginx in the same run.",
        "",
    ]
    text += ["| what | goal | measured |", "|---|---|---|"]
    below: list[str] = []
    for name in NAMES:
        data = read(folder, name)
        if data is None:
            continue
        text += [f"| {what} | {goal} | {told} |" for what, goal, told in ROWS[name](data)]
        m = data["machine"]
        short = "; SHORT RUN: a check, no measurement" if m["short"] else ""
        below.append(
            f"- {name}: {m['date']}, {m['cpus']} x {m['cpu']}, kernel {m['kernel']}, Python {m['python']}{short}"
        )
    text += ["", *below]
    if data := read(folder, "gateway"):
        text += ["", "## Gateways side by side", "", "Columns: [gateway/README.md](gateway/README.md).", ""]
        text += gateway_lines(data)
    if data := read(folder, "peers"):
        text += ["", "## With the peers that run here, in one run", "", *PEERS, ""]
        text += gateway_lines(data)
    return "\n".join(text) + "\n"


def write_table(folder: Path) -> Path:
    """Write RESULTS.md beside the folder of results."""
    out = folder.parent / "RESULTS.md"
    out.write_text(table(folder))
    return out


if __name__ == "__main__":
    print(write_table(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
