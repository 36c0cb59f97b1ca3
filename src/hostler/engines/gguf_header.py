"""GGUF model files, read by their headers alone: metadata and the tensor table, never the weights.

Knows: the file format (versions 2 and 3, little-endian, split files) and how a damaged file shows.
Does not know: how much memory a model takes (footprint) and how it is run (llama_cpp).

The file is untrusted: every count and length is checked against the bytes that are left, strings and arrays above
a bound are measured but not kept, and an error names the byte where reading stopped.
"""

import itertools
import os
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from hostler.errors import ModelFileError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
DEFAULT_ALIGNMENT = 32

WINDOW = 1 << 18
"""Bytes read at a time."""
MAX_KEY = 65_535
"""Longest key or tensor name in bytes (the published limit for keys)."""
MAX_STRING = 8 << 20
"""Longest string that is kept, in bytes; chat templates reach some 100 KB."""
MAX_KEPT_ARRAY = 1024
"""Longest array of numbers that is kept (per-layer values); longer ones and string arrays become `Skipped`."""
MAX_ENTRIES = 1 << 16
"""Metadata entries per file."""
MAX_TENSORS = 1 << 17
"""Tensors per file; the largest published models have a few thousand."""
MAX_DIMENSIONS = 8
MAX_PARTS = 1000

_SPLIT = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf$")

BLOCKS: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
"""Tensor type number: (name, elements per block, bytes per block); tests compare it with the `gguf` package."""

_SCALARS: Mapping[int, struct.Struct] = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}
_STRING, _ARRAY = 8, 9
_U32, _U64 = _SCALARS[4], _SCALARS[10]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An array or string that is there but was not kept: token lists, merges, oversized texts."""

    kind: str
    """`strings`, `string` or `numbers`."""
    length: int
    """Elements of the array, or bytes of the string."""


Value = int | float | bool | str | tuple[int | float | bool, ...] | Skipped


@dataclass(frozen=True, slots=True)
class Tensor:
    """One row of the tensor table."""

    name: str
    shape: tuple[int, ...]
    """Elements per dimension, the fastest-running one first."""
    kind: str
    """Type name such as `Q4_0`; `type 99` for one that is newer than this reader."""
    offset: int
    """Bytes from the start of the data section."""
    size: int
    """Bytes of data."""

    @property
    def elements(self) -> int:
        count = 1
        for extent in self.shape:
            count *= extent
        return count


@dataclass(frozen=True, slots=True)
class Header:
    """What a model file says about itself; a split model is summed over its parts."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    """Of the first part."""
    tensors: tuple[Tensor, ...]
    data_start: int
    """Byte where the first part's data section begins."""
    file_size: int
    """Bytes of all parts together."""
    parts: tuple[Path, ...] = field(default=())
    """Every file of the model, in order; one for a model that is not split."""

    @property
    def architecture(self) -> str:
        """`llama`, `qwen3`, `gemma3`, ...; empty when the file does not say."""
        return self.text("general.architecture")

    @property
    def weight_bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.size for tensor in self.tensors)

    @property
    def parameters(self) -> int:
        """Elements of all tensors."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def context_length(self) -> int:
        """Tokens the model was trained for; 0 when the file does not say."""
        return self.number(f"{self.architecture}.context_length")

    def text(self, key: str, default: str = "") -> str:
        """A string from the metadata; `default` when it is missing or of another type."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: int = 0) -> int:
        """A whole number from the metadata; the largest element of an array, `default` when there is none."""
        return max(self.numbers(key), default=default)

    def numbers(self, key: str) -> tuple[int, ...]:
        """Whole numbers from the metadata: per-layer values, or one element for a scalar, or none."""
        value = self.metadata.get(key)
        if isinstance(value, int | float):
            return (int(value),)
        return tuple(int(item) for item in value) if isinstance(value, tuple) else ()


def read_header(path: Path) -> Header:
    """Header of the model at `path`; for the first part of a split model, of all its parts together.

    Reads a few MB at most, whatever the model's size. Raises ModelFileError naming the fault and its byte.
    """
    parts = model_parts(path)
    headers = [_read_one(part) for part in parts]
    first = headers[0]
    count = first.number("split.count", 1)
    if count > 1 and count != len(parts):
        raise ModelFileError(
            f"model file {path} says that it is one of {count} parts, but {len(parts)} are named like parts",
            hint="Keep the parts' published names (...-00001-of-00003.gguf) in one folder.",
        )
    return Header(
        path=path,
        version=first.version,
        metadata=first.metadata,
        tensors=tuple(tensor for header in headers for tensor in header.tensors),
        data_start=first.data_start,
        file_size=sum(header.file_size for header in headers),
        parts=parts,
    )


def check_model_file(path: Path) -> None:
    """Raise ModelFileError when `path` is missing, no GGUF, damaged, or shorter than its tensor table says."""
    if not read_header(path).tensors:
        raise ModelFileError(f"model file {path} holds no tensors: it has a vocabulary or metadata only")


