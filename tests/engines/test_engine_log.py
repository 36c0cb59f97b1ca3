"""The engine's log: only this start's lines, the end of a long one, rotation under the writer."""

from pathlib import Path

from hostler.engines.engine_log import LINE_LIMIT, TAIL_BYTES, EngineLog, last_lines


def add(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_only_this_starts_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert EngineLog(path).lines() == ()
    add(path, "old\n")
    log = EngineLog(path)
    assert log.lines() == ()
    add(path, "one\n\n  \ntwo\nhal")
    assert log.lines() == ("one", "two", "hal")
    assert last_lines(path, 2) == ("two", "hal")
    assert last_lines(tmp_path / "missing", 2) == ()


def test_new_lines_come_whole_and_once(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EngineLog(path)
    assert log.new_lines() == ()
    add(path, "one\ntw")
    assert log.new_lines() == ("one",)
    assert log.new_lines() == ()
    add(path, "o\nthree\n")
    assert log.new_lines() == ("two", "three")


def test_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EngineLog(path)
    add(path, "".join(f"line {n} {'x' * 100}\n" for n in range(5000)))
    lines = log.lines()
    assert lines[-1].startswith("line 4999 ") and sum(map(len, lines)) < TAIL_BYTES
    assert all(line.startswith("line ") for line in lines), "no half line at the beginning"
    add(path, "y" * 10_000)
    assert len(log.lines()[-1]) == LINE_LIMIT


def test_rotation_keeps_the_writer_writing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EngineLog(path)
    with path.open("ab", buffering=0) as writer:
        writer.write(b"a\n" * 100)
        log.keep_within(1000)
        assert path.stat().st_size == 200
        log.keep_within(300)
        assert path.stat().st_size == 0
        assert (tmp_path / "log.1").stat().st_size == 200
        writer.write(b"after\n")
        assert log.lines() == ("after",)
        assert log.new_lines() == ("after",)
