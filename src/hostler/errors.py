"""Every error that hostler raises on purpose, as one tree.

HostlerError
├── ConfigError            settings, providers file or flags are wrong (names the place)
├── OwnershipError         another process owns the data folder (names it)
├── StorageError           a database, journal or file of ours cannot be read or written
├── DownloadError          a model could not be fetched whole
├── WireError              bytes do not follow their wire (400: a client sent them)
├── RequestError           the request cannot be served as it stands
│   ├── Unauthorized       401  no key, or an unknown one
│   ├── Forbidden          403  foreign Host or Origin, or a key without the right
│   ├── NotFound           404  no such path
│   ├── ModelNotFound      404  no such model (names near ones)
│   ├── MethodNotAllowed   405
│   ├── Conflict           409  what is there now stands against it
│   ├── RequestTooLarge    413
│   ├── Unsupported        400  the model, face or upstream cannot do this
│   │   └── PromptTooLong  400  the prompt is longer than the model's context window
│   └── QueueFull          429  the lane's queue is at its bound
├── ProviderNotReady       503  the provider is switched off, has no key, or is down (says what to do)
├── UpstreamError          an upstream did not give a whole, good answer
│   ├── UpstreamRefused    it answered with an error status (kept: status, body, retry hints)
│   ├── UpstreamUnreachable 502  no connection
│   ├── UpstreamBroken     502  the reply ended before its end
│   ├── UpstreamTimeout    504  it kept silent for too long
│   └── UpstreamGarbled    502  the reply does not follow its wire
├── EngineError            a local engine cannot serve
│   ├── EngineMissing      503  no llama-server on PATH and no `engine` extra
│   ├── ModelFileError     503  the model file is missing, truncated or no model
│   ├── NotEnoughMemory    503  the prediction does not fit what is available
│   ├── EngineFailed       503  it ended before it was ready
│   ├── EngineCrashed      502  it ended while it was serving
│   └── EngineTimeout      504  it did not become ready in time
├── Cancelled              499  the caller hung up or asked to stop
└── Draining               503  hostler is shutting down

Knows: statuses, stable codes and hints. Does not know: any face's JSON (the wires shape errors), logging.
"""

from collections.abc import Mapping

SENTENCE_ENDS = (".", "!", "?", ":")


class HostlerError(Exception):
    """An error with a message for people, a stable `code` for programs and an HTTP `status`.

    `hint` says what to do about it; `retry_after` is in seconds, None when waiting does not help.
    """

    status: int = 500
    code: str = "internal_error"

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retry_after = retry_after

    @property
    def text(self) -> str:
        """Message and hint as one sentence or two, as a client should see them."""
        if not self.hint:
            return self.message
        return f"{self.message}{'' if self.message.endswith(SENTENCE_ENDS) else '.'} {self.hint}"


class ConfigError(HostlerError):
    """Settings, the providers file or a flag are wrong; the message names file, line or key."""

    code = "bad_config"


class OwnershipError(HostlerError):
    """Another process owns the data folder; the message names its pid and address."""

    status = 503
    code = "folder_owned"


class StorageError(HostlerError):
    """A file or database of ours cannot be read or written (disk full, permissions, damage)."""

    code = "storage_error"


class DownloadError(HostlerError):
    """A model could not be fetched whole; what was fetched is kept for a resume."""

    status = 502
    code = "download_failed"


class WireError(HostlerError):
    """Bytes do not follow their wire; the message names the place, for example `messages[2].content`."""

    status = 400
    code = "invalid_request"


class RequestError(HostlerError):
    """The request cannot be served as it stands; sending it again unchanged will not help."""

    status = 400
    code = "invalid_request"


class Unauthorized(RequestError):
    """No key was sent, or one that nobody knows."""

    status = 401
    code = "invalid_api_key"


class Forbidden(RequestError):
    """A foreign Host or Origin, or a key without the right to do this."""

    status = 403
    code = "forbidden"


