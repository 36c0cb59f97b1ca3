"""Build the training text of the demo model.

    python tools/make_corpus.py OUT.json [--stdlib DIR] [--plain N]

Two sources, nothing is downloaded:
  * the Python standard library of the running interpreter (source and docstrings; PSF licence),
  * the chat and tool-call templates written below.
The output is {"docs": [text, ...]}: short pieces of Python, questions about functions answered by
their docstrings, small talk, and 9,000 tool calls (40% with the tool's result and a closing reply).
The seed is fixed: one Python version always gives the same text. demo.gguf: Python 3.11.7,
16,443 documents, 4.2 MB.
"""

import argparse
import ast
import inspect
import json
import os
import random
import re
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

SEED = 5
PIECES = range(81, 1200)
"""Characters of a piece of source that is collected."""
PLAIN_LIMIT = 600
"""Pieces of plain source this long or longer are left out."""
DESCRIPTIONS = range(16, 260)
"""Characters of a function's description."""
MODULE_MIN, MODULE_MAX = 20, 300
SMALL_TALK_ROUNDS = 60
CONVERSATIONS = 9000
ANSWERED = 0.4
"""Share of the conversations that go on after the call."""

SKIP_DIRS = (
    "test", "idlelib", "lib2to3", "site-packages", "encodings", "turtledemo", "pydoc_data", "ensurepip",
    "__pycache__", "tkinter", "distutils", "msilib", "config-",
)  # fmt: skip
SKIP_FILES = ("_sysconfigdata", "this", "antigravity", "turtle", "_pydecimal", "pydoc")

QUESTIONS = [
    "What does {n} do?",
    "Explain {n}.",
    "what is {n}?",
    "Describe {n}",
    "Tell me about {n}.",
    "How do I use {n}?",
]

SMALL_TALK = [
    ("hi", "Hello! I am the built-in demo model. How can I help you?"),
    ("hello", "Hello! Ask me about the Python standard library."),
    ("who are you?", "I am a tiny language model trained on the Python standard library. I run on your own machine."),
    ("what can you do?", "I can describe Python functions, write short pieces of Python, and call tools."),
    ("thanks", "You are welcome!"),
    ("good morning", "Good morning! What shall we build today?"),
    ("how are you?", "I am running well, thank you."),
    ("bye", "Goodbye!"),
    ("are you a large model?", "No. I have fewer than three million parameters, so check what I say."),
    ("what is your name?", "I am the built-in demo model."),
    ("ping", "pong"),
    ("test", "The test message arrived. I am working."),
]

EXTENSIONS = ["py", "md", "txt", "json", "toml", "yaml", "c", "js", "html", "log"]
CITIES = ["Paris", "London", "Berlin", "Tokyo", "Rome", "Madrid", "Oslo", "Delhi", "Cairo", "Lima"]

Described = tuple[str, str]
Arguments = dict[str, str | int]


def chat(messages: list[tuple[str, str]]) -> str:
    """Messages as the training text shows them."""
    return "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in messages)


def first_paragraph(doc: str) -> str:
    """A docstring's first paragraph on one line."""
    return re.sub(r"\s+", " ", inspect.cleandoc(doc).strip().split("\n\n")[0]).strip()


def segment(lines: list[str], node: ast.FunctionDef | ast.ClassDef) -> str:
    """Source of a node with its first line's indentation (ast.get_source_segment, but splitting the file once)."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    return "\n".join([*lines[first:last], lines[last][: node.end_col_offset]])


def source_files(stdlib: Path) -> Iterator[tuple[str, str]]:
    """Yield (module name, source) of the library's ASCII modules, always in the same order."""
    for root, folders, files in os.walk(stdlib):
        folders[:] = sorted(folder for folder in folders if not folder.startswith(SKIP_DIRS))
        for name in sorted(files):
            if not name.endswith(".py") or name.startswith(SKIP_FILES):
                continue
            path = Path(root, name)
            source = path.read_text("utf8", "ignore")
            if source.isascii():
                module = str(path.relative_to(stdlib))[:-3].replace(os.sep, ".").replace(".__init__", "")
                yield module, source


