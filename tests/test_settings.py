"""Settings from file, environment and flags: what is wrong is one clear message that names the place."""

from pathlib import Path

import pytest

from hostler.errors import ConfigError
from hostler.settings import Settings, load


def read(folder: Path, text: str = "", **environ: str) -> Settings:
    file = folder / "settings.toml"
    file.write_text(text)
    return load(config=file, environ={"HOSTLER_DATA_DIR": str(folder), **environ})


def test_the_later_place_wins(tmp_path: Path) -> None:
    text = "[gateway]\nport = 1\nqueue = 2\nworkers = 3\n"
    environ = {"HOSTLER_GATEWAY_QUEUE": "4", "HOSTLER_GATEWAY_KEYS": "a, b", "HOSTLER_ENGINE_ENABLED": "false"}
    (tmp_path / "settings.toml").write_text(text)
    made = load(config=tmp_path / "settings.toml", environ=environ, overrides={"gateway": {"workers": 5}})
    gateway = made.gateway
    assert (gateway.port, gateway.queue, gateway.workers, gateway.keys) == (1, 4, 5, ("a", "b"))
    assert not made.engine.enabled


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[gateway]\nport = 70000", "port"),
        ("[gateway]\nport = -1", "port"),
        ('[gateway]\nport = "x"', "port"),
        ("[gateway]\nworkers = 0", "workers"),
        ("[gateway]\nqueue = -3", "queue"),
        ("[gateway]\nmax_body_mb = 0", "max_body_mb"),
        ("[gateway]\nkeepalive_s = nan", "keepalive_s"),
        ("[engine]\nidle_ttl_s = -5", "idle_ttl_s"),
        ("[engine]\nstart_timeout_s = inf", "start_timeout_s"),
        ("[upstream]\npool_size = -1", "pool_size"),
        ('[log]\nlevel = "loud"', "level"),
        ("[gatway]", "Did you mean 'gateway'"),
        ("[gateway]\nprot = 1", "Did you mean 'port'"),
        ('aliases = "x"', "aliases"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_name(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert place in caught.value.text and "settings.toml" in caught.value.message


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HOSTLER_GATEWAY_PORT", "65536"), ("HOSTLER_GATEWAY_WORKERS", "0"), ("HOSTLER_LOG_LEVEL", "loud")],
)
def test_variables_have_the_same_bounds(variable: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=variable):
        read(tmp_path, **{variable: value})
    assert read(tmp_path, HOSTLER_GATEWAY_PORT="65535").gateway.port == 65535
