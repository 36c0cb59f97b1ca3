"""`hostler keys`, with and without a hostler that runs."""

from pathlib import Path

from tests.cli.program import Run


def test_a_key_is_shown_once_and_alone_on_standard_output(run: Run, own_folders: Path) -> None:
    made = run("keys", "create", "laptop")
    assert made.status == 0
    assert made.out.startswith("sk-hostler-") and made.out.count("\n") == 1
    assert "laptop" in made.err and made.out.strip() not in made.err
    listed = run("keys", "list")
    assert "laptop" in listed.out and "in force" in listed.out
    assert made.out.strip() not in listed.out
    secret = made.out.strip().encode()
    assert all(secret not in path.read_bytes() for path in (own_folders / "data").iterdir() if path.is_file())


def test_json_is_for_programs(run: Run) -> None:
    made = run("keys", "create", "ci", "--json").json
    assert made["key"].startswith("sk-hostler-")
    (row,) = run("keys", "list", "--json").json
    assert (row["id"], row["name"], row["revoked_us"]) == (made["id"], "ci", None)


def test_a_key_is_revoked_by_name_or_id_and_forgotten_on_request(run: Run) -> None:
    first = run("keys", "create", "a", "--json").json
    run("keys", "create", "b")
    assert "1 remain in force" in run("keys", "revoke", first["id"]).err
    third = run("keys", "create", "c", "--json").json
    gone = run("keys", "revoke", "c", "--json").json
    assert gone["id"] == third["id"] and gone["revoked_us"] > gone["created_us"]
    run("keys", "revoke", "c", "--forget")
    assert "revoked 2" in run("keys", "list").out
    assert run("keys", "revoke", "b", "--forget", "--json").json["name"] == "b"
    assert [row["name"] for row in run("keys", "list", "--json").json] == ["a"]


def test_a_name_that_is_taken_or_unknown(run: Run) -> None:
    run("keys", "create", "a")
    again = run("keys", "create", "a")
    assert (again.status, again.out) == (1, "")
    assert "There is a key named 'a' already.\n  Choose another name" in again.err
    missing = run("keys", "revoke", "b")
    assert missing.status == 1
    assert "`hostler keys list` shows them all" in missing.err


def test_without_keys_it_says_what_that_means(run: Run) -> None:
    ended = run("keys", "list")
    assert (ended.status, ended.out) == (0, "")
    assert "There are no keys" in ended.err


def test_keys_of_the_settings_are_counted(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text('[gateway]\nkeys = ["one", "two"]\n')
    ended = run("keys", "list", "--config", str(config))
    assert (ended.out, ended.err) == ("", "2 more stand in the settings.\n")
