"""What the embedded speech service refuses or cannot do: an HTTP status, and the body that speech clients expect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SERVER = 500


class SpeechError(RequestError):
    """A request that ends without its result.

    Args:
        status: the HTTP status of the answer.
        message: one plain sentence.
        code: the stable code, such as `speech.voice-unknown`.
        param: the field of the request that is at fault.
        fix: what the client can do about it.
        retry_after: seconds after which the same request may succeed.
        allow: the methods of the address, for status 405.
    """

    default_code = "speech"

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        fix: str | None = None,
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message, code=code, fix=fix)
        self.status = status
        self.param = param
        self.retry_after = retry_after
        self.allow = allow

    def body(self) -> Mapping[str, object]:
        """Return `{"error": {"message", "type", "param", "code"}}`, JSON-ready; the message ends with the fix."""
        message = f"{self.message} {self.fix}" if self.fix else self.message
        kind = "invalid_request_error" if self.status < _SERVER else "server_error"
        return {"error": {"message": message, "type": kind, "param": self.param, "code": self.code}}

    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the answer, such as Retry-After."""
        told = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.allow is not None:
            told["Allow"] = self.allow
        return told
