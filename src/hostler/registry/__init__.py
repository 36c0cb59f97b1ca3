"""Floor 4: which machines and models exist, and where a model id leads."""
