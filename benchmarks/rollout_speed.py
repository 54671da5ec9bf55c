"""Where the seconds of a GRPO step go, by rollout engine, and how far generation is from the limit of the memory.

    python -m benchmarks.rollout_speed [--engines hf vllm-colocate vllm-server ahead] [--hidden 1024 --layers 24]

Trains stage three for a few steps through the command line, once an engine, and reads `time/*` from `metrics.jsonl`;
the first step is left out, because it allocates. `ahead` is vllm-server with `rollout.ahead: 1`: its `generate` is what
the trainer waited for replies, `overlapped` what the server sampled while it learnt.

Without `--hidden` the embedded model is trained. With it, a model of that shape is built from a config, with the
embedded model's vision tower and tokenizer and random weights: its replies are of full length and mean nothing. The
limit: every decode step of a batch reads all weights and the keys and values of the text so far, at the bandwidth at
which this machine copies memory. Results go to `benchmarks/results/rollout_speed.json`, one entry a model and engine;
`load` is how many processes each core had to run then.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl.models.load import load
from emocal_rl.models.sources import TINY

RESULTS = Path(__file__).parent / "results" / "rollout_speed.json"
ENGINES = {
    "hf": ["rollout.engine=hf"],
    "vllm-colocate": ["rollout.engine=vllm-colocate", "rollout.options.max_model_len=512"],
    "vllm-server": ["rollout.engine=vllm-server"],
    "ahead": ["rollout.engine=vllm-server", "rollout.ahead=1"],
}
SERVED = ("vllm-server", "ahead")
PROMPT = 90  # tokens of a prompt with its picture, for the keys and values


def shaped(folder: Path, hidden: int, layers: int) -> str:
    """A checkpoint folder of the embedded model's kind with a language model of that size; heads of 64, 4 to a key."""
    from transformers import AutoConfig, AutoModelForImageTextToText

    config = AutoConfig.from_pretrained(TINY)
    heads = hidden // 64
    config.text_config.update({
        "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": max(1, heads // 4), "intermediate_size": 4 * hidden,
    })  # fmt: skip
    model = AutoModelForImageTextToText.from_config(config)
    model.save_pretrained(folder)
    load("tiny")[1].save_pretrained(folder)
    return str(folder)


def bandwidth(megabytes: int = 512) -> float:
    """Bytes a second that this machine's memory (the GPU's, where there is one) reads and writes in a copy; the best of
    five.
    """
    import torch

    source = torch.zeros(megabytes << 18, device="cuda" if torch.cuda.is_available() else "cpu")
    target, best = torch.empty_like(source), float("inf")
    for _ in range(5):
        began = time.perf_counter()
        target.copy_(source)
        if source.is_cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * source.nbytes / best


def decode_limit(model: str, batch: int, tokens: float, speed: float) -> float:
    """Tokens a second of a batch when nothing but reading weights, keys and values takes time."""
    loaded = load(model)[0]
    text = loaded.config.text_config
    size = next(loaded.parameters()).element_size()
    kept = 2 * text.num_hidden_layers * text.num_key_value_heads * text.head_dim * size
    read = sum(each.nbytes for each in loaded.parameters()) + batch * (PROMPT + tokens / 2) * kept
    return batch / (read / speed)


@contextmanager
def server(model: str, log: Path) -> Iterator[list[str]]:
    """A server for the model: the recipe's keys that use it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "emocal_rl", "serve-rollouts", model, "--port", str(port), "max_model_len=512"]
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    try:
        yield [f"rollout.servers=[http://127.0.0.1:{port}]"]
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def race(engine: str, model: str, given: argparse.Namespace, out: Path, more: list[str]) -> list[dict[str, Any]]:
    """The logged steps of one engine, without the first."""
    run = out / engine
    options = [
        *ENGINES[engine], *more, f"model.checkpoint={model}", "warm_start=[]", "evaluation.limit=1",
        "evaluation.bootstrap=2", f"trainer.max_steps={given.steps}", "trainer.logging_steps=1",
        f"trainer.per_device_train_batch_size={given.batch}", f"trainer.max_completion_length={given.tokens}",
        "trainer.save_steps=1000", "credit=sequence", "exact_answer=false", "digit_entropy=0.0",
        "segment_weights=null",
    ]  # fmt: skip
    command = [sys.executable, "-m", "emocal_rl", "train", "--recipe", "grpo_brier", "--run-dir", str(run)]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    rows = files.read_jsonl(run / "metrics.jsonl") if run.exists() else []
    if len(rows) < given.steps:
        raise SystemExit(f"{engine}: {done.stderr[-2000:]}")
    return rows[1:]


def summary(rows: list[dict[str, Any]], batch: int, limit: float) -> dict[str, Any]:
    """Means over the steps."""
    mean = {key: sum(row[key] for row in rows) / len(rows) for key in rows[0] if isinstance(rows[0][key], float)}
    parts = {key.removeprefix("time/"): value for key, value in mean.items() if key.startswith("time/")}
    overlapped = mean.get("sampling/overlapped_seconds", 0.0)
    speed = batch * mean["completions/mean_length"] / (parts["generate"] + overlapped)
    return {
        "tokens_per_second": round(speed), "step": round(sum(parts.values()), 4),
        "share_of_step": round(parts["generate"] / sum(parts.values()), 3), "of_decode_limit": round(speed / limit, 4),
        "seconds": {key: round(value, 4) for key, value in parts.items()}, "overlapped": round(overlapped, 4),
        "load": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
    }  # fmt: skip


def main() -> None:
    """Build, train, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--hidden", type=int, help="width of the language model, a multiple of 64")
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64, help="completions a step")
    parser.add_argument("--tokens", type=int, default=64, help="longest completion")
    given = parser.parse_args()
    name = f"{given.hidden}x{given.layers}" if given.hidden else "tiny"
    found = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        out, served = Path(folder), list[str]()
        model = shaped(out / "model", given.hidden, given.layers) if given.hidden else "tiny"
        speed = bandwidth()
        about = {"batch": given.batch, "tokens": given.tokens, "steps": given.steps, "copy_gb_s": round(speed / 1e9, 1),
                 "device": environment.device(), "versions": environment.versions(),
                 "date": datetime.now(UTC).date().isoformat()}  # fmt: skip
        for engine in given.engines:
            if engine in SERVED and not served:
                served = stack.enter_context(server(model, out / "server.log"))
            rows = race(engine, model, given, out, served if engine in SERVED else [])
            length = sum(row["completions/mean_length"] for row in rows) / len(rows)
            one = summary(rows, given.batch, decode_limit(model, given.batch, length, speed))
            print(f"{name} {engine}: {one}", flush=True)
            found[f"{name} {engine}"] = one | about
            files.write_json(RESULTS, found)


if __name__ == "__main__":
    main()