def read_stdlib(stdlib: Path) -> tuple[list[str], list[Described]]:
    """Return (pieces of source, [(name, description)])."""
    plain: list[str] = []
    described: list[Described] = []
    for module, source in source_files(stdlib):
        try:
            tree = ast.parse(source)
        except SyntaxError:
            continue
        doc = ast.get_docstring(tree)
        if doc and len(first_paragraph(doc)) > MODULE_MIN:
            described.append((f"the {module} module", first_paragraph(doc)[:MODULE_MAX]))
        read_definitions(module, tree, lines=source.split("\n"), found=(plain, described))
    return plain, described


def read_definitions(
    module: str, tree: ast.Module, *, lines: list[str], found: tuple[list[str], list[Described]]
) -> None:
    """Add a module's functions and classes to the pieces and descriptions found so far."""
    plain, described = found
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        text = segment(lines, node)
        if len(text) - node.col_offset in PIECES and not node.name.startswith("__"):
            plain.append(textwrap.dedent(text))
        doc = ast.get_docstring(node)
        if doc and not node.name.startswith("_"):
            paragraph = first_paragraph(doc)
            if len(paragraph) in DESCRIPTIONS:
                described.append((f"{module.rsplit('.', maxsplit=1)[-1]}.{node.name}", paragraph))


class ToolTalk:
    """Generates conversations in which the assistant calls one of seven tools."""

    PARAMETERS = {  # noqa: RUF012  # never changed
        "read_file": ["path"],
        "list_dir": ["path"],
        "search": ["pattern"],
        "run_command": ["command"],
        "write_file": ["path", "content"],
        "get_weather": ["city"],
        "add": ["a", "b"],
    }

    def __init__(self, rng: random.Random, words: list[str]) -> None:
        self.rng, self.words = rng, words
        self.requests: dict[str, Callable[[], tuple[list[str], Arguments]]] = {
            "read_file": self.ask_read,
            "list_dir": self.ask_list,
            "search": self.ask_search,
            "run_command": self.ask_run,
            "write_file": self.ask_write,
            "get_weather": self.ask_weather,
            "add": self.ask_add,
        }

    def word(self) -> str:
        return self.rng.choice(self.words)

    def path(self) -> str:
        folders = [self.word() for _ in range(self.rng.choice([0, 1, 1, 2]))]
        return "/".join([*folders, self.word() + "." + self.rng.choice(EXTENSIONS)])

    # each ask_* returns (ways to ask, arguments)

    def ask_read(self) -> tuple[list[str], Arguments]:
        p = self.path()
        ways = [f"Read {p}", f"Read the file {p}", f"Show me {p}", f"What is in {p}?", f"open {p}", f"cat {p}"]
        return ways, {"path": p}

    def ask_list(self) -> tuple[list[str], Arguments]:
        p = "/".join(self.word() for _ in range(self.rng.choice([1, 1, 2])))
        return [f"List {p}", f"List the files in {p}", f"What files are in {p}?", f"ls {p}"], {"path": p}

    def ask_search(self) -> tuple[list[str], Arguments]:
        p = self.word()
        return [f"Search for {p}", f"Find {p} in the project", f"grep {p}", f"Where is {p} used?"], {"pattern": p}

    def ask_run(self) -> tuple[list[str], Arguments]:
        fixed = ["pytest", "ls", "git status", "make", "pip list"]
        c = self.rng.choice([*fixed, f"python {self.word()}.py", f"pytest {self.word()}", "git log"])
        return [f"Run {c}", f"Execute {c}", f"Run the command {c}"], {"command": c}

    def ask_write(self) -> tuple[list[str], Arguments]:
        p = self.path()
        c = " ".join(self.word() for _ in range(self.rng.choice([1, 2, 3])))
        return [f"Write {c} to {p}", f"Put {c} into {p}", f"Save {c} in {p}"], {"path": p, "content": c}

    def ask_weather(self) -> tuple[list[str], Arguments]:
        c = self.rng.choice(CITIES)
        return [f"What is the weather in {c}?", f"Weather in {c}", f"How is the weather in {c} today?"], {"city": c}

    def ask_add(self) -> tuple[list[str], Arguments]:
        a, b = self.rng.randrange(100), self.rng.randrange(100)
        return [f"Add {a} and {b}", f"What is {a} + {b}?", f"Sum {a} and {b}"], {"a": a, "b": b}

    def results(self, arguments: Arguments) -> dict[str, str]:
        """One result per tool. All are drawn each time: the random sequence must not depend on the tool."""
        r = self.rng
        return {
            "read_file": " ".join(self.word() for _ in range(6)),
            "list_dir": "\n".join(self.path() for _ in range(3)),
            "search": f"{self.path()}:{r.randrange(99)}",
            "run_command": r.choice(["ok", "3 passed", "done", "error"]),
            "write_file": "ok",
            "get_weather": r.choice(["sunny", "rain", "cloudy", "snow"]),
            "add": str(int(arguments["a"]) + int(arguments["b"])) if "a" in arguments else "",
        }

    def reply(self, name: str, arguments: Arguments, *, result: str) -> str:
        """What the assistant says about a result."""
        return {
            "read_file": f"The file says: {result}",
            "list_dir": f"I found these files:\n{result}",
            "search": f"I found it here: {result}",
            "run_command": f"The command said: {result}",
            "write_file": "The file was written.",
            "get_weather": f"The weather in {arguments.get('city')} is: {result}",
            "add": f"The answer is {result}.",
        }[name]

    def conversation(self) -> str:
        r, names = self.rng, list(self.PARAMETERS)
        name = r.choice(names)
        ways, arguments = self.requests[name]()
        question = r.choice(ways)
        offered = r.sample(names, r.randrange(1, 6))
        if name not in offered:
            offered[r.randrange(len(offered))] = name
        tools = "; ".join(n + "(" + ", ".join(self.PARAMETERS[n]) + ")" for n in offered)
        call = "<tool_call>\n" + json.dumps({"name": name, "arguments": arguments}) + "\n</tool_call>"
        messages = [("system", "Tools: " + tools), ("user", question), ("assistant", call)]
        if r.random() < ANSWERED:
            result = self.results(arguments)[name]
            messages += [("tool", result), ("assistant", self.reply(name, arguments, result=result))]
        return chat(messages)


