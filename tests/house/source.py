"""One file of the project as the rules see it, and the list of all of them.

Knows: path, text, syntax tree, comments. Does not know: any rule.
"""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UNTRACKED = frozenset({".git", ".venv", ".venv-newest", "build", "dist", "node_modules", "__pycache__", ".hypothesis"})

SWITCHES = re.compile(r"noqa(: ?[A-Z0-9, ]+)?|(type|pyright): ?ignore(\[[\w, -]*\])?|pragma: ?no cover")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """A file: `path` from the project's root with forward slashes; `tree` is empty for anything but Python."""

    path: str
    text: str
    tree: ast.Module = field(default_factory=lambda: ast.Module([], []), repr=False)
    comments: Mapping[int, str] = field(default_factory=dict[int, str], repr=False)

    @property
    def ours(self) -> str:
        """The path below src/hostler, or "" for a file elsewhere."""
        return self.path.removeprefix("src/hostler/") if self.path.startswith("src/hostler/") else ""

    @property
    def is_test(self) -> bool:
        """Whether it belongs to the tests."""
        return self.path.startswith("tests/")

    def explained(self, line: int, word: str = "") -> bool:
        """Whether a comment on `line`, or a comment line right above it, starts with `word` and gives a reason."""
        above = line > 1 and self.text.splitlines()[line - 2].lstrip().startswith("#")
        notes = (self.comments.get(line, ""), self.comments.get(line - 1, "") if above else "")
        said = (SWITCHES.sub("", note).strip("# ") for note in notes)
        return any(note.startswith(word) and note.removeprefix(word).strip() for note in said)


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong at `line`."""

    line: int
    what: str


Rule = Callable[[Source], Iterator[Finding]]


def source(path: str, text: str) -> Source:
    """Parse a file's text; SyntaxError goes through, for a broken file breaks every rule."""
    if not path.endswith(".py"):
        return Source(path, text)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}
    return Source(path, text, ast.parse(text, path), comments)


def project() -> tuple[Source, ...]:
    """Every text file that is, or is about to be, part of the project."""
    found: list[Source] = []
    for path in sorted(paths()):
        try:
            found.append(source(path, (ROOT / path).read_text("utf-8")))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # a binary; one that was removed and not yet committed; a link to a folder
    return tuple(found)


def paths() -> set[str]:
    """What git knows or would add; in an unpacked archive, everything that make did not build."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return set(listed.splitlines())
    except (OSError, subprocess.CalledProcessError):
        files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
        return {path.as_posix() for path in files if not UNTRACKED & set(path.parts)}


def functions(tree: ast.Module) -> Iterator[Function]:
    """Every function and method, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def strings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string that the program uses, with its line: all of them but docstrings and attribute docstrings."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or id(node) in prose:
            continue
        if isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node.value, bytes):
            yield node.lineno, node.value.decode("latin-1")
