"""One door to every language model: hosted vendors and your own machines."""

__version__ = "0.1.0"
