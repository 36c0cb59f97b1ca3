"""Floor 3: vendors as rows, and what a provider is made of. The one place, beside `wire`, that names vendors."""
