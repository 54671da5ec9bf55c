"""`serve-rollouts` without vLLM: the command it becomes, what it refuses, and the lock on its doors."""

from __future__ import annotations

import asyncio
import itertools
import shlex
from typing import Any

import pytest

from emocal_rl import verbs_serve
from emocal_rl.models.sources import TINY
from emocal_rl.train.vllm_guard import MIDDLEWARE, KeyForAll
from emocal_rl.train.vllm_worker import EXTENSION


def test_the_command_is_printed_with_what_the_trainer_needs(cli) -> None:  # type: ignore[no-untyped-def]
    done = cli("serve-rollouts", "tiny", "max_model_len=256", "enforce_eager=false", "--port", "8123", "--print")
    assert done.code == 0
    first, *words = shlex.split(done.out)
    assert first == "VLLM_SERVER_DEV_MODE=1"
    assert words[:7] == ["vllm", "serve", str(TINY), "--host", "127.0.0.1", "--port", "8123"]
    options = dict(itertools.pairwise(words))
    assert options["--logprobs-mode"] == "processed_logprobs"
    assert options["--worker-extension-cls"] == EXTENSION
    assert options["--middleware"] == MIDDLEWARE
    assert options["--max-model-len"] == "256"
    assert "--no-enforce-eager" in words


def test_a_server_for_others_needs_a_key(cli, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    done = cli("serve-rollouts", "tiny", "--host", "0.0.0.0")
    assert done.code == 2
    assert done.err == (
        "error: serve-rollouts: --host 0.0.0.0 lets others on the network use the server and replace its weights; set "
        "VLLM_API_KEY here and for the trainer\n"
    )


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("port=1", "port: set by serve-rollouts itself (see --help)"),
        ("dtype", "serve-rollouts: vLLM's arguments are written key=value"),
    ],
)
def test_options_that_are_none(cli, option: str, message: str) -> None:  # type: ignore[no-untyped-def]
    done = cli("serve-rollouts", "tiny", option, "--print")
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_gpu_gets_weights_by_nccl() -> None:
    words = verbs_serve.serve_command("tiny", "127.0.0.1", 8000, {}, gpu=True)
    assert words[words.index("--weight-transfer-config") + 1] == '{"backend": "nccl"}'
    assert "--dtype" not in words


def test_without_a_gpu_servers_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs_serve, "_has_gpu", lambda: False)
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "4")
    found = verbs_serve._environment()
    assert found["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert found["VLLM_CPU_KVCACHE_SPACE"] == "4"  # the user's own


def status(path: str, header: str | None) -> int:
    """What the guarded server answers; 200 is the app behind it."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [] if header is None else [(b"authorization", header.encode())]
    asyncio.run(KeyForAll(app)({"type": "http", "path": path, "headers": headers}, None, send))
    return int(sent[0]["status"])


def test_every_door_but_health_asks_for_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret")
    for path in ("/collective_rpc", "/reset_prefix_cache", "/server_info", "/v1/models", "/inference/v1/generate"):
        assert status(path, None) == 401
        assert status(path, "Bearer wrong") == 401
        assert status(path, "Bearer secret") == 200
    assert status("/health", None) == 200
    monkeypatch.delenv("VLLM_API_KEY")
    assert status("/collective_rpc", None) == 200
