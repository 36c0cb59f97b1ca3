"""Models for the engines' tests: made here, by the project's own tools."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

TOOLS = Path(__file__).parents[2] / "tools"
if str(TOOLS) not in sys.path:
    # the tools are scripts that import one another by bare name, as a person runs them
    sys.path.append(str(TOOLS))

from hollow_gguf import Hollow, write_hollow  # noqa: E402
from make_gguf import make  # noqa: E402

__all__ = ["Hollow", "hollow", "make", "tools"]


def hollow(folder: Path, model: Hollow) -> Path:
    """A GGUF file of this shape without weights."""
    path = folder / "hollow.gguf"
    write_hollow(path, model)
    return path


def tools(name: str) -> ModuleType:
    """One of the scripts in tools/, as a module."""
    return importlib.import_module(name)
