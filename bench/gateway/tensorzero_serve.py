"""Serve TensorZero's Rust gateway over HTTP from its Python wheel (pip install tensorzero openai).

    python tensorzero_serve.py CONFIG.toml URL_FILE

The wheel's embedded gateway picks its own port; its URL goes to URL_FILE.
"""

import asyncio
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
import openai  # noqa: E402
import tensorzero  # noqa: E402


async def serve(config: str, url_file: str) -> None:
    """Serve until cancelled."""
    client = openai.AsyncOpenAI(api_key="unused", base_url="http://127.0.0.1:1/v1")
    client = await tensorzero.patch_openai_client(client, config_file=config, async_setup=True)
    tell(Path(url_file), str(client.base_url))
    await asyncio.Event().wait()


def tell(url_file: Path, url: str) -> None:
    """Write the URL so that nobody reads half of it."""
    part = url_file.with_suffix(".part")
    part.write_text(url)
    part.rename(url_file)


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:3]))
