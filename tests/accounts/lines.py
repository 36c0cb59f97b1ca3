"""Lines as a gateway would write them, short enough for tests."""

from hostler.accounts.ledger import CallKind, End, Refusal, encode_kind

START_NS = 1_700_000_000_000_000_000


Beginning = tuple[str, int, int, bytes]
"""What `Ledger.begin` takes."""


def begin(request: str, attempt: int = 1, *, at: int = 0, key: str | None = None) -> Beginning:
    """An attempt at the provider `p<attempt>`, `at` µs after a fixed time."""
    kind = CallKind("openai-chat", "chat", "a/m", f"p{attempt}", "m", True, key)
    return request, attempt, START_NS + at * 1000, encode_kind(kind)


def end(
    request: str,
    attempt: int = 1,
    *,
    final: bool = True,
    status: int = 200,
    error: str | None = None,
    waited: int = 0,
) -> End:
    """A good end after 2000 µs with usage, or a bad one after 300 µs without."""
    if error is not None:
        return End(request, attempt, status, "error", final, duration=300, error=error, waited=waited)
    return End(
        request, attempt, status, "ok", final, 1000, 2000, 7, 1, 0, 5, None, 0.25, dropped="top_k,seed", waited=waited
    )


def refusal(request: str, status: int = 401) -> Refusal:
    return Refusal(request, START_NS, "anthropic", "messages", status, "refused", "invalid_api_key", duration=40)
