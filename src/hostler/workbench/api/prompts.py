"""Endpoints of the prompts library. Knows parameters; does not know how prompts are kept."""

from hostler.client.sessions.prompts import PromptChange
from hostler.client.sessions.records import Prompt
from hostler.workbench.api import shapes
from hostler.workbench.api.endpoint import Endpoint
from hostler.workbench.parts import WorkbenchParts


class PromptsApi:
    """Answers for prompts."""

    def __init__(self, parts: WorkbenchParts) -> None:
        self._prompts = parts.prompts

    def endpoints(self) -> list[Endpoint]:
        """All of them."""
        one = "/prompts/{prompt}"
        return [
            Endpoint("GET", "/prompts", self.list_prompts),
            Endpoint("POST", "/prompts", self.create_prompt, status=201),
            Endpoint("PATCH", one, self.change_prompt),
            Endpoint("DELETE", one, self.delete_prompt),
        ]

    async def list_prompts(self) -> shapes.Prompts:
        """All prompts, by name."""
        return shapes.Prompts(prompts=await self._prompts.list())

    async def create_prompt(self, body: shapes.NewPrompt) -> Prompt:
        """A new prompt."""
        return await self._prompts.create(body.name, body.text)

    async def change_prompt(self, prompt: str, body: PromptChange) -> Prompt:
        """Another name or text."""
        return await self._prompts.change(prompt, body)

    async def delete_prompt(self, prompt: str) -> shapes.Gone:
        """Take it away for good."""
        await self._prompts.delete(prompt)
        return shapes.Gone(id=prompt)
