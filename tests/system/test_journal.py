"""The journal against real files: any line sizes, several writers, kill -9, a full disk."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hostler.errors import StorageError
from hostler.system import journal as journal_module
from hostler.system.journal import Journal, SegmentReader, is_written, journal_files, journal_names, remove_journal

PAGE = 4096

CHILD = """
import os, sys
from pathlib import Path
from hostler.system.journal import Journal
journal = Journal(Path(sys.argv[1]), sys.argv[2], segment_size=65536)
for number in range(int(sys.argv[3])):
    journal.append(b"line %d %s\\n" % (number, b"x" * (number % 300)))
print(journal.name, flush=True)
sys.stdin.read()
"""


def all_lines(folder: Path, name: str) -> list[bytes]:
    lines: list[bytes] = []
    for path in journal_files(folder)[name]:
        reader = SegmentReader(path)
        while block := reader.read():
            lines += block.splitlines(keepends=True)
        reader.close()
    return lines


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "journal", segment_size=PAGE)
    yield journal
    journal.close()


def test_lines_are_readable_as_soon_as_they_are_appended(journal: Journal, tmp_path: Path) -> None:
    (path,) = journal_files(tmp_path / "journal")[journal.name]
    reader = SegmentReader(path)
    assert reader.read() == b""
    journal.append(b"one\n")
    assert reader.read() == b"one\n"
    journal.append(b"two\n")
    journal.append(b"three\n")
    assert reader.read() == b"two\nthree\n"
    assert reader.read() == b""
    assert not reader.is_finished()
    journal.close()
    assert reader.is_finished()
    reader.close()


def test_a_line_that_is_being_copied_is_not_read(tmp_path: Path) -> None:
    # memcpy may write a line's end before its middle; a reader in another process can see that
    path = tmp_path / "x.1.000001.log"
    path.write_bytes(b"whole\nto\0n\n" + bytes(100))
    reader = SegmentReader(path)
    assert reader.read() == b"whole\n"
    assert reader.read() == b""
    path.write_bytes(b"whole\ntorn\n" + bytes(100))
    assert reader.read() == b"torn\n"
    reader.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9000), st.booleans(), st.booleans()), max_size=25))
def test_lines_of_any_length_come_back_in_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    journal = Journal(folder, segment_size=PAGE)
    written: list[bytes] = []
    for number, (size, reserved, prepare) in enumerate(steps):
        line = b"%d %s\n" % (number, b"y" * size)
        if prepare:
            journal.prepare()
        (journal.append_reserved if reserved else journal.append)(line)
        written.append(line)
    assert all_lines(folder, journal.name) == written
    journal.close()
    assert all_lines(folder, journal.name) == written
    for path in journal_files(folder)[journal.name]:
        reader = SegmentReader(path)
        while reader.read(16):
            pass
        assert reader.is_finished()
        reader.close()


def test_two_writers_share_a_folder(tmp_path: Path) -> None:
    one, two = Journal(tmp_path, "one"), Journal(tmp_path, "two")
    again = Journal(tmp_path, "one")
    one.append(b"1\n")
    two.append(b"2\n")
    again.append(b"3\n")
    assert journal_names(tmp_path) == [one.name, again.name, two.name]
    assert [all_lines(tmp_path, j.name) for j in (one, again, two)] == [[b"1\n"], [b"3\n"], [b"2\n"]]
    for journal in (one, two, again):
        assert is_written(tmp_path, journal.name)
        journal.close()
        assert not is_written(tmp_path, journal.name)
        remove_journal(tmp_path, journal.name)
    assert list(tmp_path.iterdir()) == []


def test_kill_9_loses_no_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), "w1", "2000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert is_written(tmp_path, name)
        child.send_signal(signal.SIGKILL)
    assert not is_written(tmp_path, name)
    lines = all_lines(tmp_path, name)
    assert lines == [b"line %d %s\n" % (n, b"x" * (n % 300)) for n in range(2000)]
    assert len(journal_files(tmp_path)[name]) > 4


def test_a_full_disk_refuses_new_lines_and_leaves_room_for_last_ones(tmp_path: Path) -> None:
    full = False

    def allocate(descriptor: int, size: int) -> None:
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        journal_module.preallocate(descriptor, size)

    journal = Journal(tmp_path, segment_size=8 * PAGE, allocate=allocate)
    full = True
    begun = 0
    with pytest.raises(StorageError, match="No space left") as caught:
        while begun < 1000:
            journal.append(b"%099d\n" % begun)
            begun += 1
    assert "free some space" in caught.value.text
    for number in range(80):
        journal.append_reserved(b"%099d\n" % (begun + number))
    full = False
    journal.append(b"after\n")
    expected = [b"%099d\n" % n for n in range(begun + 80)]
    assert all_lines(tmp_path, journal.name) == [*expected, b"after\n"]
    assert len(journal_files(tmp_path)[journal.name]) == 2
    journal.close()


def test_a_file_size_limit_is_a_storage_error_and_no_signal(tmp_path: Path) -> None:
    child = """
import resource, sys
from pathlib import Path
from hostler.errors import StorageError
from hostler.system.journal import Journal
journal = Journal(Path(sys.argv[1]), segment_size=65536)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    for number in range(10000):
        journal.append(b"0123456789\\n")
except StorageError as error:
    print(error.message, journal.statistics().bytes_in_segment)
"""
    done = subprocess.run([sys.executable, "-c", child, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert int(done.stdout.split()[-1]) > 40_000


def test_without_fallocate_zeros_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    journal = Journal(tmp_path, segment_size=3 * PAGE)
    (path,) = journal_files(tmp_path)[journal.name]
    assert path.stat().st_size == 3 * PAGE
    assert path.stat().st_blocks * 512 >= 3 * PAGE
    journal.append(b"x\n")
    assert all_lines(tmp_path, journal.name) == [b"x\n"]
    journal.close()


def test_a_closed_journal_refuses_lines(journal: Journal) -> None:
    journal.append(b"x\n")
    journal.close()
    journal.close()
    for append in (journal.append, journal.append_reserved):
        with pytest.raises(StorageError, match="closed"):
            append(b"y\n")


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        Journal(tmp_path / "file" / "journal")
    with pytest.raises(ValueError, match="writer id"):
        Journal(tmp_path, "a/b")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
