#!/usr/bin/env python3
"""Compare gateways in interleaved rounds. See README.md for what is measured.

    python run.py [--work DIR] [--out FILE] [--rounds 6] [--short] [NAME ...]
    python run.py --hold NAME ...       start the mock upstream and the gateways, print their addresses, wait

NAME is a row of gateways.txt, or "direct" (no gateway). Default: direct and every row; a gateway that does
not start is left out. nginx and direct should take part: the report's ratios refer to them.
Builds the two C programs into the work folder (default: a new temporary folder, which is kept).
"""

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bodies import write_bodies
from machine import cpu_seconds, described, memory_mb, pause, pinned, resident_mb, stop, wait_until

HERE = Path(__file__).resolve().parent
KEY = os.environ.get("GW_KEY", "sk-local-benchmark-key-0123456789")
BASE = int(os.environ.get("GW_BASE", "18400"))
HEADERS = f"Authorization: Bearer {KEY}\nanthropic-version: 2023-06-01\n"

# name: request body, options of lg. "-t" is scaled down by --short; "paced" goes to the paced upstream.
PHASES = {
    "plain": ("plain", ["-c", 32, "-t", 1.5, "-w", 0.3]),
    "big": ("big", ["-c", 16, "-t", 1.5, "-w", 0.3]),
    "rate100": ("plain", ["-c", 16, "-r", 100, "-t", 2, "-w", 0.3]),
    "rate20": ("plain", ["-c", 16, "-r", 20, "-t", 2, "-w", 0.3]),
    "stream": ("stream", ["-c", 16, "-t", 1.5, "-S", 100, "-w", 0.3]),
    "paced10": ("paced", ["-c", 10, "-t", 6.6, "-S", 100]),
    "paced2": ("paced", ["-c", 2, "-t", 2.2, "-S", 100]),
}


@dataclass(frozen=True)
class Row:
    """One gateway of gateways.txt; `port` is an offset, or None where the gateway picks its own."""

    port: int | None
    path: str
    models: list[str]
    tab: bool = False
    """A tab of the workbench is open all the while."""


