"""What a worker takes over from other processes: a revoked key closes the door whatever else cannot be read."""

import asyncio
from typing import Any

import pytest

from hostler import worker
from hostler.errors import StorageError
from tests.waiting import wait_until


class _Changing:
    """Keys, catalogue and journal at once: keys change each time, and the catalogue cannot be read."""

    def prepare(self) -> None:
        """Nothing to do."""

    def reload_if_changed(self) -> bool:
        return True

    def read_if_changed(self) -> None:
        raise StorageError("the catalogue's file is damaged")


@pytest.mark.slow
async def test_changed_keys_are_told_of_although_the_catalogue_cannot_be_read() -> None:
    told: list[None] = []
    source: Any = _Changing()
    task = asyncio.create_task(
        worker._follow_others(source, source, journal=source, on_keys=lambda: told.append(None))  # pyright: ignore[reportPrivateUsage]
    )
    try:
        await wait_until(lambda: bool(told))
    finally:
        task.cancel()
