"""Any server that speaks the OpenAI chat interface: vLLM, SGLang, llama.cpp, or a paid one. Standard library only."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import urlsplit

from emocal_rl.errors import UserError
from emocal_rl.evaluate.engines.core import Completion, Decoding, Request

LONGEST_WAIT = 60.0  # seconds between two tries, whatever the server asks for
HOPELESS = {401: "set OPENAI_API_KEY", 403: "the key may not use it", 404: "check --base-url and --model"}


class RefusedError(Exception):
    """One failed try: whether another may succeed, and how many seconds the server asks to wait."""

    def __init__(self, reason: str, again: bool, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.again, self.wait = reason, again, wait


class OpenAIEngine:
    """Requests sent `concurrency` at a time; the key, if the server wants one, is OPENAI_API_KEY.

    timeout: seconds for one try. tries: per request; between them the wait doubles from `backoff` seconds, or is what
    the server asks for (Retry-After). A connection that fails, a time-out, 408, 409, 429 and 5xx are tried again.
    Further options are fields of the request body; null takes a field away.
    """

    def __init__(
        self,
        model: str,
        base_url: str,
        *,
        concurrency: int = 16,
        timeout: float = 120.0,
        tries: int = 5,
        backoff: float = 1.0,
        **fields: Any,
    ) -> None:
        self.model, self.url = model, endpoint(base_url)
        self.concurrency, self.timeout, self.tries, self.backoff = concurrency, timeout, tries, backoff
        self._fields = fields

    def complete(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Completion]:
        """Completions as they arrive. Raises UserError when the server refuses in a way that no row can mend."""
        waiting: SimpleQueue[Request] = SimpleQueue()
        done: SimpleQueue[Completion | Exception] = SimpleQueue()
        stop = threading.Event()
        for request in requests:
            waiting.put(request)
        for _ in range(min(self.concurrency, len(requests))):
            # daemons: after Ctrl-C nobody waits for answers that are still on their way
            threading.Thread(target=self._work, args=(waiting, done, stop, decoding), daemon=True).start()
        try:
            for _ in requests:
                outcome = done.get()
                if isinstance(outcome, Exception):
                    raise outcome
                yield outcome
        finally:
            stop.set()

    def _work(
        self,
        waiting: SimpleQueue[Request],
        done: SimpleQueue[Completion | Exception],
        stop: threading.Event,
        decoding: Decoding,
    ) -> None:
        while not stop.is_set():
            try:
                request = waiting.get_nowait()
            except Empty:
                return
            try:
                done.put(self._one(request, decoding, stop))
            except Exception as problem:  # raised again where the completions are read
                stop.set()
                done.put(problem)

    def _one(self, request: Request, decoding: Decoding, stop: threading.Event) -> Completion:
        body = json.dumps(self._body(request, decoding)).encode()
        for turn in range(1, max(self.tries, 1) + 1):
            try:
                return Completion(request, text_of(self._post(body)))
            except RefusedError as refusal:
                last = refusal
            if not last.again or turn == self.tries or stop.wait(self._pause(last, turn)):
                break
        return Completion(request, None, f"{last.reason} (tried {turn} times)" if turn > 1 else last.reason)

    def _pause(self, refusal: RefusedError, turn: int) -> float:
        wait = self.backoff * 2 ** (turn - 1) if refusal.wait is None else refusal.wait
        return min(wait, LONGEST_WAIT)

    def _body(self, request: Request, decoding: Decoding) -> dict[str, Any]:
        fields = {
            "model": self.model,
            "messages": messages(request),
            "temperature": decoding.temperature,
            "top_p": decoding.top_p,
            "max_tokens": decoding.max_new_tokens,
            "seed": request.seed(decoding),
            **self._fields,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _post(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("OPENAI_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        asked = urllib.request.Request(self.url, body, headers)
        try:
            with urllib.request.urlopen(asked, timeout=self.timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error) from None
        except TimeoutError:
            raise RefusedError(f"no answer within {self.timeout:g} s", again=True) from None
        except urllib.error.URLError as error:
            raise RefusedError(f"cannot reach {self.url}: {error.reason}", again=True) from None
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(f"the connection broke: {error!r}", again=True) from None
        except ValueError:
            raise RefusedError("the answer is not JSON", again=True) from None

    def _refused(self, error: urllib.error.HTTPError) -> RefusedError:
        said = error.read(2000).decode("utf-8", "replace").strip().replace("\n", " ")[:300]
        reason = f"{self.url} answered {error.code}: {said or error.reason}"
        if error.code in HOPELESS:
            raise UserError(f"{reason}; {HOPELESS[error.code]}")
        again = error.code in (408, 409, 429) or error.code >= 500
        return RefusedError(reason, again, seconds(error.headers.get("Retry-After")))

    def close(self) -> None:
        """Nothing to let go of: connections end with their request."""


def endpoint(base_url: str) -> str:
    """The address that completes chats. Raises UserError for what is no http address.

    >>> endpoint("http://localhost:8000"), endpoint("https://api.example.org/v2/")
    ('http://localhost:8000/v1/chat/completions', 'https://api.example.org/v2/chat/completions')
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"--base-url {base_url}: not an http address; write it like http://localhost:8000/v1")
    base = base_url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")
    return f"{base}/chat/completions"


def messages(request: Request) -> list[dict[str, Any]]:
    """The prompt with the picture as a PNG inside a data address: lossless, so every engine sees the same pixels."""
    text = {"type": "text", "text": request.text}
    if request.row.source is None:
        return [{"role": "user", "content": [text]}]
    buffer = io.BytesIO()
    request.row.image.save(buffer, format="PNG")
    address = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    picture = {"type": "image_url", "image_url": {"url": address}}
    return [{"role": "user", "content": [picture, text]}]


def text_of(answer: Any) -> str:
    """The text of a chat completion; reasoning that the server split off is put back into <think>.

    >>> text_of({"choices": [{"message": {"content": "<answer>joy</answer>", "reasoning_content": "a smile"}}]})
    '<think>a smile</think><answer>joy</answer>'
    """
    try:
        message = answer["choices"][0]["message"]
        if not isinstance(message, Mapping):
            raise TypeError
    except (KeyError, IndexError, TypeError):
        raise RefusedError(f"the answer holds no message: {json.dumps(answer)[:200]}", again=True) from None
    content = _joined(message.get("content"))
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    return f"<think>{thoughts}</think>{content}" if thoughts and "<think>" not in content else content


def _joined(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []  # null: the model was silent, which is an answer too
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, Mapping))


def seconds(text: str | None) -> float | None:
    """The seconds of a Retry-After header; None for an absent one and for a date.

    >>> seconds("2"), seconds("Wed, 21 Oct 2026 07:28:00 GMT"), seconds(None)
    (2.0, None, None)
    """
    return float(text) if text is not None and text.strip().isdigit() else None
