"""The house rules hold for the whole project, and each of them can fail."""

import ast
from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from hostler.core import capabilities
from tests.house import code, shape, text
from tests.house.source import ROOT, Finding, Rule, Source, project, source
from tools import docs

CORE = "src/hostler/core/sample.py"
TEST = "tests/core/test_sample.py"


@dataclass(frozen=True, slots=True)
class Case:
    """A rule with a text that breaks it and one that keeps it, both as the file `path`."""

    rule: Rule
    bad: str
    good: str
    path: str = CORE


def body(lines: int) -> str:
    """A function that is `lines` long."""
    return "def f():\n" + "    x = 1\n" * (lines - 1)


def steps(count: int) -> str:
    """A function with `count` branches."""
    return "def f(x):\n" + "".join(f"    if x == {n}:\n        print(x)\n" for n in range(count))


CASES = (
    Case(shape.file_length, "x = 1\n" * 601, "x = 1\n" * 600),
    Case(shape.function_length, body(61), body(60)),
    Case(shape.complexity, steps(10), steps(9)),
    Case(
        shape.complexity,
        "def f(x):\n    match x:\n" + "".join(f"        case {n}:\n            pass\n" for n in range(10)),
        "def f(x):\n    match x:\n        case 1:\n            pass\n        case _:\n            pass\n",
    ),
    Case(shape.parameters, "def f(a, b, *, c, d, e, f, g): ...", "def f(a, b, *, c, d, e, f): ..."),
    Case(shape.parameters, "class A:\n    def f(self, a, b, c): ...", "class A:\n    def f(self, a, b, *, c): ..."),
    Case(shape.parameters, "def f(a, b, c): ...  # signature:", "def f(a, b, c): ...  # signature: asyncio"),
    Case(shape.parameters, "def f(a, b, c, d, e, f, g): ...", "def test_f(a, b, c, d, e, f): ...", TEST),
    Case(shape.parameters, "def f(a, b, c): ...\nf(1, 2, 3)", "def f(a, b, c): ...\nTABLE = {1: f}"),
    Case(shape.parameters, "def f(a, b, c, d, e, f, g): ...\nTABLE = {1: f}", "def f(a, b, c): ...\nrun(f)"),
    Case(shape.module_docstring, "x = 1\n", '"""Knows x."""\n'),
    Case(shape.module_name, "", "", "src/hostler/core/path_utils.py"),
    Case(code.vendor_names, 'if provider == "openai": ...', 'KIND = "openai-compatible"'),
    Case(code.vendor_names, 'if name == "qwen": ...', 'if architecture == "qwen3": ...'),
    Case(code.vendor_names, 'x = f"{a}/DeepSeek-{b}"', '"""Speaks to openai."""'),
    Case(
        code.vendor_names,
        'LINE = b"ANTHROPIC_BASE_URL"',
        '# client: a tool\'s own variable\nLINE = b"ANTHROPIC_BASE_URL"',
    ),
    Case(code.environment, "import os\nx = os.environ['HOME']", "import os\nx = os.getpid()"),
    Case(code.environment, "from os import getenv", "from os import getpid"),
    Case(code.base_urls, 'x = "https://api.example.org/v1"', 'x = f"http://{host}:{port}"'),
    Case(
        code.base_urls, 'x = "http://127.0.0.1:8080"', '# link: a JSON Schema id\nx = "https://json-schema.org/draft"'
    ),
    Case(code.sleeping_tests, "import time\ntime.sleep(1)", "import time\ntime.monotonic()", TEST),
    Case(code.sleeping_tests, "from time import sleep", "from time import monotonic", TEST),
    Case(code.mocks, "from unittest import mock", "import unittest", TEST),
    Case(code.mocks, "import unittest.mock", "import hostler", TEST),
    Case(code.mocks, "from unittest.mock import patch", "from hostler import settings", TEST),
    Case(code.mocks, "def test_x(mocker): ...", "def test_x(monkeypatch): ...", TEST),
    Case(code.late_imports, "def f():\n    import json", "def f():\n    import json  # lazy: start-up time"),
    Case(code.late_imports, "def f():\n    from a import b  # lazy:", "from a import b"),
    Case(
        code.broad_excepts,
        "try:\n    x()\nexcept Exception:\n    pass",
        "try:\n    x()\nexcept Exception:  # a handler of the user's may raise anything\n    pass",
    ),
    Case(code.broad_excepts, "try:\n    x()\nexcept Exception:  # noqa: BLE001\n    pass", "x()"),
    Case(code.broad_excepts, "try:\n    x()\nexcept:\n    pass", "try:\n    x()\nexcept OSError:\n    pass"),
    Case(
        code.broad_excepts,
        "try:\n    x()\nexcept (OSError, BaseException):\n    pass",
        "try:\n    x()\nexcept:\n    y()\n    raise",
    ),
    Case(code.global_statements, "def f():\n    global x\n    x = 1", "def f():\n    x = 1\n    return x"),
    Case(code.mutable_globals, "cache = {}", "CACHE = {}\nnames = ()"),
    Case(code.mutable_globals, "seen: set[str] = set()", "SEEN = frozenset()\n__all__ = ['x']"),
    Case(code.mutable_globals, "T = {}\ndef f():\n    T['a'] = 1", "def f():\n    T = {}\n    T['a'] = 1"),
    Case(code.mutable_globals, "T = []\ndef f():\n    T.append(1)", "T = [1]\ndef f():\n    return T[0]"),
    Case(code.any_types, "from typing import Any", "from typing import Any  # edge: JSON of a client"),
    Case(code.slotted_records, "@dataclass\nclass A: ...", "@dataclass(frozen=True, slots=True)\nclass A: ..."),
    Case(code.slotted_records, "@dataclasses.dataclass(frozen=True)\nclass A: ...", "class A: ..."),
    Case(text.machine_paths, "see /ro" + "ot/notes", "see /home/you/notes, ~/work/notes and src/work/x", "docs/x.md"),
    Case(
        text.lock_hosts,
        'source = { registry = "http://mirror.example/simple" }',
        'source = { registry = "https://pypi.org/simple" }',
        "uv.lock",
    ),
    Case(text.lock_hosts, 'source = { path = "x.whl" }', 'source = { editable = "." }', "uv.lock"),
)
RULES = tuple(dict.fromkeys(case.rule for case in CASES))


