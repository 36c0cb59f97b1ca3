"""A model hub: which GGUF files a repository holds, and which of them a person means.

Knows: the hub's published API (the one of Hugging Face), quantisation names, split files, the hub's refusals.
Does not know: how a file is fetched (download) and where it goes (pull). httpx2 is used by type only.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from hostler.errors import DownloadError
from hostler.settings import Settings

if TYPE_CHECKING:
    import httpx2

LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
OK, FORBIDDEN, SLOW_DOWN = 200, 403, 429
MISSING: Final = frozenset({401, 404})
"""A hub hides what one may not see behind 401."""
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MAX_NAME: Final = 200
MAX_PAGES: Final = 50
MAX_PAGE: Final = 16 << 20
"""Bytes of one page of a file list."""
TOKEN_VARIABLES: Final = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
TOKEN_NAME: Final = "huggingface"
"""Where `vendor_keys` in settings holds the hub's token."""
PREFERENCE: Final = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_XL", "Q4_K_L", "Q4_K_S", "MXFP4", "IQ4_XS", "IQ4_NL", "Q4_0", "Q4_1"),
    *("Q5_K_M", "UD-Q5_K_XL", "Q5_K_S", "Q5_0", "Q5_1", "Q6_K", "Q6_K_L", "Q8_0", "UD-Q8_K_XL"),
    *("Q3_K_M", "Q3_K_L", "UD-Q3_K_XL", "Q3_K_S", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "BF16", "F16", "F32"),
)
"""What is taken when nothing is asked for: four bits, else more, else fewer, else unquantised."""
_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?"
_SPEC: Final = re.compile(rf"^(?P<repo>{_NAME}/{_NAME})(?::(?P<choice>[A-Za-z0-9._/-]+))?$")
_SPLIT: Final = re.compile(r"-(?P<number>\d{5})-of-(?P<count>\d{5})$")
_QUANT: Final = re.compile(
    r"(?:^|[-_./])(?P<quant>(?:UD[-_])?(?:I?Q\d(?:_(?:\d|[KXSMLN]{1,3}))*|MXFP4|NVFP4|TQ\d_\d|BF16|F16|FP16|F32))"
    r"(?=$|[-_./])",
    re.IGNORECASE,
)
_BESIDE: Final = re.compile(r"(?:^|[-_./])(?:mmproj|imatrix)", re.IGNORECASE)
"""GGUF files that accompany a model and are none."""
_NEXT: Final = re.compile(r'<([^>]+)>\s*;[^,]*\brel="?next"?')
_SHA256: Final = re.compile(r"^[0-9a-f]{64}$")


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub's address, and the token that is sent there and nowhere else."""

    address: str
    token: str = ""

    def headers(self, url: str) -> dict[str, str]:
        """Headers for a request to `url`: the token goes to the hub's own origin only, and never in the clear."""
        there = urlsplit(url)
        safe = there.scheme == "https" or (there.hostname or "") in LOOPBACK
        return {"authorization": f"Bearer {self.token}"} if self.token and safe and self.is_home(url) else {}

    def is_home(self, url: str) -> bool:
        """Whether `url` is at the hub itself, not at a storage host that it redirects to."""
        here, there = urlsplit(self.address), urlsplit(url)
        return (here.scheme, here.netloc) == (there.scheme, there.netloc)

    def file_url(self, repo: str, path: str) -> str:
        """Where a file is, before redirects."""
        return f"{self.address.rstrip('/')}/{repo}/resolve/main/{quote(path)}"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a person asked for: `ORG/NAME[:CHOICE]`."""

    repo: str
    choice: str = ""
    """A quantisation (`Q5_K_M`) or a file's name; empty: the hub's best for most machines."""

    @property
    def name(self) -> str:
        """The repository's own name."""
        return self.repo.partition("/")[2]


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file in a repository."""

    path: str
    size: int
    """Bytes."""
    sha256: str = ""
    """Empty when the hub does not say."""

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Offer:
    """One model in a repository: a file, or all parts of a split one in order."""

    label: str
    """Its quantisation; its name when that says none."""
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)


def hub_of(settings: Settings) -> Hub:
    """The hub and token that the settings and the environment name."""
    variables = (settings.environment.get(name, "") for name in TOKEN_VARIABLES)
    token = settings.vendor_keys.get(TOKEN_NAME, "") or next(filter(None, variables), "")
    return Hub(settings.hub, token)


def parse_spec(text: str) -> Spec:
    """Read `ORG/NAME[:QUANT]`, also as the address of its page. Raises DownloadError."""
    plain = re.sub(r"^(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/", "", text.strip()).rstrip("/")
    match = _SPEC.match(plain)
    if match is None or ".." in plain:
        raise DownloadError(
            f"'{text}' does not name a model on a hub", hint="Write ORG/NAME or ORG/NAME:QUANT, as in org/model:Q4_K_M."
        )
    return Spec(match["repo"], match["choice"] or "")


def offers(files: Iterable[HubFile]) -> tuple[Offer, ...]:
    """The models among a repository's files; a split one of which a part is missing is left out."""
    groups: dict[str, list[HubFile]] = {}
    counts: dict[str, int] = {}
    for file in sorted(files, key=lambda file: file.path):
        if not file.name.lower().endswith(".gguf") or _BESIDE.search(file.name):
            continue
        stem = file.path[: -len(".gguf")]
        split = _SPLIT.search(stem)
        key = stem[: split.start()] if split else stem
        groups.setdefault(key, []).append(file)
        counts[key] = int(split["count"]) if split else 1
    found = (Offer(_label(key), tuple(group)) for key, group in groups.items() if len(group) == counts[key])
    return tuple(sorted(found, key=lambda offer: (offer.size, offer.label)))


