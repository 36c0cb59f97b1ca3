#!/bin/sh
# Finds a Python that can carry the project (3.11 or later; 3.11 first, since it is the floor that must keep working)
# and hands over to bootstrap.py. A candidate is asked, not trusted by name: version shims exist for missing versions.
set -eu
cd "$(dirname "$0")/.."

for name in python3.11 python3 python3.12 python3.13 python3.14 python3.15 python; do
    if "$name" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$name" tools/bootstrap.py "$@"
    fi
done
for name in python3.11 python3 python3.12 python3.13 python3.14 python3.15 python; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$name" tools/bootstrap.py "$@"  # without ensurepip it still works when uv is on PATH
    fi
done
echo "hostler needs Python 3.11 or later, and none was found on PATH." >&2
exit 1
