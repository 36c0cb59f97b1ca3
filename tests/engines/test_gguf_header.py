"""The header reader against the `gguf` package, and against files that are damaged or hostile."""

import struct
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hostler.engines
from hostler.engines import gguf_header
from hostler.engines.gguf_header import (
    BLOCKS,
    Header,
    Skipped,
    check_model_file,
    model_parts,
    read_header,
    row_bytes,
)
from hostler.errors import ModelFileError

DEMO = Path(next(iter(hostler.engines.__path__))) / "demo.gguf"
DEMO_HEADER = 61_824


def entry(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def row(name: bytes, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def file_of(entries: list[bytes], rows: list[bytes], data: int = 0, version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(rows), len(entries)) + b"".join(entries) + b"".join(rows)
    return head + bytes(-len(head) % 32 + data)


def written(folder: Path, data: bytes, name: str = "m.gguf") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refusal(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_model_file(path)
    assert str(path) in caught.value.message
    return caught.value


def test_the_demo_model_reads_as_the_gguf_package_reads_it() -> None:
    header, judge = read_header(DEMO), gguf.GGUFReader(DEMO)
    assert [(t.name, t.shape, t.kind, t.size) for t in header.tensors] == [
        (t.name, tuple(int(n) for n in t.shape), t.tensor_type.name, int(t.n_bytes)) for t in judge.tensors
    ]
    assert [header.data_start + t.offset for t in header.tensors] == [int(t.data_offset) for t in judge.tensors]
    for key, field in judge.fields.items():
        if not key.startswith("GGUF."):
            same(header, key, field)


def same(header: Header, key: str, field: gguf.ReaderField) -> None:
    ours = header.metadata[key]
    if isinstance(ours, Skipped):
        assert ours.length == len(field.data)
    else:
        wanted = field.contents()
        assert ours == (tuple(wanted) if isinstance(wanted, list) else wanted)


def test_the_demo_model_says_what_it_is() -> None:
    header = read_header(DEMO)
    assert (header.architecture, header.context_length, header.parameters) == ("llama", 4096, 1_598_880)
    assert header.metadata["tokenizer.ggml.tokens"] == Skipped("strings", 2048)
    assert "tool_call" in header.text("tokenizer.chat_template")
    assert header.number("llama.block_count") == 4
    assert header.number("general.name", 7) == 7
    assert header.text("llama.block_count", "none") == "none"
    assert header.file_size == DEMO.stat().st_size
    check_model_file(DEMO)


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    assert {int(kind): (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()} == BLOCKS


def test_row_bytes() -> None:
    assert (row_bytes("f16", 128), row_bytes("q8_0", 128), row_bytes("Q4_0", 100)) == (256, 136, 72)
    with pytest.raises(ValueError, match="q9_9"):
        row_bytes("q9_9", 32)


def test_version_2_and_every_kind_of_value_are_read(tmp_path: Path) -> None:
    kinds = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
    entries = [entry(b"v%d" % kind, kind, struct.pack(layout, 1)) for kind, layout in kinds.items()]
    entries.append(entry(b"list", 9, struct.pack("<IQ3i", 5, 3, 4, -5, 6)))
    header = read_header(written(tmp_path, file_of(entries, [row(b"t", (2, 3), 0, 0)], 24, version=2)))
    assert [header.metadata[f"v{kind}"] for kind in kinds] == [1] * len(kinds)
    assert header.numbers("list") == (4, -5, 6)
    assert header.number("list") == 6
    assert (header.version, header.weight_bytes) == (2, 24)


def test_a_newer_tensor_type_is_taken_as_it_lies(tmp_path: Path) -> None:
    rows = [row(b"a", (7,), 999, 0), row(b"b", (8,), 0, 64)]
    header = read_header(written(tmp_path, file_of([], rows, 96)))
    assert [(t.kind, t.size) for t in header.tensors] == [("type 999", 64), ("F32", 32)]


def test_a_large_vocabulary_costs_no_memory(tmp_path: Path) -> None:
    tokens = struct.pack("<IQ", 8, 60_000) + b"".join(text(b"token%05d" % n) for n in range(60_000))
    path = written(tmp_path, file_of([entry(b"tokens", 9, tokens)], [row(b"t", (1,), 0, 0)], 4))
    tracemalloc.start()
    header = read_header(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert header.metadata["tokens"] == Skipped("strings", 60_000)
    assert peak < 4 * gguf_header.WINDOW


@pytest.mark.parametrize("length", [0, 3, 4, 7, 8, 20, 24, 200, 30_000, DEMO_HEADER - 40, DEMO_HEADER, 1_764_863])
def test_a_truncated_file_is_refused_with_the_byte(tmp_path: Path, length: int) -> None:
    error = refusal(written(tmp_path, DEMO.read_bytes()[:length]))
    assert "at byte" in error.message
    assert error.hint or length <= 4


@given(st.integers(0, DEMO_HEADER - 1), st.integers(0, 255))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_damaged_header_is_read_or_refused(tmp_path: Path, at: int, value: int) -> None:
    data = bytearray(DEMO.read_bytes())
    data[at] = value
    try:
        read_header(written(tmp_path, bytes(data)))
    except ModelFileError as error:
        assert "at byte" in error.message


@given(st.binary(max_size=300))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_noise_after_a_good_start_is_refused_or_read(tmp_path: Path, noise: bytes) -> None:
    path = written(tmp_path, b"GGUF" + struct.pack("<IQQ", 3, 2, 3) + noise)
    with pytest.raises(ModelFileError, match="at byte"):
        read_header(path)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (b"<!DOCTYPE html><html>", "no GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "no GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1 is not supported"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "claims 1,152,921,504,606,846,976 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "metadata entries"),
        (file_of([entry(b"k", 8, struct.pack("<Q", 1 << 62))], []), "it ends inside k"),
        (file_of([entry(b"k", 9, struct.pack("<IQ", 8, 1 << 62))], []), "it ends inside k"),
        (file_of([entry(b"k", 9, struct.pack("<IQ", 4, 1 << 61))], []), "it ends inside k"),
        (file_of([entry(b"k", 9, struct.pack("<IQQ", 8, 1, 1 << 63))], []), "it ends inside k"),
        (file_of([entry(b"k", 9, struct.pack("<IQ", 9, 1))], []), "unsupported type 9"),
        (file_of([entry(b"k", 77, b"")], []), "unknown type 77"),
        (file_of([entry(b"", 4, bytes(4))], []), "length of a metadata key is 0"),
        (file_of([entry(b"general.alignment", 4, struct.pack("<I", 24))], []), "not a power of two"),
        (file_of([], [row(b"t", (1,) * 9, 0, 0)]), "claims 9 dimensions"),
        (file_of([], [row(b"t", (1,), 0, 8)], 64), "not aligned"),
        (file_of([], [row(b"t", (33,), 2, 0)], 64), "rows of 33, which Q4_0 cannot hold"),
        (file_of([], [row(b"t", (1 << 40, 1 << 40), 0, 0)], 64), "beyond the end of the file"),
        (file_of([], [row(b"t", (64,), 0, 0)], 100), "beyond the end of the file"),
        (file_of([], []), "holds no tensors"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, data: bytes, part: str) -> None:
    assert part in refusal(written(tmp_path, data)).message


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none.gguf").message
    assert "is a folder" in refusal(tmp_path).message


def split_model(folder: Path) -> Path:
    writer = gguf.GGUFWriter(folder / "big.gguf", "llama", split_max_tensors=2)
    for number in range(5):
        writer.add_tensor(f"t{number}", np.zeros((4, 32), np.float32))
    writer.write_header_to_file(path=folder / "big.gguf")
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return folder / "big-00001-of-00003.gguf"


def test_a_split_model_is_summed_over_its_parts(tmp_path: Path) -> None:
    first = split_model(tmp_path)
    header = read_header(first)
    assert [t.name for t in header.tensors] == [f"t{n}" for n in range(5)]
    assert len(header.parts) == 3
    assert header.file_size == sum(part.stat().st_size for part in tmp_path.iterdir())
    assert header.weight_bytes == 5 * 4 * 32 * 4
    check_model_file(first)


def test_a_missing_or_later_part_is_named(tmp_path: Path) -> None:
    first = split_model(tmp_path)
    second = tmp_path / "big-00002-of-00003.gguf"
    assert first.name in (refusal(second).hint or "")
    second.unlink()
    with pytest.raises(ModelFileError, match=r"big-00002-of-00003\.gguf does not exist"):
        read_header(first)


def test_a_renamed_part_is_recognised(tmp_path: Path) -> None:
    alone = split_model(tmp_path).rename(tmp_path / "model.gguf")
    assert "one of 3 parts" in refusal(alone).message


def test_parts_come_from_the_name() -> None:
    assert model_parts(Path("a/b.gguf")) == (Path("a/b.gguf"),)
    assert [part.name for part in model_parts(Path("b-00001-of-00002.gguf"))] == [
        "b-00001-of-00002.gguf",
        "b-00002-of-00002.gguf",
    ]
    with pytest.raises(ModelFileError, match="claims 99999 parts"):
        model_parts(Path("b-00001-of-99999.gguf"))