def _label(stem: str) -> str:
    """The quantisation that a path names (the file's name counts before its folder's), else the file's name."""
    folder, _, name = stem.rpartition("/")
    for text in (name, folder):
        found = [match["quant"] for match in _QUANT.finditer(text)]
        if found:
            return found[-1].upper().replace("UD_", "UD-").replace("FP16", "F16")
    return name


def choose(spec: Spec, available: tuple[Offer, ...]) -> Offer:
    """The offer that `spec` means. Raises DownloadError that lists what there is when none or several do."""
    if not available:
        raise DownloadError(
            f"{spec.repo} holds no GGUF files", hint="Look for a repository whose name ends in -GGUF of the same model."
        )
    if spec.choice:
        return _only(spec, [offer for offer in available if _is_meant(offer, spec.choice)], available=available)
    for label in PREFERENCE:
        matching = [offer for offer in available if offer.label == label]
        if matching:
            return _only(spec, matching, available=available)
    return _only(spec, list(available), available=available)


def _is_meant(offer: Offer, choice: str) -> bool:
    wanted, first = choice.lower(), offer.files[0]
    names = {first.path.lower(), first.name.lower(), first.name.lower().removesuffix(".gguf")}
    return wanted in (offer.label.lower(), offer.label.lower().removeprefix("ud-")) or wanted in names


def _only(spec: Spec, matching: list[Offer], *, available: tuple[Offer, ...]) -> Offer:
    exact = [offer for offer in matching if offer.label.lower() == spec.choice.lower()]
    if len(exact) == 1:
        return exact[0]
    if len(matching) == 1:
        return matching[0]
    if matching:
        names = ", ".join(offer.files[0].path for offer in matching)
        raise DownloadError(
            f"{spec.repo} holds several models that fit: {names}", hint=f"Name the file: {spec.repo}:FILE.gguf."
        )
    there = ", ".join(f"{offer.label} ({offer.size / 1e9:.2f} GB)" for offer in available)
    raise DownloadError(f"{spec.repo} has no '{spec.choice}'", hint=f"There is: {there}.")


