"""A training step of a language model on a CPU by implementation of attention and by bits of the frozen weights.

    python -m benchmarks.attention_speed [--rows 16] [--tokens 131] [--threads 2] [--repeats 5]

A model of SmolLM2-135M's shape with random weights and LoRA on every layer: one forward and backward pass under
autocast to bfloat16, as `bf16: true` trains. The arms take turns; every other round goes backwards. Ratios are of
medians, against sdpa with weights of 32 bits. Results go to `benchmarks/results/attention_speed.json`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl.models.lora import lora_config
from emocal_rl.recipe_blocks import Lora

RESULTS = Path(__file__).parent / "results" / "attention_speed.json"
SHAPE = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49152, "tie_word_embeddings": True,
}  # fmt: skip
ARMS = tuple((attention, dtype) for attention in ("sdpa", "eager") for dtype in ("float32", "bfloat16"))


def adapted_model(attention: str, dtype: str) -> Any:
    """The model with fresh adapters."""
    import torch
    from peft import get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, attn_implementation=attention)).to(getattr(torch, dtype))
    return get_peft_model(model, lora_config(model, Lora()))


def step(model: Any, rows: int, tokens: int) -> float:
    """Seconds of one forward and backward pass."""
    import torch

    batch = torch.randint(0, SHAPE["vocab_size"], (rows, tokens))
    began = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(input_ids=batch, labels=batch).loss
    loss.backward()
    model.zero_grad()
    return time.perf_counter() - began


def race(rows: int, tokens: int, threads: int, repeats: int) -> dict[str, Any]:
    """All arms in turn: seconds, medians, ratios."""
    import torch

    torch.set_num_threads(threads)
    models = {f"{attention}, {dtype}": adapted_model(attention, dtype) for attention, dtype in ARMS}
    seconds: dict[str, list[float]] = {arm: [] for arm in models}
    for turn in range(repeats + 1):
        for arm in list(models)[:: -1 if turn % 2 else 1]:
            taken = step(models[arm], rows, tokens)
            if turn:  # the first round allocates
                seconds[arm].append(round(taken, 3))
    middle = {arm: statistics.median(each) for arm, each in seconds.items()}
    first = next(iter(middle.values()))
    ratios = {arm: round(first / each, 3) for arm, each in middle.items()}
    how = {"rows": rows, "tokens": tokens, "threads": threads}
    where = {"device": environment.device(), "versions": environment.versions()}
    return how | {"seconds": seconds, "medians": middle, "times_as_fast": ratios} | where


def main() -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rows", 16), ("tokens", 131), ("threads", 2), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    found = race(options.rows, options.tokens, options.threads, options.repeats)
    for arm, ratio in found["times_as_fast"].items():
        print(f"{arm:16} {found['medians'][arm]:6.2f} s a step  {ratio:.2f} times as fast as sdpa, float32")
    files.write_json(RESULTS, found)


if __name__ == "__main__":
    main()
