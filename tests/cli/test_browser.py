"""Opening the workbench: only where somebody sees it, and never with the token on a command line."""

import stat
import webbrowser
from pathlib import Path

import pytest

from hostler.cli.work.browser import FILE, has_screen, open_page, page_for


@pytest.mark.parametrize(
    ("environment", "platform", "seen"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"}, "linux", False),
        ({"SSH_TTY": "/dev/pts/0"}, "darwin", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
    ],
)
def test_a_browser_opens_only_where_somebody_sees_it(environment: dict[str, str], platform: str, *, seen: bool) -> None:
    assert has_screen(environment, platform=platform) is seen


def test_the_browser_is_given_a_private_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    open_page("http://127.0.0.1:8484/?token=secret", tmp_path).join(10)
    assert opened == [(tmp_path / FILE).as_uri()] and "secret" not in opened[0]
    assert b'url=http://127.0.0.1:8484/?token=secret"' in (tmp_path / FILE).read_bytes()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_a_link_cannot_break_out_of_the_page() -> None:
    assert b"<script>" not in page_for('http://h/?token="><script>x</script>')
