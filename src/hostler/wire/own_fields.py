"""What a request holds that only its own wire knows, for that wire's encoder. Knows paths; knows no wire's fields."""

from hostler.core.requests import ChatRequest
from hostler.core.wires import Wire
from hostler.wire.losses import lost_of_extra


def own_extra(
    request: ChatRequest, wire: Wire, *, sections: tuple[str, ...], dropped: set[str]
) -> list[tuple[str, str, object]]:
    """What only `wire` knows, each with its section (empty: the top level) and its name there.

    What another wire knows goes to `dropped`. Lists are sections, too; else a field's name may hold a dot itself.
    """
    if request.wire != wire:
        dropped |= lost_of_extra(request)
        return []
    parted = ((key.partition("."), value) for key, value in request.extra.items())
    return [
        (one, two, value) if one in sections or "[]" in one else ("", f"{one}{dot}{two}", value)
        for (one, dot, two), value in parted
    ]
