"""Endpoints of downloads. Knows parameters; does not know how a model is fetched."""

from hostler.engines.hub import parse_spec
from hostler.errors import DownloadError, RequestError
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.parts import WorkbenchParts
from hostler.workbench.views import PullState


class PullsApi:
    """Answers for downloads."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._pulls = parts.pulls

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        return [
            Endpoint("GET", "/pulls", self.list_pulls),
            Endpoint("POST", "/pulls", self.begin_pull, status=202),
            Endpoint("DELETE", "/pulls/{pull}", self.cancel_pull),
        ]

    async def list_pulls(self) -> shapes.Pulls:
        """Downloads since the start."""
        return shapes.Pulls(pulls=tuple(self._pulls.list()))

    async def begin_pull(self, body: shapes.PullBody) -> PullState:
        """Fetch a model; events tell how it goes."""
        spec = body.spec.strip()
        try:
            parse_spec(spec)
        except DownloadError as error:  # nothing was downloaded yet: the name is wrong
            raise RequestError(error.message, hint=error.hint) from None
        return self._pulls.begin(spec)

    async def cancel_pull(self, pull: str) -> PullState:
        """Stop a download; what has come is kept for the next one."""
        return await self._pulls.cancel(pull)
