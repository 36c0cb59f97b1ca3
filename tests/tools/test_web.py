"""The front end is built where Node is there, and nobody who lacks it is held up."""

from pathlib import Path

import pytest

from tools import web

LOCK = '{"lockfileVersion": 3}'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own, with a web folder of two files and no Node."""
    monkeypatch.setattr(web, "ROOT", tmp_path)
    monkeypatch.setattr(web, "WEB", tmp_path / "web")
    monkeypatch.setattr(web, "DIST", tmp_path / "dist")
    monkeypatch.setattr(web, "STAMP", tmp_path / "build" / "web.stamp")
    monkeypatch.setenv("PATH", "")
    (tmp_path / "web" / "node_modules").mkdir(parents=True)
    (tmp_path / "web" / "package.json").write_text("{}", "utf-8")
    (tmp_path / "web" / "package-lock.json").write_text(LOCK, "utf-8")
    return tmp_path


def built(project: Path) -> None:
    """As if web.py had built it just now."""
    (project / "dist").mkdir()
    (project / "dist" / "index.html").touch()
    (project / "build").mkdir()
    (project / "build" / "web.stamp").write_text(web.digest(), "utf-8")


@pytest.mark.usefixtures("project")
def test_without_node_all_else_goes_on_and_one_line_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert web.main(["build", "--if-can"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "Node 20.19 or later" in said
    assert "the gateway works without it" in said


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("what", "status"), [("build", 1), ("types", 1), ("check", 0), ("test", 0)])
def test_who_asks_for_it_by_name_is_told(what: str, status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert web.main([what]) == status
    assert "Node 20.19" in capsys.readouterr().out


def test_what_did_not_change_is_not_built_again(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built(project)
    assert web.main(["build"]) == 0  # without Node: nothing was there to do
    assert capsys.readouterr().out == ""


def test_a_package_never_carries_pages_of_before(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Node, a change in web/ is built first; a build that fails ends the packaging, not with the old pages."""
    built(project)
    (project / "web" / "page.svelte").write_text("<p>", "utf-8")
    monkeypatch.setattr(web, "lacking", str)
    ran: list[str] = []
    monkeypatch.setattr(web, "build_beside", lambda: ran.append("built") or 3)
    assert web.main(["build", "--to-ship"]) == 3
    monkeypatch.setattr(web, "build_beside", lambda: ran.append("built") or 0)
    assert web.main(["build", "--to-ship"]) == 0
    assert web.main(["build", "--to-ship"]) == 0
    assert ran == ["built", "built"]


def test_an_sdist_is_installed_with_the_pages_that_it_carries(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether or not there is Node, and though nothing says what they were built from."""
    (project / "PKG-INFO").touch()
    assert web.main(["build", "--to-ship"]) == 1
    (project / "dist").mkdir()
    (project / "dist" / "index.html").touch()
    capsys.readouterr()
    for missing in ("no Node", ""):
        monkeypatch.setattr(web, "lacking", lambda missing=missing: missing)
        assert web.main(["build", "--to-ship"]) == 0
    assert capsys.readouterr().out == ""


def test_without_node_a_package_takes_what_was_built_before(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert web.main(["build", "--to-ship"]) == 1
    built(project)
    (project / "web" / "page.svelte").write_text("<p>", "utf-8")
    assert web.main(["build", "--to-ship"]) == 0
    assert "the one that is there is used" in capsys.readouterr().out


def test_a_change_is_seen_and_what_tools_leave_is_not(project: Path) -> None:
    before = web.digest()
    (project / "web" / "node_modules" / "left").touch()
    assert web.digest() == before
    (project / "web" / "page.svelte").write_text("<p>", "utf-8")
    assert web.digest() != before


def test_an_old_node_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("node", "npm"):
        tool = project / name
        tool.write_text("#!/bin/sh\necho v18.20.1\n", "utf-8")
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(project))
    assert web.lacking() == "Node v18.20.1 is too old (20.19 is needed)"


def test_packages_are_fetched_when_the_lock_changed(project: Path) -> None:
    assert [command[0] for command in web.install()] == ["ci"]
    web.installed().write_text(web.locked(), "utf-8")
    assert list(web.install()) == []
    (project / "web" / "package-lock.json").write_text(LOCK + "\n", "utf-8")
    assert [command[0] for command in web.install()] == ["ci"]


def test_another_word_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert web.main(["polish"]) == 2
    assert "web.py build" in capsys.readouterr().out
