#!/usr/bin/env python3
"""Write the request bodies of the benchmark, on the wire that a path belongs to.

    python bodies.py OUT_DIR [PATH [FAST_MODEL [PACED_MODEL]]]

plain.json   1 KB, one JSON reply             stream.json  1 KB, 100 chunks without delay
big.json     65 KB, an agent's long history   paced.json   1 KB, 100 chunks, 10 ms apart

The models (default "mock" for both) are the names under which the gateway knows the fast and the paced upstream.
"""

import json
import sys
from pathlib import Path

SYSTEM = "You are a helpful coding agent. " * 10
SHORT = [{"role": "user", "content": "Say hello and explain the plan. " * 16}]
CODE = "line of source code = foo(bar, baz)  # comment\n" * 40
LONG = [{"role": "assistant" if i % 2 else "user", "content": CODE} for i in range(33)]


def write_bodies(folder: Path, path: str, *, models: list[str]) -> None:
    """Write the four bodies into `folder`; `models` are one or two names."""
    fast, paced = models[0], models[-1]
    bodies = {
        "plain": (fast, SHORT, {}),
        "big": (fast, LONG, {}),
        "stream": (fast, SHORT, {"stream": True}),
        "paced": (paced, SHORT, {"stream": True}),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, (model, messages, more) in bodies.items():
        if path.endswith("/messages"):
            body = {"model": model, "system": SYSTEM, "messages": messages, "max_tokens": 100, **more}
        else:
            history = [{"role": "system", "content": SYSTEM}, *messages]
            body = {"model": model, "messages": history, "max_tokens": 100, "temperature": 0.2, **more}
        (folder / f"{name}.json").write_text(json.dumps(body, separators=(",", ":")))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    write_bodies(
        Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "/v1/chat/completions", models=sys.argv[3:] or ["mock"]
    )
