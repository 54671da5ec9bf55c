"""A lock on every door of a rollout server.  Runs inside vLLM's web server; standard library alone."""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Any

OPEN = "/health"


class KeyForAll:
    """ASGI middleware: every request but /health must carry `Authorization: Bearer $VLLM_API_KEY`, where that is set.

    vLLM itself (0.31) asks for its key only where it generates.  The routes that replace weights are its development
    endpoints, and those it leaves open.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app
        key = os.environ.get("VLLM_API_KEY", "")
        self.expected = f"Bearer {key}".encode() if key else None

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Pass a request on, or answer 401."""
        if scope["type"] == "lifespan" or self.expected is None or scope["path"] == OPEN or self._known(scope):
            await self.app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"error": "Unauthorized"}'})

    def _known(self, scope: dict[str, Any]) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        return self.expected is not None and hmac.compare_digest(given, self.expected)


MIDDLEWARE = f"{__name__}.{KeyForAll.__qualname__}"
