"""Floor 2: doors to the outside world. Knows sockets, files, processes and clocks; no LLM words beyond core."""
