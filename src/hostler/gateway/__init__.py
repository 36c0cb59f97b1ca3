"""Surface: the wires as served to clients. Knows paths, keys, hosts; does not know how a call is performed (routing)."""
