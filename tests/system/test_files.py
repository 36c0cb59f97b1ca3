"""Files that people own stay whole, whatever breaks and whenever."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hostler.errors import StorageError
from hostler.system import files
from hostler.system.files import backup, edit_json, free_bytes, read_json, storage_errors, write_atomic

STEPS = ["fchmod", "fsync", "fdopen"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def breaking(name: str, call: int, error: BaseException) -> Callable[..., object]:
    """os.<name> that raises at its `call`-th use."""
    real = getattr(os, name)
    seen: list[int] = []

    def replacement(*arguments: object, **named: object) -> object:
        seen.append(1)
        if len(seen) == call:
            raise error
        return real(*arguments, **named)

    return replacement


def test_a_new_file_is_private_and_whole(tmp_path: Path) -> None:
    write_atomic(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert mode(tmp_path / "a") == 0o600
    write_atomic(tmp_path / "b", b"", mode=files.PUBLIC)
    assert mode(tmp_path / "b") == 0o644
    assert names(tmp_path) == ["a", "b"]


def test_a_stricter_mode_is_kept_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    write_atomic(real, b"old", mode=0o600)
    link.symlink_to(real)
    write_atomic(link, b"new", mode=0o644)
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert mode(real) == 0o600


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException
) -> None:
    path = tmp_path / "a"
    write_atomic(path, b"old")
    monkeypatch.setattr(os, name, breaking(name, 1, error))
    with pytest.raises((StorageError, KeyboardInterrupt)):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


CRASH = """
import os, sys
from pathlib import Path
from hostler.system.files import write_atomic
left = [int(sys.argv[2])]
def watch(event, arguments):
    if event in ("open", "os.rename", "os.chmod") and armed:
        left[0] -= 1
        if left[0] == 0:
            os._exit(9)
armed = False
sys.addaudithook(watch)
armed = True
write_atomic(Path(sys.argv[1]), b"new" * 100_000)
os._exit(0)
"""


@pytest.mark.slow
def test_a_crash_at_any_point_leaves_old_or_new(tmp_path: Path) -> None:
    outcomes = set()
    for step in range(1, 12):
        path = tmp_path / f"f{step}"
        path.write_bytes(b"old")
        done = subprocess.run(
            [sys.executable, "-c", CRASH, str(path), str(step)],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert path.read_bytes() in (b"old", b"new" * 100_000)
        outcomes.add((done.returncode, path.read_bytes()[:3]))
    assert outcomes >= {(9, b"old"), (0, b"new")}


def test_a_folder_that_is_missing_or_closed_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written") as caught:
        write_atomic(tmp_path / "none" / "a", b"")
    assert caught.value.hint == "The folder does not exist."


def test_backups_are_exclusive_numbered_and_as_private(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, b"one")
    (tmp_path / "a.json.bak-2").write_bytes(b"somebody's")
    assert backup(path).name == "a.json.bak-1"
    path.write_bytes(b"two")
    third = backup(path)
    assert third.name == "a.json.bak-3"
    assert third.read_bytes() == b"two"
    assert mode(third) == 0o600
    assert (tmp_path / "a.json.bak-2").read_bytes() == b"somebody's"
    with pytest.raises(StorageError, match="cannot be backed up"):
        backup(tmp_path / "none")


def test_backups_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BACKUPS", 1)
    path = tmp_path / "a"
    path.write_bytes(b"")
    backup(path)
    with pytest.raises(StorageError, match="has 1 backups already"):
        backup(path)


def added(document: files.Json) -> files.Json:
    return {**document, "mine": [1]}


def test_editing_keeps_what_is_not_ours_and_its_order(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"z": {"deep": [1, 2.5, null]}, "a": "ü"}')
    saved = edit_json(path, added)
    assert saved is not None
    assert saved.read_text() == '{"z": {"deep": [1, 2.5, null]}, "a": "ü"}'
    document = json.loads(path.read_text())
    assert list(document) == ["z", "a", "mine"]
    assert document["z"] == {"deep": [1, 2.5, None]}
    assert edit_json(path, added) is None


def test_editing_makes_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert edit_json(tmp_path / "a.json", added) is None
    assert (tmp_path / "a.json").read_text() == '{\n  "mine": [\n    1\n  ]\n}\n'


def test_an_edit_that_is_refused_writes_nothing(tmp_path: Path) -> None:
    def refuse(document: files.Json) -> None:
        raise ValueError(document)

    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="mine"):
        edit_json(path, added, verify=refuse)
    assert names(tmp_path) == ["a.json"]


def test_an_edit_notices_another_program(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")

    def meanwhile(document: files.Json) -> files.Json:
        path.write_text('{"theirs": 1}')
        return added(document)

    with pytest.raises(StorageError, match="another program"):
        edit_json(path, meanwhile)
    assert read_json(path) == {"theirs": 1}


@pytest.mark.parametrize(("text", "part"), [("[1]", "JSON object"), ("{", "not valid JSON"), ("", "not valid JSON")])
def test_what_is_no_json_object_is_refused(tmp_path: Path, text: str, part: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(StorageError, match=part):
        edit_json(path, added)
    assert path.read_text() == text


def test_free_space_of_a_folder_yet_to_be_made(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "x" / "y") > 0


def test_errors_without_a_text_have_a_name(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be read: OSError"), storage_errors(tmp_path, "read"):
        raise OSError
