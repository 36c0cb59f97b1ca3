"""An owner of engines that can be killed: a supervisor with the real engine, in a process of its own.

    python -m tests.engines.owner_program FOLDER CONTEXT

Writes the engine's pid and port to stdout once it is ready, then holds one call for ever.
"""

import asyncio
import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from hostler.engines.llama_cpp import EmbeddedLlama
from hostler.engines.prepare import prepare
from hostler.engines.recipe import Recipe, demo_recipe
from hostler.engines.supervision import SupervisorOptions, Surroundings
from hostler.engines.supervisor import Supervisor

MODEL = "here/demo"


def real_supervisor(folder: Path, recipe: Recipe) -> Supervisor:
    """A supervisor whose only model is this recipe, on the embedded engine."""
    around = Surroundings(
        lambda _: recipe,
        lambda _: EmbeddedLlama(dict(os.environ), 1),
        lambda asked: prepare(asked, folder),
        lambda: 1 << 50,
        lambda _kind, _data: None,
    )
    return Supervisor(SupervisorOptions(folder / "engines"), around)


async def own(folder: Path, context: int) -> None:
    supervisor = real_supervisor(folder, dataclasses.replace(demo_recipe(), context=context))
    endpoint = await supervisor.hold(MODEL)
    (status,) = supervisor.statistics()
    os.write(1, f"{status.pid} {endpoint.port}\n".encode())
    await asyncio.get_running_loop().create_future()


def start_owner(folder: Path, context: int = 4096) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        (sys.executable, "-m", "tests.engines.owner_program", str(folder), str(context)),
        stdout=subprocess.PIPE,
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "PATH": os.defpath},
    )


if __name__ == "__main__":
    asyncio.run(own(Path(sys.argv[1]), int(sys.argv[2])))
