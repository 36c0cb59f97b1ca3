"""The contract itself: it is large enough on each wire, leaves no wire out, and shows everything that it promises."""

from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from hostler.core.wires import WIRES
from tests.contract.case import FORMS, Case, Item, cases_of

ENOUGH = 40
MODULES = [import_module(f"tests.contract.{file.stem}") for file in sorted(Path(__file__).parent.glob("test_*.py"))]


def runs(module: ModuleType) -> list[tuple[Case, str, str]]:
    """Case, wire and form of each test that pytest makes of a module."""
    found: list[tuple[Case, str, str]] = []
    for test in vars(module).values():
        for mark in getattr(test, "pytestmark", ()):
            if mark.name == "parametrize" and mark.args[0] == "talk":
                found += [parameters.values[0] for parameters in mark.args[1]]
    return found


def test_there_are_enough_cases_on_each_wire() -> None:
    made = [run for module in MODULES for run in runs(module)]
    by_wire = {wire: {case.name for case, on, _ in made if on == wire} for wire in WIRES}
    assert all(len(names) >= ENOUGH for names in by_wire.values()), {w: len(n) for w, n in by_wire.items()}
    assert len({frozenset(names) for names in by_wire.values()}) == 1, "a case is left out on a wire"
    assert Counter(form for _, _, form in made) == dict.fromkeys(FORMS, len(made) // 2)


@pytest.mark.parametrize("item", get_args(Item))
def test_each_item_is_shown(item: Item) -> None:
    assert any(item in case.shows for module in MODULES for case in cases_of(module))


def test_no_two_cases_share_a_model() -> None:
    for module in MODULES:
        names = Counter(case.name for case in cases_of(module))
        assert not [name for name, count in names.items() if count > 1]


def test_no_case_is_skipped() -> None:
    for module in MODULES:
        marks = [mark.name for test in vars(module).values() for mark in getattr(test, "pytestmark", ())]
        assert not {"skip", "skipif", "xfail"} & set(marks)
