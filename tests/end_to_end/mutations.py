"""Well-formed things made ill: trees with wrong values, bytes with wrong bytes. The same for the same seed."""

import copy
import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1e308,
    2**64,
    -(2**70),
    0.1,
    "",
    " ",
    "x" * 3000,
    "\u0000",
    "\U0001f600",
    "\ud83d",
    "\u2028",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": None},
    {"type": "text"},
    {"type": "nobody"},
    {"type": None},
    [{"type": "text", "text": 7}],
    [{"type": "tool_use", "id": "", "name": "", "input": "x"}],
    [{"type": "image_url", "image_url": "data:,"}],
    [{"type": "image", "source": {"type": "base64", "media_type": "x", "data": "!"}}],
    "data:image/png;base64,AAAA",
    {"role": "tool", "content": None},
    [{"role": "assistant", "tool_calls": [{}]}],
    {"type": "function", "function": {}},
    [{"type": "thinking", "thinking": "t", "signature": ""}],
    {"type": "tool", "name": "no such"},
    "auto",
    "required",
)


def places(tree: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a tree, but its root."""
    if isinstance(tree, dict):
        items: Any = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    else:
        return []
    return [path for key, value in items for path in [(*at, key), *places(value, (*at, key))]]


def changed(tree: Any, dice: random.Random, keep: tuple[str, ...] = ()) -> Any:
    """One to three places of a tree replaced, removed, doubled or renamed; the top-level fields in `keep` stay."""
    tree = copy.deepcopy(tree)
    for _ in range(dice.randint(1, 3)):
        paths = [path for path in places(tree) if path[0] not in keep or len(path) > 1]
        if not paths:
            break
        *way, last = dice.choice(paths)
        parent = tree
        for step in way:
            parent = parent[step]
        match dice.randrange(5):
            case 0 | 1:
                parent[last] = copy.deepcopy(dice.choice(ODD))
            case 2:
                del parent[last]
            case 3 if isinstance(parent, list):
                parent.insert(last, copy.deepcopy(parent[last]))
            case 3:
                parent[dice.choice(["type", "content", "x", "id", "index", "delta", "usage"])] = parent[last]
            case _:
                donor = tree
                for step in dice.choice(paths):
                    donor = donor[step] if isinstance(donor, dict | list) and has(donor, step) else donor
                parent[last] = copy.deepcopy(donor) if donor is not tree else dice.choice(ODD)
    return tree


def has(parent: Any, step: Any) -> bool:
    return step in parent if isinstance(parent, dict) else isinstance(step, int) and step < len(parent)


def spoilt(data: bytes, dice: random.Random) -> bytes:
    """Bytes flipped, cut out, doubled, swapped or put in."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        if not out:
            break
        at = dice.randrange(len(out))
        end = min(len(out), at + dice.randint(1, 20))
        match dice.randrange(6):
            case 0:
                out[at] = dice.randrange(256)
            case 1:
                del out[at:end]
            case 2:
                out[at:at] = out[at:end]
            case 3:
                out[at:at] = dice.randbytes(dice.randint(1, 8))
            case 4:
                del out[at:]
            case _:
                out[at:at] = dice.choice(
                    [
                        b"\r\n",
                        b"\n",
                        b"\r",
                        b"\x00",
                        b"\r\n\r\n",
                        b": ",
                        b"\t",
                        b"0",
                        b"chunked",
                        b'"',
                        b"\xff",
                        b"\xe2\x80",
                    ]
                )
    return bytes(out)


def encoded(tree: Any) -> bytes:
    return json.dumps(tree).encode("utf-8", "replace")