def model_parts(path: Path) -> tuple[Path, ...]:
    """Every file of the model that begins at `path`, from its name; raises ModelFileError for a later part."""
    match = _SPLIT.match(path.name)
    if match is None:
        return (path,)
    stem, number, count = match["stem"], int(match["number"]), int(match["count"])
    if number != 1:
        first = path.with_name(f"{stem}-00001-of-{match['count']}.gguf")
        raise ModelFileError(f"model file {path} is part {number} of {count}", hint=f"Name the first part: {first}")
    if count > MAX_PARTS:
        raise ModelFileError(f"model file {path} claims {count} parts")
    return tuple(path.with_name(f"{stem}-{part:05}-of-{match['count']}.gguf") for part in range(1, count + 1))


def _read_one(path: Path) -> Header:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            return _parse(path, _Reader(path, file, size=status.st_size))
    except FileNotFoundError:
        raise ModelFileError(f"model file {path} does not exist") from None
    except IsADirectoryError:
        raise ModelFileError(f"model file {path} is a folder") from None
    except OSError as error:
        raise ModelFileError(f"model file {path} cannot be read: {error.strerror}") from None


class _Reader:
    """Bytes of one file through a bounded window; every read is checked against the file's end."""

    __slots__ = ("_file", "_window", "_window_at", "path", "position", "size")

    def __init__(self, path: Path, file: BinaryIO, *, size: int) -> None:
        self.path = path
        self.size = size
        self.position = 0
        self._file = file
        self._window = b""
        self._window_at = 0

    def fail(self, what: str, at: int | None = None, *, hint: str | None = None) -> ModelFileError:
        where = self.position if at is None else at
        return ModelFileError(f"model file {self.path}: {what} (at byte {where:,} of {self.size:,})", hint=hint)

    def truncated(self, needed: int, what: str) -> ModelFileError:
        return self.fail(
            f"it ends inside {what}, which needs {needed:,} more bytes",
            hint="The file is truncated or damaged; download it again.",
        )

    def take(self, count: int, what: str) -> bytes:
        at = self.position - self._window_at
        if at < 0 or at + count > len(self._window):
            at = self._fill(count, what)
        self.position += count
        return self._window[at : at + count]

    def _fill(self, count: int, what: str) -> int:
        if count > self.size - self.position:
            raise self.truncated(count, what)
        self._file.seek(self.position)
        self._window = self._file.read(max(count, WINDOW))
        self._window_at = self.position
        if len(self._window) < count:
            # the file shrank while it was read
            raise self.truncated(count, what)
        return 0

    def skip(self, count: int, what: str) -> None:
        if count > self.size - self.position:
            raise self.truncated(count, what)
        self.position += count

    def u32(self, what: str) -> int:
        return int(_U32.unpack(self.take(4, what))[0])

    def u64(self, what: str) -> int:
        return int(_U64.unpack(self.take(8, what))[0])

    def name(self, what: str) -> str:
        at = self.position
        length = self.u64(what)
        if not 0 < length <= MAX_KEY:
            raise self.fail(f"the length of {what} is {length:,}", at)
        return self.take(length, what).decode("utf-8", "replace")

    def skip_strings(self, count: int, what: str) -> None:
        """Pass over `count` length-prefixed strings; the hot loop of a header with a large vocabulary."""
        if count > (self.size - self.position) // 8:
            raise self.truncated(count * 8, what)
        unpack = _U64.unpack_from
        while count:
            self.take(8, what)
            self.position -= 8
            window, start = self._window, self._window_at
            at, end = self.position - start, len(window) - 8
            while count and at <= end:
                at += 8 + unpack(window, at)[0]
                count -= 1
            self.position = start + at
            if self.position > self.size:
                self.position = self.size
                raise self.truncated(start + at - self.size, what)


