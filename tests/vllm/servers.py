"""Servers for tests: a real one of vLLM, and small ones that misbehave."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = float(os.environ.get("EMOCAL_TEST_PATIENCE", "300"))  # seconds for the server to start, and for an answer


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Served:
    """`emocal-rl serve-rollouts tiny` in a process of its own."""

    def __init__(self, log: Path, key: str | None = None) -> None:
        port = free_port()
        self.url, self.log = f"http://127.0.0.1:{port}", log
        environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
        environment |= {"VLLM_API_KEY": key} if key else {}
        command = [sys.executable, "-m", "emocal_rl", "serve-rollouts", "tiny", "--port", str(port)]
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [*command, "max_model_len=256"], env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def wait(self) -> None:
        """Until it answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            try:
                if requests.get(f"{self.url}/health", timeout=PATIENCE).status_code == 200:
                    return
            except requests.ConnectionError:
                time.sleep(0.5)
        raise AssertionError(self.log.read_text()[-2000:])

    def rollout(self, **more: Any) -> dict[str, Any]:
        """The recipe's `rollout` that samples here."""
        return {"engine": "vllm-server", "servers": [self.url], "timeout": PATIENCE} | more

    def stop(self) -> None:
        """End the server and the engine process that it started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def answering(body: bytes, seconds: float = 0.0, status: int = 200) -> Iterator[str]:
    """The address of a server that answers everything alike, after so many seconds."""
    stop = threading.Event()

    class Same(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stop.wait(seconds if self.path != "/health" or status == 0 else 0)
            self.send_response(200 if self.path == "/health" else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Same)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
