"""The pure rules of the tree, also very deep."""

import pytest

from hostler.client.sessions.ids import MESSAGE, SESSION, is_id, new_id, written
from hostler.client.sessions.titles import one_line, title_from
from hostler.client.sessions.tree import Node, Tree
from hostler.system.clock import FakeClock

#      a          x
#    b   c        y
#   d e   f
SMALL = Tree(
    [
        Node("a", None, 0),
        Node("x", None, 4),
        Node("c", "a", 7),
        Node("b", "a", 2),
        Node("d", "b", 0, visited=3),
        Node("e", "b", 1),
        Node("f", "c", 0),
        Node("y", "x", 0),
    ]
)


def test_places() -> None:
    assert SMALL.path("e") == ("a", "b", "e")
    assert SMALL.children("a") == SMALL.siblings("b") == ("b", "c")
    assert SMALL.children(None) == SMALL.siblings("x") == ("a", "x")
    assert tuple(SMALL.below("a")) == ("a", "b", "d", "e", "c", "f")
    assert len(tuple(SMALL.below(None))) == len(SMALL) == 8


def test_where_a_switch_leads() -> None:
    assert SMALL.leaf("a") == SMALL.leaf("b") == SMALL.leaf(None) == "d"
    assert SMALL.leaf("c") == "f"
    assert SMALL.leaf("x") == "y"
    assert SMALL.leaf("e") == "e"
    assert Tree([]).leaf(None) is None
    assert Tree([Node("a", None), Node("b", "a", 0), Node("c", "a", 1)]).leaf("a") == "c"


def test_what_a_fork_takes() -> None:
    assert SMALL.fork("b", "path") == ("a", "b")
    assert SMALL.fork("b", "tail") == ("b", "d", "e")
    assert SMALL.fork("b", "branches") == ("a", "b", "d", "e", "c", "f")


def test_broken_trees_are_refused() -> None:
    with pytest.raises(ValueError, match="there twice"):
        Tree([Node("a", None), Node("a", None)])
    with pytest.raises(ValueError, match="the message a lead round"):
        Tree([Node("r", None), Node("a", "b"), Node("b", "a")])
    with pytest.raises(KeyError):
        SMALL.path("none")
    assert Tree([Node("a", "gone")]).path("a") == ("a",)


def test_a_chain_may_be_very_deep() -> None:
    chain = Tree(Node(str(n), str(n - 1) if n else None) for n in range(5000))
    assert len(chain.path("4999")) == 5000
    assert chain.leaf(None) == chain.leaf("0") == "4999"
    assert len(chain.fork("1", "tail")) == 4999


def test_ids_sort_by_time_and_only_grow() -> None:
    clock = FakeClock(4_000_000_000_000_000_000)  # far ahead: other tests use other clocks in this process
    made = [new_id(MESSAGE, clock) for _ in range(1000)]
    clock.set_wall(clock.time_ns() - 10**12)
    made += [new_id(MESSAGE, clock) for _ in range(10)]
    assert sorted(set(made)) == made
    assert all(is_id(each) for each in made)
    assert not is_id("m_" + "U" * 26)
    assert new_id(SESSION, clock).startswith("s_")
    assert written(0) == "0" * 26
    assert written(2**128 - 1) == "7" + "Z" * 25
    with pytest.raises(ValueError, match="128 bits"):
        written(2**128)


def test_titles_are_cut_between_words() -> None:
    assert title_from("\n\n  Hello   there \nmore") == "Hello there"
    long = title_from("word, " * 40)
    assert len(long) <= 80
    assert long.endswith("word…")
    assert title_from("x" * 200) == "x" * 79 + "…"
    assert title_from("") == ""
    assert one_line("a\x00b\u2028c\u200dd") == "a b c\u200dd"
