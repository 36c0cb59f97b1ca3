"""What a person means by ORG/NAME[:QUANT], given what a repository holds."""

import pytest

from hostler.engines.hub import (
    Hub,
    HubFile,
    Offer,
    Spec,
    choose,
    hub_of,
    local_name,
    next_url,
    offers,
    parse_spec,
    refusal,
)
from hostler.errors import DownloadError
from hostler.settings import Settings

HUB = Hub("https://hub.example")


def listing(*paths: str) -> tuple[Offer, ...]:
    return offers(HubFile(path, 1_000_000_000 + index) for index, path in enumerate(paths))


def chosen(choice: str, *paths: str) -> str:
    return choose(Spec("org/model", choice), listing(*paths)).files[0].path


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("org/model", Spec("org/model")),
        ("org/model-GGUF:Q4_K_M", Spec("org/model-GGUF", "Q4_K_M")),
        ("https://huggingface.co/org/model/", Spec("org/model")),
        ("hf.co/Org/My.Model-1_2:a/b-Q8_0.gguf", Spec("Org/My.Model-1_2", "a/b-Q8_0.gguf")),
    ],
)
def test_specs(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize(
    "text",
    ["", "model", "a/b/c", "../etc", "org/..", "org/../x", "org/model:../x", "o rg/m", "-o/m", "org/m:", "org/m?x"],
)
def test_what_names_no_model_is_refused(text: str) -> None:
    with pytest.raises(DownloadError, match="does not name a model"):
        parse_spec(text)


def test_offers_are_models_with_their_quantisation() -> None:
    found = listing(
        "README.md",
        "m-Q4_K_M.gguf",
        "m.Q8_0.gguf",
        "m-UD-Q4_K_XL.gguf",
        "m-IQ2_XXS.gguf",
        "mmproj-m-F16.gguf",
        "m.imatrix.gguf",
        "BF16/m-BF16-00001-of-00002.gguf",
        "BF16/m-BF16-00002-of-00002.gguf",
        "Q6_K/m-00001-of-00002.gguf",
        "Q3_K_S/whole-00001-of-00001.gguf",
        "m-fp16.gguf",
        "m-MXFP4_MOE.gguf",
        "plain.gguf",
    )
    assert {offer.label: len(offer.files) for offer in found} == {
        "Q4_K_M": 1,
        "Q8_0": 1,
        "UD-Q4_K_XL": 1,
        "IQ2_XXS": 1,
        "BF16": 2,
        "Q3_K_S": 1,
        "F16": 1,
        "MXFP4": 1,
        "plain": 1,
    }


def test_four_bits_are_taken_when_nothing_is_asked_for() -> None:
    assert chosen("", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-Q4_0.gguf") == "m-Q4_K_M.gguf"
    assert chosen("", "m-Q8_0.gguf", "m-Q5_K_S.gguf", "m-F16.gguf") == "m-Q5_K_S.gguf"
    assert chosen("", "m-F16.gguf", "m-Q2_K.gguf") == "m-F16.gguf"
    assert chosen("", "odd.gguf") == "odd.gguf"


def test_a_choice_is_a_quantisation_or_a_file() -> None:
    names = ("m-Q8_0.gguf", "m-UD-Q4_K_XL.gguf", "a/m-Q5_K_M.gguf")
    assert chosen("q8_0", *names) == "m-Q8_0.gguf"
    assert chosen("Q4_K_XL", *names) == "m-UD-Q4_K_XL.gguf"
    assert chosen("UD-Q4_K_XL", *names, "m-Q4_K_XL.gguf") == "m-UD-Q4_K_XL.gguf"
    assert chosen("Q4_K_XL", *names, "m-Q4_K_XL.gguf") == "m-Q4_K_XL.gguf"
    assert chosen("m-Q5_K_M.gguf", *names) == "a/m-Q5_K_M.gguf"
    assert chosen("a/m-q5_k_m.gguf", *names) == "a/m-Q5_K_M.gguf"


def test_what_is_not_there_lists_what_is() -> None:
    with pytest.raises(DownloadError, match="has no 'Q2_K'") as caught:
        chosen("Q2_K", "m-Q8_0.gguf", "m-Q4_0.gguf")
    assert caught.value.hint == "There is: Q8_0 (1.00 GB), Q4_0 (1.00 GB)."
    with pytest.raises(DownloadError, match=r"several models that fit: one\.gguf, other\.gguf"):
        chosen("", "one.gguf", "other.gguf")
    with pytest.raises(DownloadError, match="holds no GGUF files"):
        chosen("", "model.safetensors")


def test_two_models_of_one_quantisation_are_told_apart_by_name() -> None:
    with pytest.raises(DownloadError, match=r"several models that fit: a-Q4_0\.gguf, b-Q4_0\.gguf") as caught:
        chosen("Q4_0", "a-Q4_0.gguf", "b-Q4_0.gguf")
    assert "org/model:FILE.gguf" in (caught.value.hint or "")
    assert chosen("b-Q4_0", "a-Q4_0.gguf", "b-Q4_0.gguf") == "b-Q4_0.gguf"


def test_the_token_stays_at_home() -> None:
    hub = Hub("https://hub.example", "secret")
    assert hub.headers("https://hub.example/api") == {"authorization": "Bearer secret"}
    assert hub.headers("https://cdn.example/blob") == {}
    assert hub.headers("https://hub.example:8443/x") == {}
    assert hub.headers("http://hub.example/api") == {}
    assert Hub("http://hub.example", "secret").headers("http://hub.example/api") == {}
    assert Hub("http://127.0.0.1:8", "secret").headers("http://127.0.0.1:8/api")
    assert HUB.headers("https://hub.example/api") == {}


def test_the_token_comes_from_settings_or_the_environment() -> None:
    assert hub_of(Settings(environment={"HF_TOKEN": "env"})).token == "env"
    assert hub_of(Settings(environment={"HF_TOKEN": "env"}, vendor_keys={"huggingface": "set"})).token == "set"
    assert hub_of(Settings(hub="https://mirror.example")) == Hub("https://mirror.example")


@pytest.mark.parametrize(
    ("status", "code", "part", "hint"),
    [
        (404, "RepoNotFound", "has no org/model", "set HF_TOKEN"),
        (401, "", "has no org/model", "set HF_TOKEN"),
        (401, "GatedRepo", "is gated", "Accept its terms at https://hub.example/org/model"),
        (403, "", "is gated", "Accept its terms"),
        (429, "", "slow down", "few minutes"),
        (500, "", "answered 500 for org/model: broken", ""),
    ],
)
def test_refusals_say_what_to_do(status: int, code: str, part: str, hint: str) -> None:
    headers = {"x-error-code": code} if code else {}
    error = refusal(HUB, "org/model", status=status, headers=headers, body=b'{"error": "broken"}')
    assert part in error.message
    assert hint in (error.hint or "")


def test_a_refusal_with_a_token_asks_to_check_it() -> None:
    error = refusal(Hub("https://h", "t"), "o/m", status=404, headers={}, body=b"<html>")
    assert "check that your token may read it" in (error.hint or "")


@pytest.mark.parametrize("location", ["", "http://cdn.example/x", "ftp://cdn.example/x", "file:///etc/passwd"])
def test_a_redirect_does_not_leave_tls(location: str) -> None:
    with pytest.raises(DownloadError, match="not safe"):
        next_url("https://hub.example/a", location)


def test_redirects_may_be_relative() -> None:
    assert next_url("https://hub.example/a/b", "/c") == "https://hub.example/c"


@pytest.mark.parametrize("path", ["", "a/", ".hidden", "a/..", "x\\y", "n" * 300])
def test_impossible_file_names_are_refused(path: str) -> None:
    with pytest.raises(DownloadError, match="impossible name"):
        local_name(path)
