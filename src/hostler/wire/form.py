"""The model in a multipart form, as clients send sound and images. Knows RFC 7578; does not know other fields.

As with JSON bodies, what is authorised must be what the upstream reads: a second `model` is refused, and so is a part
whose name is written in a way that readers disagree about.
"""

import re
from dataclasses import dataclass
from typing import Final

from hostler.errors import WireError
from hostler.wire.scan import MAX_MODEL

FORM: Final = b"multipart/form-data"
_BOUNDARY: Final = re.compile(rb';[ \t]*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))[ \t]*(?:;|$)', re.IGNORECASE)
_NAME: Final = re.compile(rb';[ \t]*name="((?:[^"\\\r\n]|\\.)*)"', re.IGNORECASE)
_ANY_NAME: Final = re.compile(rb";[ \t]*name\*?[ \t]*=", re.IGNORECASE)
_DISPOSITION: Final = re.compile(rb"^content-disposition:[ \t]*form-data[ \t]*(;.*)$", re.IGNORECASE | re.MULTILINE)
_MOST_PARTS: Final = 256
_LONGEST_HEAD: Final = 8192


@dataclass(frozen=True, slots=True)
class FormModel:
    """The model's name and where it stands in the body."""

    name: str
    start: int
    end: int

    def replaced(self, body: bytes, name: str) -> bytes:
        """The same body with another name."""
        return body[: self.start] + name.encode() + body[self.end :]


def is_form(content_type: bytes | None) -> bool:
    """Whether a body is such a form."""
    return content_type is not None and content_type.lower().startswith(FORM)


def find_model(body: bytes, content_type: bytes) -> FormModel:
    """The one field `model` of a form; raises WireError where there is none, more than one, or no such form."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise WireError("content-type: names no boundary.")
    delimiter = b"--" + (found[1] or found[2])
    models = [model for start, end in _parts(body, delimiter) if (model := _model(body, start, end)) is not None]
    if len(models) != 1:
        raise WireError("model: is missing." if not models else "model: stands in the form more than once.")
    return models[0]


def _parts(body: bytes, delimiter: bytes) -> list[tuple[int, int]]:
    """Where each part begins (with its head) and ends."""
    at = 0 if body.startswith(delimiter) else body.find(b"\r\n" + delimiter) + 2
    if at == 1:
        raise WireError("The form does not hold its own boundary.")
    parts: list[tuple[int, int]] = []
    while True:
        begin = at + len(delimiter)
        if body.startswith(b"--", begin):
            return parts
        end = body.find(b"\r\n" + delimiter, begin)
        if end < 0 or not body.startswith(b"\r\n", begin):
            raise WireError("The form ends in the middle of a part.")
        if len(parts) >= _MOST_PARTS:
            raise WireError(f"The form has more than {_MOST_PARTS} parts.")
        parts.append((begin + 2, end))
        at = end + 2


def _model(body: bytes, start: int, end: int) -> FormModel | None:  # signature: a part's place
    blank = body.find(b"\r\n\r\n", start - 2, min(end, start + _LONGEST_HEAD))
    if blank < 0:
        raise WireError("A part of the form has no head.")
    said = _DISPOSITION.search(body[start:blank].replace(b"\r\n", b"\n"))
    names = [] if said is None else _NAME.findall(said[1])
    if said is None or len(names) != 1 or len(_ANY_NAME.findall(said[1])) != 1 or b"\\" in names[0]:
        raise WireError("A part of the form has no plain name.")
    if names[0].lower() != b"model":
        return None
    if names[0] != b"model":
        raise WireError("model: is written in lower case.")
    value = body[blank + 4 : end]
    try:
        name = value.decode()
    except UnicodeDecodeError:
        raise WireError("model: is no UTF-8 text.") from None
    if not name or len(name) > MAX_MODEL or not name.isprintable():
        raise WireError(f"model: must be a name of at most {MAX_MODEL} characters.")
    return FormModel(name, blank + 4, end)
