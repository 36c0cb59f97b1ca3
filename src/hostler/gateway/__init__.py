"""Surface: the wires as clients see them. Knows paths, keys, hosts; does not know how a call is performed (routing)."""
