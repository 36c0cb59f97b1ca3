"""The requests of one journal that are not over yet. Pure: lines in, rows out; does not know files or tables."""

from hostler.accounts.ledger import Begin, End, Line, encode_line
from hostler.accounts.ledger_rows import Rows


class OpenRequests:
    """What has begun and not ended. `stray` counts ends of nothing that is known."""

    __slots__ = ("_open", "stray")

    def __init__(self) -> None:
        self._open: dict[str, Begin | list[Begin | End]] = {}  # a lone Begin needs no list, and nearly all are
        self.stray = 0

    def __len__(self) -> int:
        return len(self._open)

    def take(self, line: Line, rows: Rows) -> None:
        """Advance by one line; a request that is over with it goes to `rows`."""
        if isinstance(line, Begin):
            earlier = self._open.get(line.request)
            if earlier is None:
                self._open[line.request] = line
            elif isinstance(earlier, list):
                earlier.append(line)
            else:
                self._open[line.request] = [earlier, line]
        elif isinstance(line, End):
            self._end(line, rows)
        else:
            rows.add_refusal(line)

    def interrupt(self, rows: Rows) -> None:
        """Close everything as interrupted: the process that served it is gone."""
        for lines in self._open.values():
            rows.add_long(lines if isinstance(lines, list) else [lines])
        self._open.clear()

    def lines(self) -> list[bytes]:
        """The lines that lead to this state again, as they stood in the journal."""
        return [
            encode_line(line)
            for lines in self._open.values()
            for line in (lines if isinstance(lines, list) else [lines])
        ]

    def _end(self, line: End, rows: Rows) -> None:
        earlier = self._open.get(line.request)
        if earlier is None:
            self.stray += 1
        elif isinstance(earlier, list):
            earlier.append(line)
            if line.final:
                del self._open[line.request]
                rows.add_long(earlier)
        elif line.final:
            del self._open[line.request]
            rows.add(earlier, line)
        else:
            self._open[line.request] = [earlier, line]
