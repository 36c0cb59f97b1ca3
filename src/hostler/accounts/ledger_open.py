"""The requests of one journal that are not over yet. Pure: lines in, rows out; does not know files or tables."""

from collections.abc import Callable, Sequence

import msgspec

from hostler.accounts.ledger import DAMAGE, Begin, End, Line, Refusal, encode_line
from hostler.accounts.ledger_kinds import Kinds
from hostler.accounts.ledger_rows import Begun, Rows


class OpenRequests:
    """What has begun and not ended. `stray` counts ends of nothing that is known."""

    __slots__ = ("_kinds", "_left_out", "_open", "stray")

    def __init__(self, kinds: Kinds, left_out: Callable[[Exception], None]) -> None:
        """`left_out` hears of each line whose kind cannot be read."""
        self._open: dict[str, Begun | list[Begun | End]] = {}  # a lone Begun needs no list, and nearly all are
        self._kinds = kinds
        self._left_out = left_out
        self.stray = 0

    def __len__(self) -> int:
        return len(self._open)

    def take(self, lines: Sequence[Line], rows: Rows) -> None:
        """Advance by these lines; the requests that are over with them go to `rows`."""
        open_, kinds, add = self._open, self._kinds, rows.add
        for line in lines:
            if type(line) is Begin:
                try:
                    # not the line itself, whose kind would keep its whole block in memory
                    begun = (line.attempt, line.started, kinds[bytes(line.kind)])
                except DAMAGE as error:
                    self._left_out(error)
                    continue
                if open_.setdefault(line.request, begun) is not begun:
                    self._continue(line.request, begun)
            elif type(line) is End:
                earlier = open_.get(line.request)
                if line.final and type(earlier) is tuple:
                    del open_[line.request]
                    add(line.request, earlier, end=line)
                else:
                    self._end(line, rows)
            elif type(line) is Refusal:
                rows.add_refusal(line, kinds.of_refusal(line))

    def interrupt(self, rows: Rows) -> None:
        """Close everything as interrupted: the process that served it is gone."""
        for request, steps in self._open.items():
            rows.add_long(request, steps if isinstance(steps, list) else [steps])
        self._open.clear()

    def lines(self) -> list[bytes]:
        """The lines that lead to this state again, as they stood in the journal."""
        return [
            encode_line(step if isinstance(step, End) else _begin(request, step))
            for request, steps in self._open.items()
            for step in (steps if isinstance(steps, list) else [steps])
        ]

    def _continue(self, request: str, step: Begun | End) -> list[Begun | End]:
        earlier = self._open[request]
        if not isinstance(earlier, list):
            earlier = self._open[request] = [earlier]
        earlier.append(step)
        return earlier

    def _end(self, line: End, rows: Rows) -> None:
        if line.request not in self._open:
            self.stray += 1
            return
        steps = self._continue(line.request, line)
        if line.final:
            del self._open[line.request]
            rows.add_long(line.request, steps)


def _begin(request: str, begun: Begun) -> Begin:
    attempt, started, kind = begun
    return Begin(request, attempt, started, msgspec.Raw(kind.text))
