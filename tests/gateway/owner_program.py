"""An owner with two gateway workers in a process of its own, so that a test can kill it.

    python -m tests.gateway.owner_program FOLDER

Writes its address and its control address to stdout once it listens; ends well on SIGTERM.
"""

import os
import subprocess
import sys
from pathlib import Path

import uvloop

from hostler.app import Listening, serve
from hostler.settings import GatewaySettings, Settings


def tell(listening: Listening) -> None:
    os.write(1, f"{listening.address} {listening.app.owner.info.control}\n".encode())


def main(folder: Path) -> None:
    settings = Settings(
        gateway=GatewaySettings(port=0, workers=2, drain_s=10.0),
        data_dir=folder / "data",
        providers_file=folder / "llama-providers.json",
        environment=dict(os.environ),
    )
    uvloop.run(serve(settings, tell))


def start_owner(folder: Path) -> subprocess.Popen[bytes]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        (sys.executable, "-m", "tests.gateway.owner_program", str(folder)),
        stdout=subprocess.PIPE,
        cwd=root,
        env={"PYTHONPATH": f"{root / 'src'}:{root}", "PATH": os.defpath},
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
