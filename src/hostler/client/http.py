"""Small JSON questions to a gateway's HTTP port: its control API and its model list. Blocking; no model traffic.

Knows: one request, one JSON answer, a bearer token. Does not know: what the answers mean.
"""

import contextlib
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from hostler.errors import HostlerError, UpstreamGarbled, UpstreamUnreachable

if TYPE_CHECKING:
    from http.client import HTTPConnection

PATIENCE_S: Final = 60.0
_ERROR: Final = 400


@dataclass(frozen=True, slots=True)
class GatewayDoor:
    """A gateway's address (http://127.0.0.1:8484) and what it is shown."""

    address: str
    token: str = ""

    def ask(self, method: str, path: str, *, patience: float = PATIENCE_S) -> object:
        """The answer's JSON; `patience` in seconds of silence. Raises UpstreamUnreachable, or the error it answers."""
        from http.client import HTTPException  # lazy: 10 ms and its memory, which a gateway never needs

        connection = self._connection(patience)
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        with contextlib.closing(connection):
            try:
                connection.request(method, path, headers=headers)
                response = connection.getresponse()
                body = response.read()
            except (OSError, HTTPException) as error:
                raise UpstreamUnreachable(
                    f"hostler at {self.address} does not answer: {error or type(error).__name__}."
                ) from None
        return self._read(response.status, body)

    def _connection(self, patience: float) -> "HTTPConnection":
        from http.client import HTTPConnection, HTTPSConnection  # lazy: see above

        url = urlsplit(self.address)
        if url.scheme != "https":
            return HTTPConnection(url.hostname or "", url.port, timeout=patience)
        context = ssl.create_default_context()
        return HTTPSConnection(url.hostname or "", url.port, timeout=patience, context=context)

    def _read(self, status: int, body: bytes) -> object:
        try:
            answer = cast("object", json.loads(body))
        except ValueError:
            raise UpstreamGarbled(f"What answers at {self.address} is no hostler (status {status}).") from None
        if status < _ERROR:
            return answer
        raise _refusal(status, answer)


def _refusal(status: int, answer: object) -> HostlerError:
    """The error that another hostler told, with its code."""
    told = answer.get("error") if isinstance(answer, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    fields = cast("dict[str, object]", told if isinstance(told, dict) else {})
    hint = fields.get("hint")
    error = HostlerError(str(fields.get("message") or f"status {status}"), hint=str(hint) if hint else None)
    error.status, error.code = status, str(fields.get("code") or error.code)
    return error
