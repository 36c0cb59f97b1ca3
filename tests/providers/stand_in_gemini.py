"""Stands in for the program `gemini`: reads a prompt on stdin, and writes the lines that version 0.61.0 writes.

What it does is named by the prompt's last word, so that a test says it where it asks.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

STATS = {"total_tokens": 30, "input_tokens": 12, "output_tokens": 8, "cached": 4, "input": 8, "tool_calls": 0}


def out(text: str) -> None:
    """A line on stdout, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def line(kind: str, **more: object) -> None:
    """One line of the stream."""
    out(json.dumps({"type": kind, "timestamp": "2026-11-20T12:00:00.000Z", **more}))


def result(status: str = "success", **more: object) -> None:
    """The last line."""
    line("result", status=status, stats={**STATS, "duration_ms": 1, "models": {}}, **more)


def say(text: str) -> None:
    """More of the answer."""
    line("message", role="assistant", content=text, delta=True)


def seen(prompt: str) -> str:
    """What it was started with, as its answer."""
    here = {
        "arguments": sys.argv[1:],
        "prompt": prompt,
        "folder": sorted(entry.name for entry in Path().iterdir()),
        "keys": sorted(name for name in os.environ if name.endswith("_API_KEY")),
        "leads": os.getpgrp() == os.getpid(),
    }
    return json.dumps(here)


def main() -> int:
    if sys.argv[1:] == ["--version"]:
        out("0.61.0")
        return 0
    prompt = sys.stdin.buffer.read().decode()
    do = prompt.split()[-1] if prompt.split() else ""
    if do == "logged-out":
        sys.stderr.write("Please set an Auth method\n")
        return 41
    if do == "crash":
        sys.stderr.write("node:internal: out of memory\n")
        return 134
    line("init", session_id="s-1", model="gemini-2.5-flash")
    line("message", role="user", content=prompt)
    match do:
        case "seen":
            say(seen(prompt))
        case "hang":
            say("first")
            child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
            Path(os.environ["PIDS"]).write_text(f"{os.getpid()} {child.pid}")
            signal.pause()
        case "quota":
            result("error", error={"type": "TerminalQuotaError", "message": "You have exhausted your daily quota."})
            return 1
        case "no-words":
            line("error", severity="error", message="The model returned an empty response.")
            result("error")
            return 0
        case "broken":
            say("half")
            return 0
        case "tools":
            line("tool_use", tool_name="list_directory", tool_id="t1", parameters={"dir_path": "."})
            line("tool_result", tool_id="t1", status="success", output="Directory is empty.")
            out("(node:7) Warning: something is deprecated")
            say("nothing here")
        case _:
            say("Hel")
            say("lo, ümlaut")
    result()
    return 0


sys.exit(main())
