"""All five faces over the real engine: the demo model's text, and a call with its result, by the official SDKs."""

from pathlib import Path

import pytest

from tests.end_to_end.gate import Setup, gate
from tests.faces.clients import FACES, face

pytest.importorskip("xllamacpp", reason="the engine is an extra")
DEMO = "here/demo"
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_the_demo_model_answers_and_calls_on_every_face(tmp_path: Path, *, stream: bool) -> None:
    async with gate(tmp_path, setup=Setup(engine={"enabled": True})) as door:
        for name in FACES:
            async with face(name, door.address, temperature=0) as client:
                said = await client.ask(DEMO, [client.user("hello")], tools=False, stream=stream)
                assert said.text and said.finish == "stop", name
                assert said.prompt_tokens and said.completion_tokens, name
                history = [client.user("What is the weather in Paris?")]
                said = await client.ask(DEMO, history, tools=True, stream=stream)
                (call,) = said.calls
                assert (call.name, call.arguments["city"], said.finish) == ("weather", "Paris", "tool_calls"), name
                history += [*said.turn, *client.results(said, ["Sunny, 20 degrees"])]
                said = await client.ask(DEMO, history, tools=True, stream=stream)
                assert said.text and not said.calls, name
