"""Local inference servers that hostler starts, watches and stops; see engine.py for what one is."""
