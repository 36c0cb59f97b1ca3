"""Floor 0: words and pure rules. Standard library only; no await, files, clock or network."""
