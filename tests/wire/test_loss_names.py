"""No code can tell a client of a loss by a name that is in no line of the table: what stands in the code is read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from hostler import wire
from hostler.wire.loss_table import BY_MODEL, TO_FACE, TO_WIRE

SRC: Final = Path(wire.__file__).parent.parent
MODULES: Final = [
    SRC / "providers" / "gemini_cli.py",
    SRC / "core" / "fitting.py",
    *sorted((SRC / "wire").rglob("*.py")),
]
KNOWN: Final = {loss.name for lines in (*TO_WIRE.values(), *TO_FACE.values(), BY_MODEL) for loss in lines}
COMPUTED: Final = {
    "wire/anthropic/request_encode.py": 2,  # what a dialect forbids, and a field of the client's own
    "wire/call_arguments.py": 1,  # the place, which each caller says
    "wire/dashscope/request.py": 1,  # what a dialect forbids
    "wire/efforts.py": 1,  # the effort's name on the wire, which each caller says
    "wire/dialects.py": 1,  # what a dialect forbids
    "wire/gemini/request.py": 1,  # sampling that a dialect forbids
    "wire/ollama/request.py": 1,  # what a dialect forbids
}
"""How many names of a module are variables that cannot be read off it; the vendors' rows are gone through elsewhere."""
_ANY: Final = "[^.]+"


class Told(ast.NodeVisitor):
    """The names that a module can put among the dropped ones, as patterns; "" for one that cannot be read off it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._loops: dict[str, list[str]] = {}
        self._gives = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._gives = node.returns is not None and re.search(r"\bset\[str\]", ast.unparse(node.returns)) is not None
        self.generic_visit(node)

    def visit_For(self, node: ast.For) -> None:
        self._loop(node.target, node.iter)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node:
            case ast.Call(func=ast.Attribute(value=place, attr="add"), args=[value]) if _gathers(place):
                self.names += self._values(value)
            case ast.Call(args=[*_, ast.Constant(value=str() as name)], keywords=[*_, ast.keyword(arg="dropped")]):
                self.names.append(re.escape(name))  # a place, said to whoever gathers
            case ast.Call(func=ast.Name(id="effort_word"), keywords=[ast.keyword(value=value)]):
                self.names += self._values(value)
            case _:
                pass
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if _gathers(node.target):
            self.names += self._values(node.value)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        if any(map(_gathers, node.targets)):
            self.names += self._values(node.value)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        sets = [part for part in ast.walk(node) if isinstance(part, ast.Set)] if self._gives else []
        self.names += [name for part in sets for name in self._values(part)]
        self.generic_visit(node)

    def _loop(self, target: ast.expr, values: ast.expr) -> None:
        """What a variable goes through, where that stands there."""
        first = target.elts[0] if isinstance(target, ast.Tuple) else target
        if isinstance(first, ast.Name) and isinstance(values, ast.Tuple):
            each = [item.elts[0] if isinstance(item, ast.Tuple) else item for item in values.elts]
            self._loops[first.id] = [name for item in each for name in self._values(item)]
        elif isinstance(first, ast.Name):
            self._loops.pop(first.id, None)

    def _values(self, value: ast.expr) -> Iterator[str]:
        match value:
            case ast.Constant(value=str() as name):
                yield re.escape(name)
            case ast.JoinedStr(values=pieces):
                yield "".join(re.escape(str(p.value)) if isinstance(p, ast.Constant) else _ANY for p in pieces)
            case ast.Set(elts=inner) | ast.Tuple(elts=inner):
                for each in inner:
                    yield from self._values(each)
            case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, right=other):
                yield from self._values(one)
                yield from self._values(other)
            case ast.SetComp(elt=inner, generators=[generator]):
                self._loop(generator.target, generator.iter)
                yield from self._values(inner)
            case ast.Name(id=name) if name in self._loops:
                yield from self._loops[name]
            case ast.Name(id=name) if not name.isupper() and name not in ("dropped", "lost"):
                yield ""
            case _:
                pass  # constants, and what other functions return, which are read where they stand


def _gathers(place: ast.expr) -> bool:
    return ast.unparse(place).split(".")[-1] == "dropped"


def strangers(source: str, *, computed: int) -> list[str]:
    """What a module may tell that is in no line, by its patterns; `computed` names may be variables."""
    told = Told()
    told.visit(ast.parse(source))
    wrong = [each for each in told.names if each and not any(re.fullmatch(each, name) for name in KNOWN)]
    variables = told.names.count("")
    return wrong if variables == computed else [*wrong, f"{variables} names are variables, not {computed}"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SRC)))
def test_no_code_can_tell_a_name_that_is_in_no_line(path: Path) -> None:
    assert strangers(path.read_text("utf-8"), computed=COMPUTED.get(str(path.relative_to(SRC)), 0)) == []


def test_what_wires_lack_alike_is_named_by_lines() -> None:
    tree = ast.parse((SRC / "wire" / "losses.py").read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert {text for text in texts if " " not in text and text != "auto" and text} <= KNOWN


@pytest.mark.parametrize(
    "line",
    [
        'self.dropped.add("x_y")',
        'self.dropped.add("top_k" if a else "x_y")',
        'dropped |= {"x_y"} if a else set()',
        'dropped = {"top_k", "x_y"}',
        'dropped |= {n for n in ("x_y", "top_k") if n in a}',
        'f(a, "x_y", dropped=dropped)',
        'effort_word(a, b, name="x_y")',
        'def f(a) -> set[str]:\n    return {"x_y"} | a',
        'for n in ("x_y",):\n    dropped.add(n)',
        'for n, v in (("x_y", 1),):\n    dropped.add(n)',
    ],
)
def test_a_name_in_no_line_is_found(line: str) -> None:
    assert strangers(line, computed=0) == ["x_y"]
    assert strangers(line.replace("x_y", "seed"), computed=0) == []


def test_patterns_and_variables_are_found() -> None:
    assert strangers('dropped.add(f"messages[].{kind}.x_y")', computed=0)
    assert strangers('dropped.add(f"messages[].{kind}")', computed=0) == []
    assert strangers("dropped.add(name)", computed=0) == ["1 names are variables, not 0"]
