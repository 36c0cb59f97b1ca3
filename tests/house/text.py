"""Rules about text: nobody's machine in a file, the lock's hosts, and everything that exists is in the docs."""

import re
from collections.abc import Iterable, Iterator

from tests.house.source import Finding, Source

MACHINE = re.compile(r"(?<![\w.~}])/(?:root|work|workspace|home/(?!you\b)\w+|Users/(?!you\b)\w+|opt/(?:wheels|pypi))/")
LOCK_HOSTS = frozenset({"https://pypi.org/simple", "https://files.pythonhosted.org"})
LOCK_URL = re.compile(r'"((?:[a-z+]+://)[^/"]+(?:/simple)?)')
LOCK_PATH = re.compile(r'\b(path|directory|find-links) = "')


def machine_paths(source: Source) -> Iterator[Finding]:
    """A path of one machine works on one machine."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := MACHINE.search(line):
            yield Finding(number, f"the path of somebody's machine: {found[0]}")


def lock_hosts(source: Source) -> Iterator[Finding]:
    """The lock names the public index alone, so that it works everywhere and gives nothing away."""
    if source.path != "uv.lock":
        return
    for number, line in enumerate(source.text.splitlines(), 1):
        strange = set(LOCK_URL.findall(line)) - LOCK_HOSTS
        if strange or LOCK_PATH.search(line):
            yield Finding(number, f"the lock points to {', '.join(sorted(strange)) or 'a local path'}")


def undocumented(names: Iterable[str], docs: Source) -> Iterator[Finding]:
    """Names that the docs never mention as code."""
    for name in names:
        if not re.search(rf"`[^`\n]*(?<![\w-]){re.escape(name)}(?![\w-])[^`\n]*`", docs.text):
            yield Finding(1, f"`{name}` is not in {docs.path}")
