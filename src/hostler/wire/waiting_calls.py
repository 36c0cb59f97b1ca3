"""Which call a result answers, on wires where ids are optional. Knows ids and names; does not know any wire's JSON."""


class WaitingCalls:
    """The calls of a history that have no result yet, in their order."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._made: set[str] = set()

    def forget(self) -> None:
        """Nobody answers the calls so far any more."""
        self._names.clear()

    def add(self, id_: str, name: str, *, made_id: str) -> str:
        """The id of a call: its own, or `made_id` where it has none."""
        if not id_:
            self._made.add(made_id)
        self._names[id_ or made_id] = name
        return id_ or made_id

    def take(self, id_: str, name: str, *, by_order: bool = False) -> str:
        """The id of the call that a result answers, empty where none can be meant.

        It is the one that it names; else the oldest of that name, or of any where results go `by_order`; that one must
        have a made id if the result has one of its own.
        """
        if id_ not in self._names:
            meant = [call for call in self._names if not id_ or call in self._made]
            oldest = meant[0] if meant and by_order else id_
            id_ = next((call for call in meant if self._names[call] == name), oldest)
        self._names.pop(id_, None)
        return id_
