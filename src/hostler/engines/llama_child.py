"""llama.cpp's own HTTP server in a process of its own, by way of the xllamacpp wheel.

Knows: how to set attributes and report the port. Does not know: recipes and hostler (it is run as a plain file).

Reads one JSON object on stdin: {"attributes": {"n_ctx": 4096, "cpuparams.n_threads": 1,
"cache_type_k": {"enum": "ggml_type", "member": "GGML_TYPE_Q8_0"}, "model_alias": {"set": ["here/demo"]}},
"read_files": {"chat_template": "/path.jinja"}}. On stdin, because the API key is among them. Once the model is loaded
and the port open it writes the port and a newline to descriptor 3, then serves until it is killed. There is no handler
for SIGTERM on purpose: Python's would not run while the engine loads, and there is nothing to save.
"""

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any  # edge: the wheel has no types, and the order is JSON

REPORT_FD = 3


def main() -> int:
    """Configure, load, report, serve. Returns 1 when the engine refuses; its log says why."""
    order: dict[str, Any] = json.load(sys.stdin)
    library: Any = importlib.import_module("xllamacpp")
    parameters: Any = library.CommonParams()
    for name, value in order["attributes"].items():
        _set(parameters, name, value=_value(library, value))
    for name, path in order["read_files"].items():
        _set(parameters, name, value=Path(path).read_text("utf-8"))
    try:
        server: Any = library.Server(parameters)
    except RuntimeError as error:  # all that the wheel says; the reason went to the log before
        sys.stderr.write(f"{error}\n")
        return 1
    port = str(server.listening_address).rpartition(":")[2]
    os.write(REPORT_FD, f"{port}\n".encode())
    os.close(REPORT_FD)
    while True:
        signal.pause()


def _value(library: Any, value: Any) -> Any:
    """JSON has no enums and no sets: they come as {"enum": kind, "member": m | "members": [...]} and {"set": [...]}."""
    if not isinstance(value, dict):
        return value
    order: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  # JSON: only a dict is known
    if "set" in order:
        return set(order["set"])
    kind: Any = getattr(library, order["enum"])
    if "members" in order:
        return [getattr(kind, member) for member in order["members"]]
    return getattr(kind, order["member"])


def _set(parameters: Any, name: str, *, value: object) -> None:
    *outer, last = name.split(".")
    target = parameters
    for part in outer:
        target = getattr(target, part)
    if not hasattr(target, last):
        raise SystemExit(f"this xllamacpp knows no '{name}'")
    setattr(target, last, value)


if __name__ == "__main__":
    sys.exit(main())
