"""The required fields of events, items and the response, as the published OpenAPI description has them.

Written down from the types of the `openai` SDK 3.51, which are generated from that description, and from the one of
August 2026 where it requires more: the `name` of a function whose arguments are whole. Knows no code.
"""

REQUIRED: dict[str, frozenset[str]] = {
    "custom_tool_call": frozenset(("call_id", "input", "name", "type")),
    "error": frozenset(("message", "sequence_number", "type")),
    "function_call": frozenset(("arguments", "call_id", "name", "type")),
    "message": frozenset(("content", "id", "role", "status", "type")),
    "reasoning": frozenset(("id", "summary", "type")),
    "response": frozenset(
        ("created_at", "id", "model", "object", "output", "parallel_tool_calls", "tool_choice", "tools")
    ),
    "response.completed": frozenset(("response", "sequence_number", "type")),
    "response.content_part.added": frozenset(
        ("content_index", "item_id", "output_index", "part", "sequence_number", "type")
    ),
    "response.content_part.done": frozenset(
        ("content_index", "item_id", "output_index", "part", "sequence_number", "type")
    ),
    "response.created": frozenset(("response", "sequence_number", "type")),
    "response.custom_tool_call_input.delta": frozenset(("delta", "item_id", "output_index", "sequence_number", "type")),
    "response.custom_tool_call_input.done": frozenset(("input", "item_id", "output_index", "sequence_number", "type")),
    "response.failed": frozenset(("response", "sequence_number", "type")),
    "response.function_call_arguments.delta": frozenset(
        ("delta", "item_id", "output_index", "sequence_number", "type")
    ),
    "response.function_call_arguments.done": frozenset(
        ("arguments", "item_id", "name", "output_index", "sequence_number", "type")
    ),
    "response.in_progress": frozenset(("response", "sequence_number", "type")),
    "response.incomplete": frozenset(("response", "sequence_number", "type")),
    "response.output_item.added": frozenset(("item", "output_index", "sequence_number", "type")),
    "response.output_item.done": frozenset(("item", "output_index", "sequence_number", "type")),
    "response.output_text.delta": frozenset(
        ("content_index", "delta", "item_id", "logprobs", "output_index", "sequence_number", "type")
    ),
    "response.output_text.done": frozenset(
        ("content_index", "item_id", "logprobs", "output_index", "sequence_number", "text", "type")
    ),
    "response.reasoning_summary_part.added": frozenset(
        ("item_id", "output_index", "part", "sequence_number", "summary_index", "type")
    ),
    "response.reasoning_summary_part.done": frozenset(
        ("item_id", "output_index", "part", "sequence_number", "summary_index", "type")
    ),
    "response.reasoning_summary_text.delta": frozenset(
        ("delta", "item_id", "output_index", "sequence_number", "summary_index", "type")
    ),
    "response.reasoning_summary_text.done": frozenset(
        ("item_id", "output_index", "sequence_number", "summary_index", "text", "type")
    ),
    "response.refusal.delta": frozenset(
        ("content_index", "delta", "item_id", "output_index", "sequence_number", "type")
    ),
    "response.refusal.done": frozenset(
        ("content_index", "item_id", "output_index", "refusal", "sequence_number", "type")
    ),
}
