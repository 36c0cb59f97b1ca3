"""Usage between the Responses wire and the core. Knows the wire's counts, which include one another; knows no replies.

Facts: the types of the `openai` SDK 3.51; `input_tokens` includes what was cached, `output_tokens` the reasoning, but
for vendors that leave it out; `cost_in_usd_ticks` (1e-10 dollars) of xAI, `cost` of OpenRouter.
"""

from hostler.core.requests import Asked
from hostler.core.usage import Usage
from hostler.wire.fields import Members, as_count, as_members
from hostler.wire.reported_cost import reported_cost


def read_usage(said_of: Members) -> Usage:
    """Five disjoint counts; a vendor that leaves reasoning out of the output is told by the total."""
    read, written = as_count(said_of.get("input_tokens")), as_count(said_of.get("output_tokens"))
    details = as_members(said_of.get("input_tokens_details"))
    cached, kept = as_count(details.get("cached_tokens")), as_count(details.get("cache_write_tokens"))
    thought = as_count(as_members(said_of.get("output_tokens_details")).get("reasoning_tokens"))
    stored = (cached or 0) + (kept or 0)
    if read is not None and written is not None and thought:
        apart = thought > written or as_count(said_of.get("total_tokens")) == read + written + thought
        written = written if apart else written - thought
    anew = read - stored if read is not None and stored <= read else read
    return Usage(anew, cached, kept, written, thought, reported_cost(said_of))


def write_usage(usage: Usage, asked: Asked) -> dict[str, object]:
    """`usage`, always in numbers: clients do arithmetic on it. Our own count stands in for an unknown prompt."""
    prompt = asked.prompt_of(usage)
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": usage.cache_write or 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": prompt + usage.completion_tokens,
    }