def _parse(path: Path, reader: _Reader) -> Header:
    version = _read_version(reader)
    tensor_count, entry_count = reader.u64("the tensor count"), reader.u64("the metadata count")
    if tensor_count > MAX_TENSORS:
        raise reader.fail(f"it claims {tensor_count:,} tensors", 8)
    if entry_count > MAX_ENTRIES:
        raise reader.fail(f"it claims {entry_count:,} metadata entries", 16)
    metadata = dict(_read_entry(reader) for _ in range(entry_count))
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise reader.fail(f"general.alignment is {alignment!r}, not a power of two")
    rows = [_read_row(reader, alignment) for _ in range(tensor_count)]
    data_start = -(-reader.position // alignment) * alignment
    tensors = tuple(_with_sizes(reader, rows, data_start=data_start))
    return Header(path, version, metadata, tensors, data_start, reader.size, (path,))


def _read_version(reader: _Reader) -> int:
    if reader.size == 0:
        raise reader.fail("it is empty", hint="Download it again.")
    magic = reader.take(min(4, reader.size), "the magic bytes")
    if magic != MAGIC:
        hint = "It is a web page or a pointer, not the model itself." if magic[:1] in (b"<", b"v", b"{") else None
        raise reader.fail(f"it is no GGUF file: it begins with {magic!r}", 0, hint=hint)
    version = reader.u32("the version")
    if version in VERSIONS:
        return version
    if version & 0xFFFF == 0:
        raise reader.fail("it is a big-endian GGUF file, which engines here do not read", 4)
    raise reader.fail(f"GGUF version {version} is not supported (2 and 3 are)", 4)


def _read_entry(reader: _Reader) -> tuple[str, Value]:
    key = reader.name("a metadata key")
    return key, _read_value(reader, reader.u32(f"the type of {key}"), key=key)


def _read_value(reader: _Reader, kind: int, *, key: str) -> Value:
    if kind == _STRING:
        return _read_string(reader, key)
    if kind == _ARRAY:
        return _read_array(reader, key)
    layout = _SCALARS.get(kind)
    if layout is None:
        raise reader.fail(f"the metadata key {key!r} has the unknown type {kind}", reader.position - 4)
    return _unpack(layout, reader.take(layout.size, key))[0]


def _unpack(layout: struct.Struct, data: bytes) -> tuple[int | float | bool, ...]:
    return tuple(item for (item,) in layout.iter_unpack(data))


def _read_string(reader: _Reader, key: str) -> str | Skipped:
    length = reader.u64(key)
    if length > MAX_STRING:
        reader.skip(length, key)
        return Skipped("string", length)
    return reader.take(length, key).decode("utf-8", "replace")


def _read_array(reader: _Reader, key: str) -> Value:
    kind, length = reader.u32(f"the element type of {key}"), reader.u64(f"the length of {key}")
    if kind == _STRING:
        reader.skip_strings(length, key)
        return Skipped("strings", length)
    layout = _SCALARS.get(kind)
    if layout is None:
        # arrays of arrays are in the published format, but no model uses them
        raise reader.fail(f"the elements of {key!r} have the unsupported type {kind}", reader.position - 12)
    if length > MAX_KEPT_ARRAY:
        reader.skip(length * layout.size, key)
        return Skipped("numbers", length)
    return _unpack(layout, reader.take(length * layout.size, key))


_Row = tuple[str, tuple[int, ...], int, int, int]
"""Name, shape, type number, offset in the data section, and the byte where the row stands."""


def _read_row(reader: _Reader, alignment: int) -> _Row:
    at = reader.position
    name = reader.name("a tensor name")
    dimensions = reader.u32(f"the shape of {name}")
    if dimensions > MAX_DIMENSIONS:
        raise reader.fail(f"the tensor {name!r} claims {dimensions} dimensions", at)
    shape = tuple(reader.u64(f"the shape of {name}") for _ in range(dimensions))
    kind, offset = reader.u32(f"the type of {name}"), reader.u64(f"the offset of {name}")
    if offset % alignment:
        raise reader.fail(f"the tensor {name!r} begins at {offset:,}, which is not aligned to {alignment}", at)
    return name, shape, kind, offset, at


def _with_sizes(reader: _Reader, rows: list[_Row], *, data_start: int) -> Iterator[Tensor]:
    offsets = [*sorted({row[3] for row in rows}), max(reader.size - data_start, 0)]
    following = dict(itertools.pairwise(offsets))
    for row in rows:
        name, shape, number, offset, at = row
        block = BLOCKS.get(number)
        if block is None:
            kind, size = f"type {number}", max(following[offset] - offset, 0)
        else:
            kind, size = block[0], _tensor_bytes(reader, row, block=block)
        end = data_start + offset + size
        if end > reader.size:
            raise reader.fail(
                f"the tensor {name!r} ends at byte {end:,}, beyond the end of the file",
                at,
                hint="The file is truncated or still being downloaded; fetch the rest.",
            )
        yield Tensor(name, shape, kind, offset, size)


def _tensor_bytes(reader: _Reader, row: _Row, *, block: tuple[str, int, int]) -> int:
    name, shape, _, _, at = row
    kind, per_block, block_bytes = block
    length = shape[0] if shape else 1
    if length % per_block:
        raise reader.fail(f"the tensor {name!r} has rows of {length}, which {kind} cannot hold", at)
    size = length // per_block * block_bytes
    for extent in shape[1:]:
        size *= extent
    return size


def row_bytes(kind: str, elements: int) -> int:
    """Bytes that `elements` values of the tensor type `kind` (any case, as in `q8_0`) take; ValueError if unknown."""
    for name, per_block, block_bytes in BLOCKS.values():
        if name == kind.upper():
            return -(-elements // per_block) * block_bytes
    raise ValueError(f"unknown tensor type {kind!r}")