class NotFound(RequestError):
    """No such path, or nothing with that id."""

    status = 404
    code = "not_found"


class ResponseNotFound(RequestError):
    """No stored response of that id; status and code are those that clients of OpenAI's know."""

    code = "previous_response_not_found"


class ModelNotFound(RequestError):
    """No such model; the hint lists ids that come near."""

    status = 404
    code = "model_not_found"


class MethodNotAllowed(RequestError):
    """The path exists, but not for this method."""

    status = 405
    code = "method_not_allowed"


class Conflict(RequestError):
    """What is there now stands against it, for example a reply that still runs."""

    status = 409
    code = "conflict"


class RequestTooLarge(RequestError):
    """The body is above the limit in settings."""

    status = 413
    code = "request_too_large"


class Unsupported(RequestError):
    """The model, the face or the upstream cannot do what was asked."""

    code = "unsupported"


class PromptTooLong(Unsupported):
    """The prompt is longer than the model's context window, as far as that is known."""

    code = "context_length_exceeded"


class QueueFull(RequestError):
    """The lane's queue is at its bound; `retry_after` says when to come back."""

    status = 429
    code = "queue_full"


class ProviderNotReady(HostlerError):
    """The provider is switched off, lacks its key, or its machine is down."""

    status = 503
    code = "provider_not_ready"


class UpstreamError(HostlerError):
    """An upstream did not give a whole, good answer. `provider` is its id, set by dispatch."""

    status = 502
    code = "upstream_error"
    provider: str = ""


class UpstreamRefused(UpstreamError):
    """The upstream answered with an error status.

    `status` is the upstream's; `kind` its own error type or code as a string; `body` its bytes, for
    pass-through on the same wire; `headers` the retry and rate-limit headers (lower-cased names).
    """

    code = "upstream_refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        kind: str = "",
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status
        self.kind = kind
        self.body = body
        self.headers = dict(headers or {})


class UpstreamUnreachable(UpstreamError):
    """No connection could be made (refused, no route, name not found, TLS failed)."""

    code = "upstream_unreachable"


class UpstreamBroken(UpstreamError):
    """The reply ended before its end."""

    code = "upstream_broken"


class UpstreamTimeout(UpstreamError):
    """The upstream kept silent for longer than its provider's timeouts allow."""

    status = 504
    code = "upstream_timeout"


class UpstreamGarbled(UpstreamError):
    """The reply does not follow its wire (wrong content type, broken JSON, bad framing)."""

    code = "upstream_garbled"


class EngineError(HostlerError):
    """A local engine cannot serve. `log_tail` holds its last lines, oldest first."""

    status = 503
    code = "engine_error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        retry_after: float | None = None,
        log_tail: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, retry_after=retry_after)
        self.log_tail = log_tail

    @property
    def text(self) -> str:
        """Message, hint and the last log lines."""
        tail = f" Last log lines: {' | '.join(self.log_tail)}" if self.log_tail else ""
        return super().text + tail


class EngineMissing(EngineError):
    """There is no llama-server on PATH and the `engine` extra is not installed."""

    code = "engine_missing"


class ModelFileError(EngineError):
    """The model file is missing, truncated, or not a model that the engine reads."""

    code = "model_file_error"


class NotEnoughMemory(EngineError):
    """The predicted bytes do not fit what is available, even with everything idle unloaded."""

    code = "not_enough_memory"


class EngineFailed(EngineError):
    """The engine ended before it was ready."""

    code = "engine_failed"


class EngineCrashed(EngineError):
    """The engine ended while it was serving."""

    status = 502
    code = "engine_crashed"


class EngineTimeout(EngineError):
    """The engine did not become ready within its time."""

    status = 504
    code = "engine_timeout"


class Cancelled(HostlerError):
    """The caller hung up or asked to stop; never an upstream's fault."""

    status = 499
    code = "cancelled"


class Draining(HostlerError):
    """hostler is shutting down and takes no new calls."""

    status = 503
    code = "draining"