async def list_files(client: "httpx2.AsyncClient", hub: Hub, *, repo: str) -> tuple[HubFile, ...]:
    """All files of a repository. Raises DownloadError for what the hub refuses; transport errors pass through."""
    url = f"{hub.address.rstrip('/')}/api/models/{repo}/tree/main?recursive=true"
    found: list[HubFile] = []
    for _ in range(MAX_PAGES):
        async with client.stream("GET", url, headers=hub.headers(url), follow_redirects=False) as response:
            body = await _bounded(response)
        if response.status_code in REDIRECTS:
            # the repository was renamed
            url = next_url(url, response.headers.get("location", ""))
            continue
        if response.status_code != OK:
            raise refusal(hub, repo, status=response.status_code, headers=response.headers, body=body)
        found += _entries(repo, body)
        following = _NEXT.search(response.headers.get("link", ""))
        if following is None:
            return tuple(found)
        url = urljoin(url, following[1])
    raise DownloadError(f"{repo} has too many files to list")


async def _bounded(response: "httpx2.Response") -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > MAX_PAGE:
            raise DownloadError("the hub's answer is too large to be a list of files")
    return bytes(body)


class _Lfs(msgspec.Struct):
    oid: str = ""
    size: int = 0


class _Entry(msgspec.Struct):
    path: str
    type: str = "file"
    size: int = 0
    lfs: _Lfs | None = None


def _entries(repo: str, body: bytes) -> Iterator[HubFile]:
    try:
        entries = msgspec.json.decode(body, type=list[_Entry])
    except msgspec.DecodeError as error:
        raise DownloadError(f"the hub's list of {repo} cannot be read: {error}") from None
    for entry in entries:
        if entry.type == "file":
            lfs = entry.lfs or _Lfs()
            yield HubFile(entry.path, lfs.size or entry.size, lfs.oid if _SHA256.match(lfs.oid) else "")


def linked_hash(headers: Mapping[str, str]) -> str:
    """The file's SHA-256 from the hub's first answer; empty when it does not say."""
    tag = headers.get("x-linked-etag", "").removeprefix("W/").strip('"')
    return tag if _SHA256.match(tag) else ""


def refusal(hub: Hub, repo: str, *, status: int, headers: Mapping[str, str], body: bytes = b"") -> DownloadError:
    """What a status other than success means, and what to do about it."""
    code = headers.get("x-error-code", "")
    said = headers.get("x-error-message", "") or _message(body)
    page = f"{hub.address.rstrip('/')}/{repo}"
    token = f"set {TOKEN_VARIABLES[0]} to a token of yours" if not hub.token else "check that your token may read it"
    if code == "GatedRepo" or (status == FORBIDDEN and code != "RepoNotFound"):
        return DownloadError(
            f"{repo} is gated: the hub asks for consent", hint=f"Accept its terms at {page}, and {token}."
        )
    if code in ("RepoNotFound", "EntryNotFound") or status in MISSING:
        return DownloadError(
            f"the hub has no {repo}, or does not show it to you",
            hint=f"Check the spelling at {page}; if it is private, {token}.",
        )
    if status == SLOW_DOWN:
        return DownloadError("the hub asks to slow down", hint="Try again in a few minutes.", retry_after=60.0)
    return DownloadError(f"the hub answered {status} for {repo}{': ' + said if said else ''}")


def _message(body: bytes) -> str:
    try:
        value = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.DecodeError:
        return ""
    return str(value.get("error", ""))[:200]


def next_url(url: str, location: str) -> str:
    """Where a redirect from `url` leads. Raises DownloadError when it would leave TLS."""
    following = urljoin(url, location)
    if not location or urlsplit(following).scheme not in ("https", urlsplit(url).scheme):
        raise DownloadError(f"the hub redirects to an address that is not safe: {location[:200]!r}")
    return following


def local_name(path: str) -> str:
    """A hub path as a safe file name: its last component, which must be an ordinary name."""
    name = path.rpartition("/")[2]
    if not name or name.startswith(".") or os.sep in name or "\\" in name or "\0" in name or len(name) > MAX_NAME:
        raise DownloadError(f"the hub offers a file with an impossible name: {path!r}")
    return name
