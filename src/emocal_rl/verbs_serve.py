"""`serve-rollouts`: a vLLM server that samples for a trainer and takes its weights; a thin front for `vllm serve`."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from emocal_rl import rollout_keys
from emocal_rl.errors import UserError

ENVIRONMENT = {"VLLM_SERVER_DEV_MODE": "1"}  # the routes that take weights
# GiB, and no core of its own: vLLM binds each server to the same first cores, where trainer and servers then queue
ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
SET_HERE = ("model", "host", "port", "api_key", "logprobs_mode")


def serve_options(parser: ArgumentParser) -> None:
    """Options of `serve-rollouts`."""
    parser.add_argument("model", metavar="MODEL", help="tiny, a checkpoint folder or a hub id: what is trained")
    parser.add_argument("options", nargs="*", metavar="key=value", help="vLLM's engine arguments, e.g. dtype=bfloat16")
    parser.add_argument("--port", type=int, default=8000, help="default 8000")
    parser.add_argument(
        "--host", default="127.0.0.1", help="default 127.0.0.1: this machine only, since whoever reaches it rules it"
    )
    parser.add_argument("--print", action="store_true", help="print the vllm command, and stop")


def serve(args: Namespace) -> None:
    """Become the server; with --print show its command."""
    command = serve_command(args.model, args.host, args.port, given(args.options), _has_gpu())
    if args.print:
        settings = " ".join(f"{key}={value}" for key, value in ENVIRONMENT.items())
        print(f"{settings} {shlex.join(command)}")
        return
    if args.host not in ("127.0.0.1", "localhost", "::1") and not os.environ.get("VLLM_API_KEY"):
        raise UserError(
            f"serve-rollouts: --host {args.host} lets others on the network use the server and replace its weights; "
            "set VLLM_API_KEY here and for the trainer"
        )
    if importlib.util.find_spec("vllm") is None:
        raise UserError("serve-rollouts: vLLM is not installed; pip install 'emocal-rl[vllm]'")
    print(f"serve-rollouts: {shlex.join(command)}", file=sys.stderr, flush=True)
    os.execve(sys.executable, [sys.executable, "-m", "emocal_rl.train.vllm_main", *command[1:]], _environment())


def serve_command(model: str, host: str, port: int, options: Mapping[str, Any], gpu: bool) -> list[str]:
    """The `vllm serve` command, as a list of words.

    >>> serve_command("folder", "127.0.0.1", 8000, {"max_model_len": 256}, gpu=True)[:6]
    ['vllm', 'serve', 'folder', '--host', '127.0.0.1', '--port']
    """
    from emocal_rl.models.sources import source
    from emocal_rl.train.vllm_guard import MIDDLEWARE
    from emocal_rl.train.vllm_worker import EXTENSION

    words = ["vllm", "serve", source(model), "--host", host, "--port", str(port)]
    # what the trainer's correction, its pictures and its weights need of a server
    words += ["--logprobs-mode", "processed_logprobs", "--enable-scale-out"]
    words += ["--worker-extension-cls", EXTENSION, "--middleware", MIDDLEWARE]
    if gpu:
        words += ["--weight-transfer-config", json.dumps({"backend": "nccl"})]
    # vLLM (0.31) on a CPU: a prompt read in pieces ends the engine, because the seed of a reply cannot be wound back
    on_cpu = {"dtype": "float32", "enforce_eager": True, "enable_chunked_prefill": False}
    defaults = {} if gpu else on_cpu
    for key, value in (defaults | dict(options)).items():
        words += _option(key.replace("_", "-"), value)
    return words


def _option(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", json.dumps(value) if isinstance(value, dict | list) else str(value)]


def given(texts: list[str]) -> dict[str, Any]:
    """The `key=value` options, names checked against the installed vLLM.

    Raises:
        UserError: a text that is no option, an argument vLLM does not know, or one that is set by an option here.
    """
    from emocal_rl.evaluate.engines import parse_options

    found = parse_options(texts, "serve-rollouts: vLLM's arguments are written key=value")
    bad = [f"{key}: set by serve-rollouts itself (see --help)" for key in found if key in SET_HERE]
    others = {key: value for key, value in found.items() if key not in SET_HERE and key not in rollout_keys.OWN}
    bad += [message.replace("rollout.options.", "") for _, message in rollout_keys.problems(others)]
    if bad:
        raise UserError(*(f"serve-rollouts: {line}" for line in bad))
    return found


def _environment() -> dict[str, str]:
    found = os.environ | ENVIRONMENT
    return found if _has_gpu() else ON_CPU | found


def _has_gpu() -> bool:
    from emocal_rl.environment import gpus

    return gpus() > 0
