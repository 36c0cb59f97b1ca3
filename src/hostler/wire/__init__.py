"""Floor 1: sans-I/O codecs, one module or small package per wire, both directions.

Every wire exports the same names, given by `codec.Codec`. Knows bytes and dicts; no sockets, providers or keys.
"""
