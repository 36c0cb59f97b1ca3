"""Pulling a model from a hub on this machine, with everything that goes wrong on the way."""

import asyncio
import errno
import hashlib
import io
import random
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2  # noqa: F401  # a first test should not pay for it
import pytest
import pytest_asyncio
import trustme

from hostler.engines.download import ATTEMPTS, Doors, Progress
from hostler.engines.gguf_header import read_header
from hostler.engines.hub import Hub
from hostler.engines.pull import Ports, Pulled, locked, pull
from hostler.errors import DownloadError, StorageError
from tests.engines.hub_server import REPO, Answer, HubServer, serving

SIZE = 400_000
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Reading the system's certificates takes 30 ms, which tests without TLS can save."""


def model(size: int = SIZE, seed: int = 1) -> bytes:
    """A valid GGUF file of one tensor with random weights."""
    name = b"t"
    row = struct.pack("<Q", len(name)) + name + struct.pack("<IQIQ", 1, size // 4, 0, 0)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + row
    return head + bytes(-len(head) % 32) + random.Random(seed).randbytes(size)


MODEL = model()
FILES = {"m-Q4_K_M.gguf": MODEL, "m-Q8_0.gguf": model(seed=2), "README.md": b"hello", "mmproj-F16.gguf": b"x"}


@pytest_asyncio.fixture
async def hub() -> AsyncIterator[HubServer]:
    async with serving(dict(FILES)) as server:
        yield server


class Pauses:
    """Waits no time at all, and remembers how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


async def pulled(hub: HubServer, folder: Path, spec: str = REPO, ports: Ports | None = None, token: str = "") -> Pulled:
    used = replace(ports or Ports(doors=Doors(pause=Pauses())), tls=TRUSTS_NOBODY)
    return await pull(spec, Hub(hub.address, token), folder=folder / "models", ports=used)


def target_in(folder: Path) -> Path:
    return folder / "models" / "org" / "model-GGUF" / "m-Q4_K_M.gguf"


def part_in(folder: Path) -> Path:
    return target_in(folder).with_name("m-Q4_K_M.gguf.part")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in target_in(folder).parent.iterdir())


async def test_a_model_comes_whole_checked_and_registered(hub: HubServer, tmp_path: Path) -> None:
    registered: list[Pulled] = []
    reports: list[Progress] = []
    found = await pull(
        REPO,
        Hub(hub.address, "secret"),
        folder=tmp_path / "models",
        progress=reports.append,
        ports=Ports(register=registered.append, tls=TRUSTS_NOBODY),
    )
    assert found == Pulled(
        path=target_in(tmp_path),
        size=len(MODEL),
        sha256=hashlib.sha256(MODEL).hexdigest(),
        model_id="model-q4_k_m",
        recipe={"engine": "llama.cpp", "path": "models/org/model-GGUF/m-Q4_K_M.gguf"},
    )
    assert registered == [found]
    assert found.path.read_bytes() == MODEL
    assert names(tmp_path) == ["m-Q4_K_M.gguf"]
    assert (reports[0].done, reports[-1].done, reports[-1].total) == (0, len(MODEL), len(MODEL))
    assert [seen.headers.get("authorization") for seen in hub.seen] == ["Bearer secret", "Bearer secret", None]
    assert hub.transfers()[0].headers["accept-encoding"] == "identity"


async def test_what_is_there_is_not_fetched_again(hub: HubServer, tmp_path: Path) -> None:
    first = await pulled(hub, tmp_path)
    second = await pulled(hub, tmp_path)
    assert len(hub.transfers()) == 1
    assert second == replace(first, fresh=False)


async def test_a_dropped_connection_is_resumed_where_it_broke(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [100_000, 50_000]
    pauses = Pauses()
    found = await pulled(hub, tmp_path, ports=Ports(doors=Doors(pause=pauses)))
    assert found.path.read_bytes() == MODEL
    first, second, third = hub.transfers()
    assert "range" not in first.headers
    assert (second.headers["range"], second.headers["if-range"]) == ("bytes=100000-", '"v1"')
    assert third.headers["range"] == "bytes=150000-"
    assert pauses.seconds == [0.5, 1.0]


async def test_after_giving_up_the_next_pull_goes_on(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [10_000] * ATTEMPTS
    with pytest.raises(DownloadError, match="6 times in a row") as caught:
        await pulled(hub, tmp_path)
    assert "run the same command again" in (caught.value.hint or "")
    assert names(tmp_path) == ["m-Q4_K_M.gguf.part", "m-Q4_K_M.gguf.part.json"]
    assert part_in(tmp_path).read_bytes() == MODEL[: 10_000 * ATTEMPTS]
    found = await pulled(hub, tmp_path)
    assert hub.transfers()[-1].headers["range"] == f"bytes={10_000 * ATTEMPTS}-"
    assert found.path.read_bytes() == MODEL
    assert names(tmp_path) == ["m-Q4_K_M.gguf"]


async def test_a_server_without_ranges_starts_over(hub: HubServer, tmp_path: Path) -> None:
    hub.ranges = False
    hub.cuts = [100_000]
    found = await pulled(hub, tmp_path)
    assert found.path.read_bytes() == MODEL
    assert "range" in hub.transfers()[1].headers


async def test_a_file_that_changed_meanwhile_starts_over(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [100_000] * ATTEMPTS
    hub.ranges = False
    with pytest.raises(DownloadError):
        await pulled(hub, tmp_path)
    hub.ranges, hub.tag, hub.cuts = True, '"v2"', []
    hub.files["m-Q4_K_M.gguf"] = model(seed=9)
    found = await pulled(hub, tmp_path)
    assert found.path.read_bytes() == model(seed=9)
    assert "range" not in hub.transfers()[-1].headers


async def test_another_tag_of_the_same_file_starts_over_by_the_server(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [100_000] * ATTEMPTS
    with pytest.raises(DownloadError):
        hub.cuts = [1000] * ATTEMPTS
        await pulled(hub, tmp_path)
    hub.tag = '"v2"'
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL
    assert hub.transfers()[-1].headers["if-range"] == '"v1"'


async def test_a_part_longer_than_the_file_is_dropped(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        await pulled(hub, tmp_path)
    part_in(tmp_path).write_bytes(b"x" * (len(MODEL) + 1))
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL


async def test_a_wrong_hash_is_deleted_and_told(hub: HubServer, tmp_path: Path) -> None:
    hub.hashes["m-Q4_K_M.gguf"] = "0" * 64
    with pytest.raises(DownloadError, match="arrived damaged") as caught:
        await pulled(hub, tmp_path)
    assert hashlib.sha256(MODEL).hexdigest() in caught.value.message
    assert names(tmp_path) == []
    del hub.hashes["m-Q4_K_M.gguf"]
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL


async def test_a_damaged_part_is_found_by_its_hash(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts = [1000] * ATTEMPTS
    with pytest.raises(DownloadError):
        await pulled(hub, tmp_path)
    part = part_in(tmp_path)
    part.write_bytes(bytes(part.stat().st_size))
    with pytest.raises(DownloadError, match="arrived damaged"):
        await pulled(hub, tmp_path)
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL


async def test_the_hash_comes_from_the_redirect_when_the_list_has_none(hub: HubServer, tmp_path: Path) -> None:
    hub.listed_hashes = False
    hub.cuts = [1000]
    hub.hashes["m-Q4_K_M.gguf"] = "1" * 64
    with pytest.raises(DownloadError, match="arrived damaged"):
        await pulled(hub, tmp_path)


async def test_a_disk_that_is_too_small_is_told_before_the_first_byte(hub: HubServer, tmp_path: Path) -> None:
    def little(_: Path) -> int:
        return 64 << 20

    with pytest.raises(StorageError, match=r"needs 0\.00 GB more, but 0\.07 GB are free"):
        await pulled(hub, tmp_path, ports=Ports(free_bytes=little))
    assert hub.transfers() == []


class FullDisk(io.BytesIO):
    """A part that takes so many bytes and then no more."""

    room = 100_000

    def write(self, data: bytes) -> int:  # signature: io's
        written = super().write(data)
        if self.tell() > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return written


async def test_a_disk_that_fills_up_is_told(hub: HubServer, tmp_path: Path) -> None:
    doors = Doors(open_part=lambda _: FullDisk(), pause=Pauses())
    with pytest.raises(StorageError, match="No space left") as caught:
        await pulled(hub, tmp_path, ports=Ports(doors=doors))
    assert caught.value.hint == "The disk is full; free some space."
    assert not target_in(tmp_path).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
async def test_a_device_that_is_really_full_is_told(hub: HubServer, tmp_path: Path) -> None:
    doors = Doors(open_part=lambda _: open("/dev/full", "ab"), pause=Pauses())  # noqa: PTH123, SIM115
    with pytest.raises(StorageError, match="No space left"):
        await pulled(hub, tmp_path, ports=Ports(doors=doors))
    assert not target_in(tmp_path).exists()


async def test_ctrl_c_leaves_a_part_to_go_on_with(hub: HubServer, tmp_path: Path) -> None:
    hub.cuts, hub.hang = [100_000], True
    arrived = asyncio.Event()

    def watch(progress: Progress) -> None:
        if progress.done == 100_000:
            arrived.set()

    ports = Ports(doors=Doors(pause=Pauses()), tls=TRUSTS_NOBODY)
    first = asyncio.ensure_future(pull(REPO, Hub(hub.address), folder=tmp_path / "models", progress=watch, ports=ports))
    async with asyncio.timeout(10):
        await hub.hanging.wait()
        while not part_in(tmp_path).exists() or part_in(tmp_path).stat().st_size < 50_000:
            await asyncio.wait((asyncio.ensure_future(arrived.wait()),), timeout=0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    kept = part_in(tmp_path).stat().st_size
    assert 50_000 <= kept <= 100_000
    hub.hang = False
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL
    assert hub.transfers()[-1].headers["range"] == f"bytes={kept}-"


async def test_two_pulls_of_one_file_do_not_mix(hub: HubServer, tmp_path: Path) -> None:
    target_in(tmp_path).parent.mkdir(parents=True)
    with locked(target_in(tmp_path)), pytest.raises(DownloadError, match="being pulled by another process"):
        await pulled(hub, tmp_path)
    assert (await pulled(hub, tmp_path)).fresh


async def test_a_split_model_comes_with_all_its_parts(hub: HubServer, tmp_path: Path) -> None:
    parts = {f"Q8_0/big-0000{n}-of-00002.gguf": model(seed=n) for n in (1, 2)}
    hub.files = {**parts, "m-Q4_K_M.gguf": MODEL}
    reports: list[Progress] = []
    used = Ports(doors=Doors(pause=Pauses()), tls=TRUSTS_NOBODY)
    found = await pull(
        f"{REPO}:q8_0", Hub(hub.address), folder=tmp_path / "models", progress=reports.append, ports=used
    )
    assert found.path.name == "big-00001-of-00002.gguf"
    assert found.size == reports[-1].done == reports[-1].total == sum(map(len, parts.values()))
    assert len(read_header(found.path).tensors) == 2
    assert found.model_id == "model-q8_0"
    hashes = "\n".join(hashlib.sha256(part).hexdigest() for part in parts.values())
    assert found.sha256 == hashlib.sha256(hashes.encode()).hexdigest()


async def test_a_list_of_several_pages_is_followed(hub: HubServer, tmp_path: Path) -> None:
    hub.page = 1
    assert (await pulled(hub, tmp_path, f"{REPO}:m-Q8_0.gguf")).model_id == "m-q8_0"


async def test_a_renamed_repository_is_followed(hub: HubServer, tmp_path: Path) -> None:
    hub.files = {"m-Q4_K_M.gguf": MODEL}
    with pytest.raises(DownloadError, match="has no org/renamed"):
        await pulled(hub, tmp_path, "org/renamed")
    assert hub.seen[1].path == f"/api/models/{REPO}/tree/main?recursive=true"


async def test_an_unknown_repository(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="has no org/nothing") as caught:
        await pulled(hub, tmp_path, "org/nothing")
    assert "set HF_TOKEN" in (caught.value.hint or "")


async def test_a_gated_repository(hub: HubServer, tmp_path: Path) -> None:
    hub.refusals = [Answer(403, {"x-error-code": "GatedRepo"})]
    with pytest.raises(DownloadError, match="gated") as caught:
        await pulled(hub, tmp_path, token="t")
    assert f"Accept its terms at {hub.address}/{REPO}" in (caught.value.hint or "")
    hub.gated = True
    with pytest.raises(DownloadError, match="gated") as caught:
        await pulled(hub, tmp_path)
    assert "set HF_TOKEN" in (caught.value.hint or "")
    assert hub.transfers() == []


async def test_no_gguf_and_no_such_quantisation(hub: HubServer, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="has no 'Q2_K'") as caught:
        await pulled(hub, tmp_path, f"{REPO}:Q2_K")
    assert "Q4_K_M (0.00 GB)" in (caught.value.hint or "")
    hub.files = {"README.md": b""}
    with pytest.raises(DownloadError, match="holds no GGUF files"):
        await pulled(hub, tmp_path)


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1}', b"[1]"])
async def test_a_list_that_is_none(hub: HubServer, tmp_path: Path, body: bytes) -> None:
    hub.refusals = [Answer(200, {}, body)]
    with pytest.raises(DownloadError, match="cannot be read"):
        await pulled(hub, tmp_path)


async def test_a_busy_server_is_given_the_time_it_asks_for(hub: HubServer, tmp_path: Path) -> None:
    hub.failures = [Answer(503), Answer(429, {"retry-after": "7"}), Answer(403)]
    pauses = Pauses()
    found = await pulled(hub, tmp_path, ports=Ports(doors=Doors(pause=pauses)))
    assert found.path.read_bytes() == MODEL
    assert pauses.seconds == [0.5, 7.0, 2.0]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(206, {"content-range": "bytes 5-9/10"}, b"12345"),
        Answer(206, {"content-range": "nonsense"}, b""),
        Answer(416),
    ],
)
async def test_a_wrong_range_is_not_believed(hub: HubServer, tmp_path: Path, answer: Answer) -> None:
    hub.failures = [answer]
    assert (await pulled(hub, tmp_path)).path.read_bytes() == MODEL


async def test_another_size_than_listed_is_refused(hub: HubServer, tmp_path: Path) -> None:
    hub.failures = [Answer(200, {}, MODEL + b"more")]
    with pytest.raises(DownloadError, match="lists 400,064 bytes"):
        await pulled(hub, tmp_path)
    hub.failures = [Answer(200, {"transfer-encoding": "chunked", "content-length": ""}, b"%x\r\n" % (len(MODEL) + 4))]
    hub.failures[0].body += MODEL + b"more\r\n0\r\n\r\n"
    with pytest.raises(DownloadError, match="more than the 400,064 bytes"):
        await pulled(hub, tmp_path)


async def test_redirects_that_lead_nowhere_are_refused(hub: HubServer, tmp_path: Path) -> None:
    hub.location = f"{hub.address}/{REPO}/resolve/main/m-Q4_K_M.gguf"
    with pytest.raises(DownloadError, match="in circles"):
        await pulled(hub, tmp_path)
    hub.location = "file:///etc/passwd"
    with pytest.raises(DownloadError, match="not safe"):
        await pulled(hub, tmp_path)


async def test_a_file_that_is_no_model_is_told(hub: HubServer, tmp_path: Path) -> None:
    hub.files = {"m-Q4_K_M.gguf": b"<html>" * 1000}
    with pytest.raises(DownloadError, match="no usable model"):
        await pulled(hub, tmp_path)


async def test_an_empty_file_is_given_up(hub: HubServer, tmp_path: Path) -> None:
    hub.files = {"m-Q4_K_M.gguf": b""}
    with pytest.raises(DownloadError, match="times in a row"):
        await pulled(hub, tmp_path)


async def test_over_tls_only_known_certificates_are_trusted(tmp_path: Path) -> None:
    authority, served = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trusting)
    doors = Doors(pause=Pauses())
    async with serving(dict(FILES), served) as hub:
        hub.location = hub.store.replace("https", "http") + "/blob/m-Q4_K_M.gguf"
        with pytest.raises(DownloadError, match="not safe"):
            await pull(REPO, Hub(hub.address), folder=tmp_path, ports=Ports(doors=doors, tls=trusting))
        hub.location = ""
        found = await pull(REPO, Hub(hub.address, "t"), folder=tmp_path, ports=Ports(doors=doors, tls=trusting))
        assert found.path.read_bytes() == MODEL
        with pytest.raises(DownloadError, match="cannot be reached"):
            await pull(REPO, Hub(hub.address), folder=tmp_path, ports=Ports(doors=doors, tls=TRUSTS_NOBODY))


async def test_a_hub_that_is_not_there(tmp_path: Path) -> None:
    pauses = Pauses()
    ports = Ports(doors=Doors(pause=pauses), tls=TRUSTS_NOBODY)
    with pytest.raises(DownloadError, match="cannot be reached"):
        await pull(REPO, Hub("http://127.0.0.1:1"), folder=tmp_path, ports=ports)
    assert len(pauses.seconds) == 3
    with pytest.raises(DownloadError, match="cannot be reached"):
        await pull(REPO, Hub("nonsense"), folder=tmp_path, ports=ports)
