"""A stage for each module of the contract, and the talk that a case is given."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hostler.core.wires import Wire
from hostler.system import upstream
from tests.contract.case import Case, Form, cases_of
from tests.contract.stage import Stage, staged
from tests.contract.talk import Talk

SWEEP_S = 0.02
"""Between two looks at silent connections; usually a second, which here every case of silence would take."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(upstream, "SWEEP", SWEEP_S)
        async with staged(tmp_path_factory.mktemp("contract"), cases_of(request.module)) as stage:
            yield stage


@pytest.fixture
def talk(request: pytest.FixtureRequest, stage: Stage) -> Talk:
    run: tuple[Case, Wire, Form] = request.param
    return Talk(stage, *run)
