"""`hostler providers login` and `logout`: a key into the system's keyring, and out of it.

A key is read where nobody else can: hidden, or from standard input.
"""

import sys
from dataclasses import dataclass

import click

from hostler.cli.exits import DONE, NOT_FOUND
from hostler.cli.providers import OneOptions
from hostler.cli.work import known
from hostler.cli.work.output import say, show_json
from hostler.cli.work.settings import load
from hostler.errors import ConfigError, NotFound
from hostler.providers.provider import KEYRING, Provider, is_key
from hostler.registry.file_format import near_name
from hostler.settings import Settings
from hostler.system.keyring import Keyring
from hostler.system.owner import make_private


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of it. `used`: where the key that counts is from now, empty when there is none."""

    id: str
    stored: bool
    used: str


def login(options: OneOptions) -> int:
    """Ask for the key and store it. Raises NotFound, ConfigError."""
    settings = load(options)
    provider = _provider(settings, options.provider_id)
    if provider.ours or provider.program is not None:
        raise ConfigError(f"Provider '{provider.id}' takes no key from hostler.")
    key = _read(provider)
    if not is_key(key):
        raise ConfigError("This is no key: it must be printable ASCII without spaces.")
    make_private(settings.data_dir)
    Keyring(settings.data_dir).store(provider.id, key)
    used = _provider(settings, provider.id).key_from
    if options.json:
        show_json(Kept(provider.id, True, used))
        return DONE
    say(f"The key of '{provider.id}' lies in the system's keyring; a hostler that runs has it within seconds.")
    if used != KEYRING:
        say(f"{used} goes before it, and is what is used.")
    return DONE


def logout(options: OneOptions) -> int:
    """Remove the key. Raises ConfigError."""
    settings = load(options)
    make_private(settings.data_dir)
    was_there = Keyring(settings.data_dir).remove(options.provider_id)
    directory = known.local(settings, remembered=False).file.directory
    used = directory.providers[options.provider_id].key_from if options.provider_id in directory.providers else ""
    if options.json:
        show_json(Kept(options.provider_id, False, used))
    elif was_there:
        say(f"The key of '{options.provider_id}' is no longer in the system's keyring.")
        if used:
            say(f"{used} still holds one.")
    else:
        say(f"There was no key of '{options.provider_id}' in the system's keyring.")
    return DONE if was_there else NOT_FOUND


def _provider(settings: Settings, provider_id: str) -> Provider:
    providers = known.local(settings, remembered=False).file.directory.providers
    if provider_id not in providers:
        raise NotFound(f"There is no provider '{provider_id}'{near_name(provider_id, list(providers))}")
    return providers[provider_id]


def _read(provider: Provider) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Key of {provider.label}", hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()
