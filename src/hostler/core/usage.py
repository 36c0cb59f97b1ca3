"""Token usage as five disjoint counts, and the cost where the upstream names it.

Knows: how counts merge and add up. Does not know: any wire's field names, prices.
"""

from typing import NamedTuple


class Usage(NamedTuple):
    """Tokens of one reply in five disjoint counts; None: the upstream did not say.

    `input` is what was read anew, `cache_read` and `cache_write` what came from or went into a prompt cache,
    `output` the visible reply with its tool calls, `reasoning` the hidden rest. `cost` is what the upstream itself says
    that the reply costs, in US dollars; None, as nearly everywhere: it does not say.
    """

    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    cost: float | None = None

    @property
    def prompt_tokens(self) -> int:
        """All tokens read, cached or not; unknown counts as 0, since clients do arithmetic on it."""
        return (self.input or 0) + (self.cache_read or 0) + (self.cache_write or 0)

    @property
    def completion_tokens(self) -> int:
        """All tokens written, visible or not; unknown counts as 0."""
        return (self.output or 0) + (self.reasoning or 0)

    @property
    def total_tokens(self) -> int:
        """Everything read and written."""
        return self.prompt_tokens + self.completion_tokens

    @property
    def known(self) -> bool:
        """Whether the upstream said anything at all."""
        return self != UNKNOWN

    def replaced_by(self, newer: "Usage") -> "Usage":
        """Merge by replacement: vendors repeat cumulative counts, so adding would count twice."""
        return Usage(
            self.input if newer.input is None else newer.input,
            self.cache_read if newer.cache_read is None else newer.cache_read,
            self.cache_write if newer.cache_write is None else newer.cache_write,
            self.output if newer.output is None else newer.output,
            self.reasoning if newer.reasoning is None else newer.reasoning,
            self.cost if newer.cost is None else newer.cost,
        )


UNKNOWN = Usage()
"""Nothing was said."""