@pytest.fixture(scope="session")
def files() -> tuple[Source, ...]:
    """The whole project, read once."""
    return project()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule.__name__)
def test_the_rule_can_fail(case: Case) -> None:
    good = case.path.replace("path_utils", "paths")
    assert list(case.rule(source(case.path, case.bad)))
    assert not list(case.rule(source(good, case.good)))


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps_it(rule: Rule, files: tuple[Source, ...]) -> None:
    broken = [f"{file.path}:{found.line}: {found.what}" for file in files for found in rule(file)]
    if broken:
        pytest.fail("\n".join([docs.first_paragraph(rule.__doc__), *broken]), pytrace=False)


def test_every_rule_is_in_the_table() -> None:
    defined = {
        node.name
        for module in ("shape", "code", "text")
        for node in source("x.py", (ROOT / f"tests/house/{module}.py").read_text("utf-8")).tree.body
        if isinstance(node, ast.FunctionDef)
        and [ast.unparse(a.annotation or ast.Pass()) for a in node.args.args] == ["Source"]
    }
    assert defined == {rule.__name__ for rule in RULES}


# ------------------------------------------------------------------------- what exists is documented


def page(name: str) -> Source:
    """A page of the docs."""
    return source(f"docs/{name}", (ROOT / "docs" / name).read_text("utf-8"))


def missing(names: Iterable[str], name: str) -> list[Finding]:
    """Names that a page of the docs lacks; an empty list of names would prove nothing."""
    listed = list(names)
    assert listed
    return list(text.undocumented(listed, page(name)))


def test_an_undocumented_name_is_found() -> None:
    sample = source("docs/sample.md", "| `--port N` | `gateway.port` |\nprose about --host and gateway.host")
    assert not list(text.undocumented(["--port", "gateway.port"], sample))
    assert len(list(text.undocumented(["--host", "gateway.host", "--por", "port.gateway"], sample))) == 4


def test_every_setting_is_documented() -> None:
    assert not missing((row.name for row in docs.settings_rows()), "settings.md")
    assert not missing((row.variable for row in docs.settings_rows() if row.variable), "settings.md")


def test_every_error_code_is_documented() -> None:
    assert not missing(docs.error_codes(), "errors.md")


def test_every_path_is_documented() -> None:
    assert not missing(docs.endpoints(), "gateway.md")


def test_every_event_kind_is_documented() -> None:
    assert not missing(docs.event_kinds(), "events.md")


def test_every_capability_is_documented() -> None:
    assert not missing(capabilities.FIELDS, "capabilities.md")


@pytest.mark.skipif(not docs.CLI.is_file(), reason="there is no command line yet")
def test_every_flag_is_documented() -> None:
    assert not missing(docs.cli_names(), "cli.md")


@pytest.mark.parametrize("table", docs.TABLES, ids=lambda table: table.name)
def test_a_stale_table_is_found(table: docs.Table) -> None:
    fresh = docs.replaced(f"# Page\n\n{table.opening}\nold\n{docs.CLOSING}\n", table)
    stale = fresh.replace(docs.CLOSING, f"one line too many\n{docs.CLOSING}")
    assert docs.replaced(fresh, table) == fresh
    assert docs.replaced(stale, table) == fresh != stale
    with pytest.raises(ValueError, match=table.page):
        docs.replaced("a page without marks", table)


def test_the_tables_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main(["--check"]) == 0, capsys.readouterr().out
