"""A small real server that speaks the OpenAI chat interface and answers with the embedded model."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

from emocal_rl.data.rows import Row
from emocal_rl.evaluate.generate import complete_batch
from emocal_rl.models.load import image_token_ids, load
from emocal_rl.rewards import Format
from emocal_rl.rewards.formats.core import Aliases, Candidates


@dataclass(frozen=True, repr=False)
class Verbatim(Format):
    """A format whose instruction is what came over the wire after the question's first word."""

    rest: str

    def instruction(self, candidates: Candidates = None) -> str:
        return self.rest

    def read(self, text: str, candidates: Candidates = None, aliases: Aliases = None) -> Any:
        raise NotImplementedError

    def compose(self, reply: Any) -> str:
        raise NotImplementedError


class Endpoint(ThreadingHTTPServer):
    """faults: what to do instead of answering, one entry a request (a status code, "slow", "text"), until it is empty.

    seen: the bodies of all requests. busiest: how many were open at once at most.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model, self.processor = load("tiny")
        self.faults: list[int | str] = []
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.open = self.busiest = 0
        self.guard, self.one_at_a_time = threading.Lock(), threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, body: dict[str, Any]) -> str:
        picture, text = body["messages"][0]["content"]
        data = base64.b64decode(picture["image_url"]["url"].partition("base64,")[2])
        first, _, rest = text["text"].partition(" ")
        row = Row("0", Image.open(io.BytesIO(data)).convert("RGB"), first, ("a", "b"), (1, 0), "0")
        options = {"max_new_tokens": body["max_tokens"], "do_sample": False,
                   "suppress_tokens": image_token_ids(self.model, self.processor)}  # fmt: skip
        with self.one_at_a_time:
            form = Verbatim("verbatim", "nothing", (), (0.0, 1.0), rest)
            return complete_batch(self.model, self.processor, [row], form, options)[0]


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.guard:
            self.server.seen.append(body)
            self.server.keys.append(self.headers.get("Authorization"))
            self.server.open += 1
            self.server.busiest = max(self.server.busiest, self.server.open)
            fault = self.server.faults.pop(0) if self.server.faults else None
        self.respond(body, fault)

    def respond(self, body: dict[str, Any], fault: int | str | None) -> None:
        if self.path != "/v1/chat/completions":
            return self.say(404, b"no such path")
        if isinstance(fault, int):
            return self.say(fault, b"not now")
        if fault == "slow":
            time.sleep(6.0)
        if fault == "text":
            return self.say(200, b"<html>proxy</html>")
        message = {"role": "assistant", "content": self.server.answer(body)}
        return self.say(200, json.dumps({"choices": [{"message": message}]}).encode())

    def say(self, status: int, data: bytes) -> None:
        with self.server.guard:  # before writing: a client that has read its answer may already ask again
            self.server.open -= 1
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if status == 429:
                self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            pass  # the client gave up waiting, as a test asked it to

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
