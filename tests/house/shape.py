"""Rules about size and shape: files, functions, parameters, docstrings, names of modules."""

import ast
from collections.abc import Iterator

from tests.house.source import Finding, Function, Source, functions

FILE_LINES = 600
FUNCTION_LINES = 60
COMPLEXITY = 10
PARAMETERS = 6
POSITIONAL = 2
DRAWERS = frozenset({"manager", "managers", "helper", "helpers", "util", "utils", "common", "misc"})
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.FunctionDef, ast.AsyncFunctionDef)


def file_length(source: Source) -> Iterator[Finding]:
    """A file that nobody can read in one sitting is two files."""
    lines = len(source.text.splitlines())
    if source.path.endswith((".py", ".sh", "Makefile")) and lines > FILE_LINES:
        yield Finding(lines, f"{lines} lines; the limit is {FILE_LINES}")


def function_length(source: Source) -> Iterator[Finding]:
    """A function does one thing at one level."""
    for node in functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            yield Finding(node.lineno, f"{node.name} has {lines} lines; the limit is {FUNCTION_LINES}")


def complexity(source: Source) -> Iterator[Finding]:
    """Many branches in one function are a table or several functions."""
    for node in functions(source.tree):
        paths = sum(branches(child) for child in ast.walk(node))  # the function itself is the first
        if paths > COMPLEXITY:
            yield Finding(node.lineno, f"{node.name} has complexity {paths}; the limit is {COMPLEXITY}")


def branches(node: ast.AST) -> int:
    """How many further paths a node opens, counted as the linter counts them."""
    if isinstance(node, ast.Match):
        return sum(not (isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None) for case in node.cases)
    if isinstance(node, ast.Try):
        return int(bool(node.orelse))
    return int(isinstance(node, BRANCHES))


def parameters(source: Source) -> Iterator[Finding]:
    """Six at most, and named at the call after the first two.

    What is handed over as a value is called by position, so callbacks and handlers in tables keep the first limit only;
    likewise tests and fixtures, which pytest calls by name. Another's protocol is named: `# signature: whose`.
    """
    handed = set(values(source.tree))
    for node in functions(source.tree):
        positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args) if a.arg not in {"self", "cls"}]
        total = len(positional) + len(node.args.kwonlyargs)
        if dictated(source, node):
            continue
        if total > PARAMETERS:
            yield Finding(node.lineno, f"{node.name} takes {total} parameters; above {PARAMETERS} use a frozen record")
        elif len(positional) > POSITIONAL and not source.is_test and node.name not in handed:
            yield Finding(node.lineno, f"{node.name}: parameters after the first {POSITIONAL} are keyword-only")


def values(tree: ast.Module) -> Iterator[str]:
    """Names of functions and own methods that a file uses without calling them: in a table, as an argument."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if id(node) in called:
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in {"self", "cls"}:
            yield node.attr


def dictated(source: Source, node: Function) -> bool:
    """Whether somebody else's protocol gives the signature: a dunder, or a comment `# signature: whose`."""
    special = node.name.startswith("__") and node.name.endswith("__") and node.name != "__init__"
    lines = range(node.lineno, max(node.body[0].lineno, node.lineno + 1))
    return special or any(source.explained(line, "signature:") for line in lines)


def module_docstring(source: Source) -> Iterator[Finding]:
    """Every module says in a line or two what it knows and what it does not know."""
    if source.path.endswith(".py") and source.text.strip() and not ast.get_docstring(source.tree):
        yield Finding(1, "no module docstring")


def module_name(source: Source) -> Iterator[Finding]:
    """A module is named after what it knows."""
    stem = source.path.rpartition("/")[2].removesuffix(".py")
    if source.path.endswith(".py") and DRAWERS & set(stem.split("_")):
        yield Finding(1, f"'{stem}' names a drawer, not a subject")
