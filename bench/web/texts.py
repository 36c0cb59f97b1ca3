"""What the source says and what long sessions hold: Markdown as models write it, the same in every run.

Knows: texts. Does not know: who shows them.
"""

DELTA = 4
"""Characters of a delta: 24 KB are about 6,000 of them."""
LAST = "last"
"""What an answer ends with. The word is nowhere else in it."""

SENTENCE = (
    "the server keeps what a page asks for until it has been read and every reader gets its own place in the order of "
    "things so that nobody waits for anybody else while a slow one is told of the gap and begins anew from what stands"
)
WORDS = SENTENCE.split()
CODE = """```python
def merge(left: list[int], right: list[int]) -> list[int]:
    \"\"\"Both lists as one, in order.\"\"\"
    merged: list[int] = []
    while left and right:
        merged.append(left.pop(0) if left[0] <= right[0] else right.pop(0))
    return merged + left + right


for number in merge([1, 4, 9], [2, 3, 8]):
    print(f"{number:3} is {'even' if number % 2 == 0 else 'odd'}")
```"""
TABLE = """| engine | tokens/s | memory | state |
|---|--:|--:|---|
| small | 212.4 | 1.2 GB | **ready** |
| middle | 88.1 | 5.6 GB | `starting` |
| large | 31.7 | 21 GB | stopped |"""
LIST = """- **first** a point with `code` in it
- *second* a [link](https://example.org/page) and more
  1. nested
  2. again
- third, which is longer and goes on for a while so that it has to be broken"""


def prose(words: int, seed: int) -> str:
    """A paragraph."""
    picked = [WORDS[(seed * 7 + n * (3 + seed % 5)) % len(WORDS)] for n in range(words)]
    picked[words // 3] = f"**{picked[words // 3]}**"
    picked[words // 2] = f"`{picked[words // 2]}`"
    return " ".join(picked).capitalize() + "."


def section(number: int) -> str:
    """A heading and what is under it: about 1.4 KB."""
    parts = [f"## {number}. What comes", prose(60, number), (CODE, TABLE, LIST)[number % 3], prose(90, number + 1)]
    return "\n\n".join(parts) + "\n\n"


def answer(deltas: int) -> list[str]:
    """An answer in so many deltas. Its last word, and no other, is LAST."""
    size = deltas * DELTA - len(LAST) - 2
    text, number = "# An answer\n\n", 0
    while len(text) < size:
        number += 1
        text += section(number)
    text = text[:size].rstrip("`") + "\n\n"
    text += "x" * (deltas * DELTA - len(LAST) - len(text)) + LAST
    return [text[at : at + DELTA] for at in range(0, len(text), DELTA)]


def session(messages: int, title: str) -> dict[str, object]:
    """An export of a session with so many messages, questions and answers in turn."""
    made: list[dict[str, object]] = []
    for n in range(messages):
        person = n % 2 == 0
        text = prose(12 + n % 40, n) if person else section(n)[: 200 + n * 37 % 1200]
        if n == messages - 1:
            text = f"{prose(40, n)}\n\n{LAST}"
        made.append(
            {
                "id": f"m{n}",
                "parent": f"m{n - 1}" if n else None,
                "role": "user" if person else "assistant",
                "parts": [{"type": "text", "text": text}],
                "model": "" if person else "bench/d500-2500-a",
                "created": 1_760_000_000_000 + n * 60_000,
            }
        )
    whole = {"title": title, "leaf": f"m{messages - 1}", "messages": made}
    return {"hostler": "sessions", "version": 1, "note": "", "sessions": [whole]}
