"""Arguments survive the way through an object, whatever the model wrote."""

import msgspec
import pytest
from hypothesis import given

from hostler.core.messages import ToolCall
from hostler.wire.call_arguments import as_json_text, as_object
from tests.wire.strategies import arguments


def there_and_back(call: ToolCall) -> tuple[str, set[str]]:
    dropped: set[str] = set()
    written = msgspec.json.encode(as_object(call, "here", dropped=dropped))
    return as_json_text(msgspec.json.decode(written)), dropped


@pytest.mark.slow
@given(arguments)
def test_good_arguments_come_back(text: str) -> None:
    back, dropped = there_and_back(ToolCall(id="1", name="f", arguments=text))
    assert msgspec.json.decode(back) == msgspec.json.decode(text)
    assert not dropped


@pytest.mark.parametrize("text", ['{"city":"Os', "[1]", '"word"', "not json", "\ud800", '{"a":' * 2000])
def test_bad_arguments_survive_and_are_named(text: str) -> None:
    dropped: set[str] = set()
    assert as_object(ToolCall(id="1", name="f", arguments=text), "here", dropped=dropped) == {"INVALID_JSON": text}
    assert as_json_text({"INVALID_JSON": text}) == text
    assert dropped == {"here"}


def test_no_arguments_are_the_empty_object() -> None:
    assert there_and_back(ToolCall(id="1", name="f")) == ("{}", set())


def test_free_text_travels_as_one_argument() -> None:
    assert there_and_back(ToolCall(id="1", name="f", arguments="*** Begin", custom=True))[0] == '{"input":"*** Begin"}'
