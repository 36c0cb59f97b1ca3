"""A fixed slice of the translated exchanges: `make translation` draws new ones, in any number."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faces.clients import FACES
from tests.translation.drawing import SOURCES, exchanges
from tests.translation.judging import Check, bench

SEED = 20
COUNT = 8


@pytest.mark.slow
@pytest.mark.parametrize("wire", SOURCES)
async def test_exchanges_of_each_wire_are_read_alike_on_every_face(wire: str, tmp_path: Path) -> None:
    checks: list[Check] = []
    async with bench(tmp_path, SEED) as judges:
        for position, exchange in enumerate(exchanges(wire, SEED, COUNT)):
            for face in (FACES[position % len(FACES)], FACES[(position + 2) % len(FACES)]):
                for mode in exchange.modes:
                    checks += await judges.judge(exchange, face, mode)
    assert len(checks) > 100
    assert [check for check in checks if check.wrong] == []


async def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    """A vendor that answers something else than the exchange has fails nearly every check."""
    told, other = (next(iter(exchanges("anthropic", seed, 1))) for seed in (41, 42))
    assert told.answer.text != other.answer.text and told.answer.counts.prompt != other.answer.counts.prompt
    async with bench(tmp_path, SEED) as judges:
        checks = await judges.judge(replace(told, served=other.served), "chat", "whole")
    assert {"text", "prompt tokens"} <= {check.what for check in checks if check.wrong}
