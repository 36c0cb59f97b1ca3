"""Small real servers that load and unload models as local servers' published interfaces say; there is no model."""

import json
from dataclasses import dataclass, field
from urllib.parse import unquote

from tests.registry.servers import Machine, Page, llama_cpp, llama_swap, lm_studio, models, ollama

GIB = 1 << 30


@dataclass
class Loading(Machine):
    """A machine whose pages follow what is loaded. `broken` models cannot be loaded."""

    loaded: dict[str, str] = field(default_factory=dict[str, str])
    """Name to state."""
    broken: tuple[str, ...] = ()

    def reply(self, target: str, body: bytes) -> bytes:
        done = self.obey(unquote(target), json.loads(body) if body else {})
        if done is not None:
            self.pages[target] = done
        self.pages.update(self.shown())
        return super().reply(target, body)

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        """Load or unload; the answer, None for what is no order."""
        raise NotImplementedError

    def shown(self) -> dict[str, Page]:
        """The pages that tell what is loaded."""
        raise NotImplementedError


class Ollama(Loading):
    """By a request without a prompt; `keep_alive` 0 unloads."""

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        if target != "/api/generate":
            return None
        name = str(order["model"])
        if name in self.broken:
            return 500, {"error": "model requires more system memory (9.9 GiB) than is available (1.2 GiB)"}
        if order.get("keep_alive") == 0:
            self.loaded.pop(name, None)
            return {"model": name, "done": True, "done_reason": "unload"}
        self.loaded[name] = "loaded"
        return {"model": name, "done": True, "done_reason": "load"}

    def shown(self) -> dict[str, Page]:
        running = [
            {
                "name": name,
                "model": name,
                "size": 6 * GIB,
                "size_vram": 4 * GIB,
                "expires_at": "2026-11-20T16:34:17.123456789Z",
                "context_length": 4096,
            }
            for name in self.loaded
        ]
        return {"/api/ps": {"models": running}}


class LlamaSwap(Loading):
    """By a request to the model's own server, which may answer that it has no such page."""

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        del order
        if target.startswith("/upstream/"):
            name = target.removeprefix("/upstream/").removesuffix("/health")
            if name not in self.broken:
                self.loaded[name] = "ready"
            return 502 if name in self.broken else 404
        if target.startswith("/api/models/unload/"):
            self.loaded.pop(target.removeprefix("/api/models/unload/"), None)
            return b"OK"
        return None

    def shown(self) -> dict[str, Page]:
        return {"/running": {"running": [{"model": name, "state": state} for name, state in self.loaded.items()]}}


class LmStudio(Loading):
    """By a call that makes an instance; a second one would be a second copy."""

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        if target == "/api/v1/models/load":
            name = str(order["model"])
            instance = f"{name}:2" if name in self.loaded.values() else name
            self.loaded[instance] = name
            return {"type": "llm", "instance_id": instance, "load_time_seconds": 0.1, "status": "loaded"}
        if target == "/api/v1/models/unload":
            self.loaded.pop(str(order["instance_id"]), None)
            return {"instance_id": order["instance_id"]}
        return None

    def shown(self) -> dict[str, Page]:
        def item(name: str) -> Page:
            copies = [{"id": i, "config": {"context_length": 4096}} for i, n in self.loaded.items() if n == name]
            return {"type": "llm", "key": name, "size_bytes": 3 * GIB, "loaded_instances": copies}

        return {"/api/v1/models": {"models": [item("google/gemma"), item("nomic")]}}


class Router(Loading):
    """llama.cpp's router: a load begins in the background, and the list tells how it goes, one step per look."""

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        if target == "/models/load":
            self.loaded[str(order["model"])] = "loading"
            return {"success": True}
        if target == "/models/unload":
            self.loaded.pop(str(order["model"]), None)
            return {"success": True}
        return None

    def shown(self) -> dict[str, Page]:
        listed = models("small", "org/big")
        for item in listed["data"]:  # type: ignore[union-attr]
            item["status"] = {"value": self.loaded.get(item["id"], "unloaded")}
        for name, state in list(self.loaded.items()):
            if state == "loading" and name in self.broken:
                del self.loaded[name]
            elif state == "loading":
                self.loaded[name] = "loaded"
        return {"/v1/models": listed}


def make(kind: str) -> Loading:
    """A machine of this kind with nothing loaded; its models as in `servers`."""
    match kind:
        case "ollama":
            return Ollama(ollama().pages)
        case "llama-swap":
            return LlamaSwap(llama_swap("qwen 3", "org/m").pages)
        case "lmstudio":
            return LmStudio(lm_studio().pages)
        case "llama.cpp":
            return Router({"/props": {"role": "router"}})
        case _:
            return Fixed(llama_cpp("only").pages)


class Fixed(Loading):
    """Serves what it was started with."""

    def obey(self, target: str, order: dict[str, object]) -> Page | None:
        return None

    def shown(self) -> dict[str, Page]:
        return {}
