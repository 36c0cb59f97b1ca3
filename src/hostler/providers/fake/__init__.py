"""The fake vendor: serves all six wires over HTTP from a script, and judges what it is sent.

Shares no code with `hostler.wire`, so that a misreading there is found here and not repeated.
"""

from hostler.providers.fake.record import Received
from hostler.providers.fake.script import Script
from hostler.providers.fake.server import FakeVendor, serve

__all__ = ["FakeVendor", "Received", "Script", "serve"]
