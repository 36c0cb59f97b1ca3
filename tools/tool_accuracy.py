"""Measure how often a served model calls the right tool with the right arguments (100 prompts).

    python tools/tool_accuracy.py [--url http://127.0.0.1:8484] [--model here/demo]
    options: --tool-choice auto|required   --key KEY   --verbose
             --min-tool N --min-args N     exit code 1 below these counts

Any OpenAI-compatible address will do. The prompts come from a fixed seed: six tools are offered; four of
them are asked for, in wordings the demo model was trained on, with 20 argument words of which 9 do not
occur in its training text. Greedy decoding, 60 tokens at most. Prints one JSON line.
"""

import argparse
import contextlib
import json
import random
import sys
import time
import urllib.request
from collections.abc import Iterator

Json = dict[str, object]

WORDS = [
    "alpha", "budget", "conductor", "gateway", "arena", "registry", "prompt", "tuner", "window", "ledger",
    "socket", "parser", "thread", "cache", "vector", "notes", "report", "planet", "garden", "bridge",
]  # fmt: skip
MAX_TOKENS = 60
TIMEOUT = 60.0


def tool(name: str, **parameters: str) -> Json:
    """A tool's definition; parameters by name and JSON type."""
    properties = {parameter: {"type": kind} for parameter, kind in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


TOOLS = [
    tool("read_file", path="string"),
    tool("list_dir", path="string"),
    tool("search", pattern="string"),
    tool("run_command", command="string"),
    tool("get_weather", city="string"),
    tool("add", a="integer", b="integer"),
]


def cases(count: int = 100, seed: int = 99) -> Iterator[tuple[str, str, Json]]:
    """Yield (prompt, tool name, arguments)."""
    r = random.Random(seed)
    for _ in range(count):
        kind, word = r.choice("rlsa"), r.choice(WORDS)
        path = f"{r.choice(WORDS)}/{word}.{r.choice(['py', 'md', 'json'])}"
        if kind == "r":
            yield r.choice(["Read ", "Show me ", "cat ", "open "]) + path, "read_file", {"path": path}
        elif kind == "l":
            yield r.choice(["List ", "ls "]) + word, "list_dir", {"path": word}
        elif kind == "s":
            yield r.choice(["Search for ", "grep "]) + word, "search", {"pattern": word}
        else:
            a, b = r.randrange(100), r.randrange(100)
            yield f"Add {a} and {b}", "add", {"a": a, "b": b}


def ask(prompt: str, arguments: argparse.Namespace) -> tuple[str, str] | None:
    """The first call that the model makes: (tool name, arguments as JSON); None when it makes none."""
    body = {
        "model": arguments.model,
        "messages": [{"role": "user", "content": prompt}],
        "tools": TOOLS,
        "tool_choice": arguments.tool_choice,
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
    }
    head = {"Content-Type": "application/json"}
    if arguments.key:
        head["Authorization"] = f"Bearer {arguments.key}"
    url = arguments.url.rstrip("/") + "/v1/chat/completions"
    request = urllib.request.Request(url, json.dumps(body).encode(), head)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        message = json.load(response)["choices"][0]["message"]
    calls = message.get("tool_calls") or []
    return (calls[0]["function"]["name"], calls[0]["function"]["arguments"]) if calls else None


def is_exact(call: tuple[str, str] | None, *, name: str, wanted: Json) -> bool:
    """Whether the call has the right name and exactly the wanted arguments."""
    with contextlib.suppress(ValueError):
        return call is not None and call[0] == name and json.loads(call[1]) == wanted
    return False


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8484")
    parser.add_argument("--key", default="")
    parser.add_argument("--model", default="here/demo")
    parser.add_argument("--tool-choice", default="auto", choices=["auto", "required"])
    parser.add_argument("--min-tool", type=int, default=0)
    parser.add_argument("--min-args", type=int, default=0)
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main() -> int:
    arguments = read_arguments()
    count = right_tool = exact = 0
    start = time.perf_counter()
    for prompt, name, wanted in cases():
        call = ask(prompt, arguments)
        count += 1
        right_tool += call is not None and call[0] == name
        ok = is_exact(call, name=name, wanted=wanted)
        exact += ok
        if arguments.verbose and not ok:
            print(f"{prompt!r}: wanted {name} {wanted}, got {call}", file=sys.stderr)
    seconds = round(time.perf_counter() - start, 2)
    print(json.dumps({"prompts": count, "right_tool": right_tool, "exact_arguments": exact, "seconds": seconds}))
    return 1 if right_tool < arguments.min_tool or exact < arguments.min_args else 0


if __name__ == "__main__":
    sys.exit(main())
