"""Write the workbench's OpenAPI document to standard output: the front end's types are made from it.

Knows: that no endpoint is called for that, so no part is needed. Does not know: any endpoint.
"""

import sys
from typing import Any, cast  # edge: parts that nobody asks

import msgspec

from hostler.workbench.api.app import make_app
from hostler.workbench.api.document import document
from hostler.workbench.parts import WorkbenchParts


class _NoParts:
    """Stands where the parts are; what is taken from it is nothing, too."""

    def __getattr__(self, name: str) -> "_NoParts":
        return self

    def __fspath__(self) -> str:
        return ""


def openapi() -> bytes:
    """The document, indented, with a line's end."""
    app = make_app(cast("WorkbenchParts", cast("Any", _NoParts())))
    return msgspec.json.format(msgspec.json.encode(document(app, app.state.endpoints)), indent=2) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(openapi())