def read_table() -> dict[str, Row]:
    """gateways.txt by name; see the comment there."""
    table = {"direct": Row(0, "/v1/chat/completions", ["mock"])}
    for line in (HERE / "gateways.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, port, path, models, command = (column.strip() for column in line.split("|", 4))
            tab = command == "hostler_up_with_tab"
            table[name] = Row(None if port == "url" else int(port), path, models.split(), tab)
    return table


def build(work: Path) -> None:
    """Compile what is not there or older than its source."""
    (work / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("mock_upstream", "lg"):
        source, made = HERE / f"{name}.c", work / "bin" / name
        if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
            subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", made, source], check=True)


class Bench:
    """One run: what was started, and what was measured."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.table = asked, read_table()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.result: dict[str, dict[str, object]] = {}
        self.work = Path(asked.work or tempfile.mkdtemp(prefix="gateway-bench-")).resolve()
        for name in asked.names:
            if name not in self.table:
                sys.exit(f"gateways.txt has no row '{name}'")
        build(self.work)
        for name in asked.names:
            write_bodies(self.bodies(name), self.table[name].path, models=self.table[name].models)
        write_bodies(self.bodies("direct"), self.table["direct"].path, models=["mock"])
        self.headers = self.work / "headers.txt"
        self.headers.write_text(HEADERS)

    def bodies(self, name: str) -> Path:
        """Where the bodies of a gateway lie."""
        return self.work / "bodies" / name

    def address(self, name: str, *, paced: bool = False) -> tuple[int, str] | None:
        """Port and path of a gateway, or None while it has not told its URL yet."""
        row = self.table[name]
        if row.port is not None:
            return BASE + row.port + (paced and len(row.models) == 1), row.path
        with contextlib.suppress(OSError):
            port = urlsplit((self.work / "run" / name / "url").read_text().strip()).port
            return (port, row.path) if port else None
        return None

    def load(self, name: str, body: str, *, options: list[object]) -> dict[str, object]:
        """One run of lg; its JSON, or {"fail": ...}."""
        where = self.address(name, paced=body == "paced")
        if where is None:
            return {"fail": "no address yet"}
        target = ["-p", where[0], "-u", where[1], "-b", self.bodies(name) / f"{body}.json", "-H", self.headers]
        command = [*pinned(self.asked.load_core), self.work / "bin" / "lg", *target, *options]
        try:
            done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=90, check=False)
        except subprocess.TimeoutExpired:
            return {"fail": "lg ran into its time limit"}
        try:
            return json.loads(done.stdout)
        except ValueError:
            return {"fail": (done.stdout + done.stderr)[-200:]}

    def answers(self, name: str) -> bool:
        """Whether one request is answered well."""
        told = self.load(name, "plain", options=["-c", 1, "-N", 1, "-t", 3])
        return told.get("done") == 1 and told.get("errs") == 0

    def start_mock(self) -> None:
        """Start the upstreams, or end with the reason."""
        for port in (BASE, BASE + 1):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    sys.exit(f"port {port} is taken: set GW_BASE to another base port")
        ports = [str(BASE), "0", "0", str(BASE + 1), "10000", "20000"]
        command = [*pinned(self.asked.load_core), str(self.work / "bin" / "mock_upstream"), *ports]
        self.processes["direct"] = subprocess.Popen(command)
        if not wait_until(lambda: self.answers("direct"), 5):
            sys.exit("the mock upstream does not answer")

    def start(self, name: str) -> bool:
        """Start a gateway; True when it answered a request."""
        search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        given = {"WORK": str(self.work), "GW_BASE": str(BASE), "GW_CORE": self.asked.gateway_core, "GW_KEY": KEY}
        log = self.work / f"{name}.log"
        began = time.monotonic()
        with log.open("wb") as out:
            process = subprocess.Popen(
                [HERE / "gw.sh", name],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **given, "PATH": search},
                start_new_session=True,
            )
        self.processes[name] = process
        wait_until(lambda: process.poll() is not None or self.answers(name), self.asked.start_limit)
        if process.poll() is None and self.answers(name):
            self.result[name]["startup_s"] = round(time.monotonic() - began, 2)
            if self.table[name].tab:
                self.open_tab(name)
            return True
        why = log.read_text(errors="replace")[-300:].strip() or "it answered no request"
        print(f"{name}: left out, it did not start (exit code {process.poll()}): {why}", flush=True)
        stop([process])
        del self.processes[name]
        return False

    def open_tab(self, name: str) -> None:
        """Hold a tab of the workbench open from now on, on the load's core; ends the run when it cannot."""
        port, _ = self.address(name) or (0, "")
        token = self.work / "run" / name / "data" / "token"
        command = [*pinned(self.asked.load_core), sys.executable, str(HERE / "tab.py"), str(port), str(token)]
        tab = self.processes[f"{name} tab"] = subprocess.Popen(command, stdout=subprocess.PIPE)
        if not (tab.stdout and tab.stdout.readline()):
            sys.exit(f"{name}: its tab was refused")

    def start_all(self) -> list[str]:
        """Start what was asked for; returns the names that are up."""
        up: list[str] = []
        self.start_mock()
        for name in self.asked.names:
            self.result[name] = {"rounds": []}
            if name == "direct" or self.start(name):
                up.append(name)
            else:
                del self.result[name]
        return up

    def measure_memory(self, name: str) -> None:
        """Idle memory, then memory after many requests (this also warms the gateway up)."""
        pid, result = self.processes[name].pid, self.result[name]
        result["mb_idle"], result["rss_idle"] = memory_mb(pid), resident_mb(pid)
        told = self.load(name, "plain", options=["-c", 16, "-N", self.asked.warm_requests, "-t", self.asked.warm_limit])
        result.update(
            mb_after=memory_mb(pid),
            rss_after=resident_mb(pid),
            warm_requests=told.get("done"),
            warm_errs=told.get("errs"),
        )
        print(
            f"{name}: up in {result['startup_s']} s, {result['mb_idle']} MB idle, {result['mb_after']} MB after "
            f"{told.get('done')} requests, {told.get('errs')} errors",
            flush=True,
        )

    def round(self, names: list[str]) -> None:
        """Every phase once for every gateway: phase by phase, so that what is compared lies seconds apart."""
        told: dict[str, dict[str, object]] = {name: {} for name in names}
        for phase in PHASES:
            for name in names:
                self.measure(phase, name, told=told[name])
        for name in names:
            self.result[name]["rounds"].append(told[name])
            print(summary(name, told[name]), flush=True)

    def measure(self, phase: str, name: str, *, told: dict[str, object]) -> None:
        """One phase of one gateway."""
        body, given = PHASES[phase]
        options = list(given)
        at = options.index("-t") + 1
        if self.asked.short:
            options[at] = max(1, options[at] * 0.4)
        pid = self.processes[name].pid
        before = cpu_seconds(pid)
        load = told[phase] = self.load(name, body, options=options)
        spent = cpu_seconds(pid) - before
        if phase == "plain" and load.get("rps"):
            requests = load["rps"] * (options[at] + options[options.index("-w") + 1])
            told["cpu_us"] = round(spent / requests * 1e6, 1)
        if phase == "stream" and load.get("chunks_s"):
            told["cpu_us_chunk"] = round(spent / (load["chunks_s"] * (options[at] + 0.3)) * 1e6, 2)

    def save(self, load_before: float) -> Path:
        """Write what there is so far."""
        out = Path(self.asked.out or self.work / "result.json")
        machine = {
            **described(),
            "load_before": load_before,
            "load_after": os.getloadavg()[0],
            "short": self.asked.short,
        }
        out.write_text(json.dumps({"machine": machine, "gateways": self.result}, indent=1) + "\n")
        return out

    def run(self) -> None:
        """Start, measure, save."""
        load_before = os.getloadavg()[0]
        up = self.start_all()
        gateways = [name for name in up if name != "direct"]
        for name in gateways:
            pause(1 if self.asked.short else 2)
            self.measure_memory(name)
        for number in range(self.asked.rounds):
            print(f"round {number + 1}", flush=True)
            self.round(up[::-1] if number % 2 else up)
            self.save(load_before)
        for name in gateways:
            self.result[name]["mb_end"] = memory_mb(self.processes[name].pid)
        out = self.save(load_before)
        print("report: python", shlex.quote(str(HERE / "report.py")), shlex.quote(str(out)))

    def hold(self) -> None:
        """Start and wait."""
        up = self.start_all()
        for name in up:
            port, path = self.address(name) or (0, "")
            print(f"{name}: pid {self.processes[name].pid}, http://127.0.0.1:{port}{path}")
        print(f"key: {KEY}\nbodies: {self.work / 'bodies'}\nCtrl-C ends all", flush=True)
        signal.pause()


def summary(name: str, told: dict[str, object]) -> str:
    """A line on a round of a gateway."""
    trouble = next((t for p in PHASES if (t := told[p].get("fail") or told[p].get("err"))), "")
    errors = sum(told[p].get("errs", 1) for p in PHASES)
    return (
        f"  {name}: {told['plain'].get('rps')} rps, {told.get('cpu_us')} us CPU, "
        f"{told['stream'].get('chunks_s')} chunks/s, {errors} errors {trouble}"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME")
    add("--work", help="work folder (default: a new temporary one)")
    add("--out", help="result file (default: result.json in the work folder)")
    add("--rounds", type=int, default=6, help="0: only start-up and memory")
    add("--short", action="store_true", help="shorter phases and 2,000 warm-up requests: a check, no measurement")
    add("--hold", action="store_true", help="only start everything and wait")
    add("--gateway-core", default="0", help='core of the gateway (default 0; "" = not pinned)')
    add("--load-core", default="1", help='core of mock upstream and client (default 1; "" = not pinned)')
    add("--warm-requests", type=int, help="requests of the memory phase (default 20000)")
    add("--warm-limit", type=float, default=45, help="seconds at most for the memory phase (default 45)")
    add("--start-limit", type=float, default=90, help="seconds a gateway may take to start (default 90)")
    asked = parser.parse_args()
    asked.names = asked.names or list(read_table())
    asked.warm_requests = asked.warm_requests or (2000 if asked.short else 20000)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = Bench(asked)
    try:
        if asked.hold:
            bench.hold()
        else:
            bench.run()
    except KeyboardInterrupt:
        pass
    finally:
        stop(list(bench.processes.values()))


if __name__ == "__main__":
    main()
