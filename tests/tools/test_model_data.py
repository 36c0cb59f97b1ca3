"""How the tool makes one fact of what several data sets say."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.model_data import OUT, Agreed, agree, wildcard


def test_who_says_the_same_stands_beside_the_value() -> None:
    agreed = agree({"litellm": {"vision": True}, "models-dev": {"vision": True}})
    assert agreed["vision"] == Agreed(True, ("litellm", "models-dev"), uncertain=False)


def test_disagreement_makes_a_fact_uncertain_and_the_preferred_source_gives_it() -> None:
    agreed = agree({"models-dev": {"vision": True, "max_output": 5}, "litellm": {"vision": False, "max_output": 5}})
    assert agreed["vision"] == Agreed(False, ("litellm",), uncertain=True)
    assert not agreed["max_output"].uncertain


def test_windows_with_and_without_the_reply_do_not_contradict_each_other() -> None:
    said = {
        "genai-prices": {"context_window": 400_000},
        "litellm": {"context_window": 272_000, "max_output": 128_000},
    }
    assert agree(said)["context_window"] == Agreed(400_000, ("genai-prices", "litellm"), uncertain=False)
    rounded = {"genai-prices": {"context_window": 1_000_000}, "litellm": {"context_window": 1_048_576}}
    assert agree(rounded)["context_window"] == Agreed(1_000_000, ("genai-prices", "litellm"), uncertain=False)
    apart = {"genai-prices": {"context_window": 64_000}, "litellm": {"context_window": 131_072}}
    assert agree(apart)["context_window"] == Agreed(64_000, ("genai-prices",), uncertain=True)


def test_prices_come_from_one_source_and_others_fill_in_only_if_they_agree_on_the_price() -> None:
    said = {
        "genai-prices": {"input_price": 3.0, "output_price": 15.0},
        "litellm": {"input_price": 3.0, "output_price": 15.0, "cache_read_price": 0.3},
        "models-dev": {"input_price": 2.0, "output_price": 10.0, "cache_write_price": 2.5},
    }
    agreed = agree(said)
    assert agreed["input_price"] == Agreed(3.0, ("genai-prices", "litellm"), uncertain=True)
    assert agreed["cache_read_price"] == Agreed(0.3, ("litellm",), uncertain=False)
    assert "cache_write_price" not in agreed
    assert agreed["cost_tracking"].value is True
    assert "cost_tracking" not in agree({"litellm": {"vision": True}})


def test_a_wildcard_holds_what_nobody_contradicts_and_is_never_certain() -> None:
    yes, no = Agreed(True, ("litellm",), uncertain=False), Agreed(False, ("litellm",), uncertain=False)
    models = {str(n): {"vision": yes, "audio": yes if n else no, "reasoning": yes} for n in range(6)}
    models["5"].pop("vision")
    assert wildcard(models) == {
        "vision": Agreed(True, ("litellm",), uncertain=True),
        "reasoning": Agreed(True, ("litellm",), uncertain=True),
    }
    assert wildcard({name: models[name] for name in ("1", "2")}) == {}


@pytest.mark.slow
def test_without_a_network_it_says_so_and_changes_nothing() -> None:
    before = {path: path.read_bytes() for path in OUT.iterdir()}
    root = Path(__file__).parent.parent.parent
    nowhere = {"PATH": "", "HOME": str(root), "PYTHONPATH": str(root), "UV_OFFLINE": "1", "UV_NO_CACHE": "1"}
    command = [sys.executable, "tools/model_data.py"]
    ended = subprocess.run(command, cwd=root, env=nowhere, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1 and ended.stderr.splitlines()[-1].startswith("The packages could not be fetched")
    assert {path: path.read_bytes() for path in OUT.iterdir()} == before
