"""Servers that misbehave: each is one line, and none is waited for longer than `rollout.timeout`."""

from __future__ import annotations

import time

import pytest
from servers import answering, free_port

from emocal_rl.errors import UserError
from emocal_rl.train.vllm_client import Client


def refused(url: str, timeout: float = 2.0) -> str:
    began = time.monotonic()
    with pytest.raises(UserError) as error:
        Client(url, timeout, lambda: 0)
    assert time.monotonic() - began < 10 * timeout
    (line,) = error.value.lines
    return line


def test_a_closed_port() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert refused(url) == f"rollout: no server answers at {url}; start one with: emocal-rl serve-rollouts MODEL"


def test_a_server_that_is_too_slow() -> None:
    with answering(b"{}", seconds=60) as url:
        assert refused(url) == (
            f"rollout: the server at {url} did not answer within 2 s; look at its log, or raise rollout.timeout"
        )


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"{}", b"[]", b'{"data": 3}', b"\xff\x00"])
def test_a_server_of_another_kind(body: bytes) -> None:
    with answering(body) as url:
        line = refused(url)
        assert line.startswith(f"rollout: the server at {url} answered what a vLLM server does not (")
        assert line.endswith("; check rollout.servers")


def test_a_server_that_refuses() -> None:
    with answering(b"no such thing", status=500) as url:
        assert refused(url) == (f"rollout: the server at {url} refused a request: Request failed: 500, no such thing")