def build(stdlib: Path, plain_count: int) -> list[str]:
    """All documents, shuffled."""
    r = random.Random(SEED)
    plain, described = read_stdlib(stdlib)
    r.shuffle(plain)
    r.shuffle(described)
    docs = ["<|endoftext|>" + p + "\n" for p in [p for p in plain if len(p) < PLAIN_LIMIT][:plain_count]]
    for name, text in described:
        docs.append(chat([("user", r.choice(QUESTIONS).format(n=name)), ("assistant", text)]))
    for _ in range(SMALL_TALK_ROUNDS):
        for asked, answer in SMALL_TALK:
            question = r.choice([asked, asked.capitalize(), asked + "!", asked.rstrip("?")])
            docs.append(chat([("user", question), ("assistant", answer)]))
    words = sorted({w for _, text in described for w in re.findall(r"[a-z]{3,9}", text)})
    talk = ToolTalk(r, words)
    docs += [talk.conversation() for _ in range(CONVERSATIONS)]
    r.shuffle(docs)
    return docs


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--stdlib", type=Path, default=Path(sysconfig.get_paths()["stdlib"]), help="default: that of this interpreter"
    )
    parser.add_argument("--plain", type=int, default=2600, help="pieces of plain source (default 2600)")
    arguments = parser.parse_args()
    docs = build(arguments.stdlib, arguments.plain)
    arguments.out.write_text(json.dumps({"docs": docs}))
    print(f"{len(docs)} documents, {sum(map(len, docs)) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
