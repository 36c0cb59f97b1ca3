"""Readings of this machine, and of made-up control groups."""

import sys
from pathlib import Path

import pytest

from hostler.system import hardware
from hostler.system.hardware import GroupLimits, read_group_limits, read_machine, read_memory

linux = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
GB = 1 << 30


def group(folder: Path, **entries: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in entries.items():
        (folder / name.replace("__", ".")).write_text(text)


def own(folder: Path, *lines: str) -> Path:
    path = folder / "own"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_this_machine_is_read() -> None:
    machine = read_machine()
    assert 0 < machine.memory.available <= machine.memory.total
    assert 1 <= machine.processors.physical <= machine.processors.logical
    assert machine.load >= 0
    assert read_memory().total == machine.memory.total


@linux
def test_version_2_takes_the_tightest_group_on_the_way_up(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    stat = f"anon 5\ninactive_file {GB}\n"
    group(root / "a" / "b", memory__max="max\n", cpu__max="max 100000\n")
    group(
        root / "a",
        memory__max=f"{4 * GB}\n",
        memory__current=f"{3 * GB}\n",
        memory__stat=stat,
        cpu__max="150000 100000",
    )
    limits = read_group_limits(root, own(tmp_path, "0::/a/b"))
    assert limits == GroupLimits(4 * GB, 2 * GB, 1.5)


@linux
def test_version_1_is_read_by_controller(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(
        root / "memory" / "job",
        memory__limit_in_bytes=f"{2 * GB}",
        memory__usage_in_bytes=f"{GB}",
        memory__stat="total_inactive_file 1024\n",
    )
    group(root / "memory", memory__limit_in_bytes="9223372036854771712", memory__usage_in_bytes="1")
    group(root / "cpu,cpuacct" / "job", cpu__cfs_quota_us="50000", cpu__cfs_period_us="100000")
    lines = ["9:name=systemd:/x", "4:memory:/job", "2:cpu,cpuacct:/job", "0::/"]
    assert read_group_limits(root, own(tmp_path, *lines)) == GroupLimits(2 * GB, GB - 1024, 0.5)


@linux
def test_a_container_sees_its_limits_at_the_root(tmp_path: Path) -> None:
    root = tmp_path / "fs"
    group(root, memory__max=f"{GB}", memory__current="0", cpu__max="max 100000")
    limits = read_group_limits(root, own(tmp_path, "0::/../host/path"))
    assert limits == GroupLimits(GB, 0, None)


@linux
def test_no_groups_no_limits(tmp_path: Path) -> None:
    assert read_group_limits(tmp_path / "none", tmp_path / "none") == GroupLimits()
    group(tmp_path, memory__max="garbage", cpu__max="", cpu__cfs_quota_us="-1", cpu__cfs_period_us="100000")
    assert read_group_limits(tmp_path, own(tmp_path, "0::/")) == GroupLimits()


@linux
def test_a_limit_bounds_memory_and_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    def small() -> GroupLimits:
        return GroupLimits(1000, 400, 0.5)

    monkeypatch.setattr(hardware, "read_group_limits", small)
    machine = read_machine()
    assert machine.memory == hardware.Memory(1000, 600, True)
    assert machine.processors.physical == 1
    assert machine.processors.quota == 0.5


def test_a_system_without_load_average(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(hardware.os, "getloadavg", missing)
    assert hardware.load_average() == 0.0
