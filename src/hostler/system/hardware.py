"""What this machine can give: memory and processors, within the limits of a container.

Knows: psutil, Linux control groups (v1 and v2), processor affinity and quota. Does not know: models or engines.
Accelerators are a later record beside these (nvidia-ml-py, extra `gpu`): `Machine` is where it will hang.
"""

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

CGROUP_ROOT: Final = Path("/sys/fs/cgroup")
OWN_CGROUP: Final = Path("/proc/self/cgroup")
UNLIMITED: Final = 1 << 60
"""Control groups of version 1 say a number near 2^63 for "no limit"."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of main memory."""

    total: int
    """What there is, or what the control group allows if that is less."""
    available: int
    """What can be taken now without swapping: free, and what the kernel can give back (page cache)."""
    limited: bool
    """A control group, not the machine, sets `total`."""


@dataclass(frozen=True, slots=True)
class Processors:
    """Processors that this process may use."""

    physical: int
    """Cores usable for arithmetic, at least 1: by affinity and quota, not counting second hardware threads."""
    logical: int
    """Hardware threads that the affinity mask allows."""
    quota: float | None
    """Processors' worth of time that the control group allows; None: no limit."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One reading of the machine; a GPU record joins here later."""

    memory: Memory
    processors: Processors
    load: float
    """Runnable processes, averaged over a minute."""


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """What the control groups around this process allow; None where there is no limit."""

    memory_limit: int | None = None
    memory_used: int | None = None
    """Bytes charged, without page cache that can be given back."""
    quota: float | None = None


def read_machine() -> Machine:
    """Read everything; under a millisecond, so callers need no cache."""
    limits = read_group_limits()
    return Machine(_memory(limits), _processors(limits), load_average())


def read_memory() -> Memory:
    """Memory alone."""
    return _memory(read_group_limits())


def load_average() -> float:
    """Runnable processes over the last minute; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0


def read_group_limits(root: Path = CGROUP_ROOT, own: Path = OWN_CGROUP) -> GroupLimits:
    """The tightest limits of the groups that this process is in; none outside Linux or when they cannot be read."""
    if sys.platform != "linux":
        return GroupLimits()
    folders = list(_folders(root, own))
    memory = [pair for folder in folders if (pair := _memory_of(folder)) is not None]
    quotas = [quota for folder in folders if (quota := _quota_of(folder)) is not None]
    limit, used = min(memory, key=lambda pair: pair[0] - pair[1], default=(None, None))
    return GroupLimits(limit, used, min(quotas, default=None))


def _memory(limits: GroupLimits) -> Memory:
    system = psutil.virtual_memory()
    total, available = system.total, system.available
    if limits.memory_limit is None or limits.memory_used is None:
        return Memory(total, available, False)
    left = max(limits.memory_limit - limits.memory_used, 0)
    return Memory(min(total, limits.memory_limit), min(available, left), limits.memory_limit < total)


def _processors(limits: GroupLimits) -> Processors:
    every = psutil.cpu_count() or 1
    logical = len(os.sched_getaffinity(0)) if sys.platform == "linux" else every
    cores = psutil.cpu_count(logical=False) or every
    # an affinity mask may name second threads of one core; without reading the topology the ratio is the best guess
    usable = math.ceil(logical * min(cores / every, 1.0))
    if limits.quota is not None:
        usable = min(usable, math.ceil(limits.quota))
    return Processors(max(usable, 1), logical, limits.quota)


def _folders(root: Path, own: Path) -> Iterator[Path]:
    """Folders of the groups around this process, of both versions, up to each hierarchy's root."""
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and not {"memory", "cpu"} & set(controllers.split(",")):
            continue
        tops = (root / controllers, *(root / name for name in controllers.split(","))) if controllers else ()
        top = next((top for top in tops if top.is_dir()), root)
        # inside a container the group's path is often the host's, and only the root is mounted
        inner = top / group.strip("/")
        yield top
        while inner not in (top, inner.parent):
            yield inner
            inner = inner.parent


def _memory_of(folder: Path) -> tuple[int, int] | None:
    """(limit, bytes in use that cannot be given back) of one group; None without a limit."""
    for limit_name, used_name, cache_key in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit = _number(folder / limit_name)
        if limit is None or limit >= UNLIMITED:
            continue
        used = _number(folder / used_name) or 0
        cache = _keyed(_text(folder / "memory.stat"), cache_key)
        return limit, max(used - cache, 0)
    return None


def _quota_of(folder: Path) -> float | None:
    """Processors' worth of time of one group; None without a limit."""
    allowed, _, every = _text(folder / "cpu.max").strip().partition(" ")
    if allowed.isdigit() and every.isdigit():
        return int(allowed) / max(int(every), 1)
    quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _keyed(text: str, key: str) -> int:
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdigit():
            return int(value)
    return 0


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
