"""`hostler providers login` and `logout`: keys in the system's keyring, and where a key is from."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError

from hostler.cli.main import run as run_command
from hostler.registry.directory import KeyringKeys
from hostler.registry.providers_file import ProvidersFile
from hostler.routing.worker_messages import Providers, decode_from_owner, encode
from hostler.settings import load
from hostler.system.keyring import SERVICE, Keyring
from hostler.worker import ToldProviders
from tests.cli.program import Run

SECRET = "sk-very-secret"


class InMemory(KeyringBackend):
    """A backend that keeps keys for one test; `broken` makes it fail as a locked one does."""

    priority = 1.0  # type: ignore[assignment]  # a property of the class there

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.broken = ""

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        self._fail()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError(username)

    def _fail(self) -> None:
        if self.broken:
            raise RuntimeError(self.broken)


@pytest.fixture
def ring() -> Iterator[InMemory]:
    before, ours = keyring.get_keyring(), InMemory()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


def row(run: Run, name: str = "mistral") -> Any:
    rows = {row["id"]: row for row in run("providers", "list", "--json").json}
    return cast("Any", rows[name])


def test_a_key_is_stored_used_shown_by_its_place_and_removed(
    run: Run, ring: InMemory, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")  # so that the vendor itself is not asked
    assert (row(run)["ready"], row(run)["key"]) == (False, "")
    stored = run("providers", "login", "mistral", stdin=f"{SECRET}\n")
    assert (stored.status, stored.out) == (0, "")
    assert ring.kept == {(SERVICE, "mistral"): SECRET}
    assert (row(run)["ready"], row(run)["key"]) == (True, "keyring")
    listed = run("providers", "list")
    assert "keyring" in listed.out and SECRET not in listed.out + listed.err
    assert SECRET not in (own_folders / "data" / "keyring.json").read_text()
    doctor = run("doctor")
    assert "mistral in the keyring" in doctor.out and SECRET not in doctor.out
    assert run("providers", "logout", "mistral").status == 0
    assert ring.kept == {} and row(run)["key"] == ""
    assert run("providers", "logout", "mistral").status == 3


def test_environment_and_settings_go_before_the_keyring_which_is_then_not_asked(
    run: Run, ring: InMemory, own_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    run("providers", "login", "mistral", stdin=SECRET)
    monkeypatch.setenv("MISTRAL_API_KEY", "from-environment")
    ring.asked = 0
    assert row(run)["key"] == "MISTRAL_API_KEY"
    monkeypatch.delenv("MISTRAL_API_KEY")
    file = own_folders / "config" / "hostler" / "settings.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('[vendor_keys]\nmistral = "from-settings"\n')
    assert row(run)["key"] == "[vendor_keys]"
    assert ring.asked == 0
    again = run("providers", "login", "mistral", "--json", stdin=SECRET)
    assert again.json == {"id": "mistral", "stored": True, "used": "[vendor_keys]"}


@pytest.mark.parametrize("key", ["", "two words", "schlüssel"])
def test_what_is_no_key_is_not_stored(key: str, run: Run, ring: InMemory) -> None:
    ended = run("providers", "login", "mistral", stdin=f"{key}\n")
    assert ended.status == 1 and "no key" in ended.err and not ring.kept


def test_a_key_is_for_somebody(run: Run, ring: InMemory) -> None:
    ended = run("providers", "login", "mistrel", stdin=SECRET)
    assert ended.status == 3 and "did you mean 'mistral'" in ended.err and not ring.kept
    assert run("providers", "login", "here", stdin=SECRET).status == 1


def test_a_keyring_that_fails_costs_that_provider_alone(run: Run, ring: InMemory) -> None:
    run("providers", "login", "mistral", stdin=SECRET)
    ring.broken = "the collection is locked"
    found = row(run)
    assert not found["ready"] and "the collection is locked" in found["reason"]
    assert row(run, "here")["ready"]
    assert run("providers", "login", "mistral", stdin="other").status == 1


def test_without_the_package_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    ended = run("providers", "login", "mistral", stdin=SECRET)
    assert ended.status == 1 and "hostler[keyring]" in ended.err
    assert row(run)["key"] == ""


async def test_a_start_does_not_wait_for_it_and_has_it_soon_after(ring: InMemory, own_folders: Path) -> None:
    settings = load()
    settings.data_dir.mkdir(parents=True)
    Keyring(settings.data_dir).store("mistral", SECRET)
    ring.asked = 0
    told: list[str] = []
    file = ProvidersFile(settings, lambda kind, data: told.append(kind))
    assert ring.asked == 0
    assert "is being read" in file.directory.providers["mistral"].unready
    before = file.directory
    await file.follow_keyring()
    assert file.directory.providers["mistral"].auth == (b"authorization", f"Bearer {SECRET}".encode())
    assert file.directory is not before and told == ["providers.loaded"]
    asked = ring.asked
    await file.follow_keyring()
    assert (ring.asked, told) == (asked, ["providers.loaded"]), "nothing changed, so nobody is asked"
    Keyring(settings.data_dir).store("mistral", "another")
    await file.follow_keyring()
    assert file.directory.providers["mistral"].auth == (b"authorization", b"Bearer another")
    ring.kept.clear()  # by somebody else
    Keyring(settings.data_dir).store("groq", SECRET)
    await file.follow_keyring()
    assert file.directory.providers["mistral"].missing_key == "MISTRAL_API_KEY"
    assert file.directory.providers["groq"].key_from == "keyring"
    Keyring(settings.data_dir).remove("mistral")
    await file.follow_keyring()
    assert file.directory.providers["mistral"].missing_key == "MISTRAL_API_KEY"


def test_without_stored_keys_the_package_is_never_loaded() -> None:
    listing = "from hostler.cli.main import run; run(['providers', 'list'])"
    program = f"import sys; {listing}; sys.exit('keyring' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode == 0


def test_the_key_never_stands_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(("providers", "login", "mistral", SECRET)) == 2
    assert "unexpected extra argument" in capsys.readouterr().err


def test_gateway_workers_are_told_what_was_read() -> None:
    told = decode_from_owner(encode(Providers(b"", KeyringKeys({"mistral": SECRET}))))
    assert isinstance(told, Providers) and SECRET not in repr(told)
    providers = ToldProviders(load(), b"", keyring=KeyringKeys({"mistral": None}))
    assert providers.directory.providers["mistral"].auth is None
    providers.take(told.text, told.keyring)
    assert providers.directory.providers["mistral"].auth == (b"authorization", f"Bearer {SECRET}".encode())
