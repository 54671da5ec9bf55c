"""Batched generation against one request at a time, on the embedded model.

    python -m benchmarks.generate_speed [--rows 256] [--engine hf] [--batch-size 128] [--tokens 96] [--repeats 5]

hf: our engine against a loop over `processor` and `model.generate`, a row at a time, with one thread and with as many
as there are cores; the faster counts. vllm: the engine against itself with one row at a time. The arms take turns.
Greedy completions of the same rows; those that differ are counted: padding moves the last bit of a sum, and a near tie
may fall the other way. `--full` (hf) keeps every reply at `--tokens`: the embedded model stops after about thirty.
Results go to `benchmarks/results/generate_speed.json`, one entry an engine and length.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl.data import emoji
from emocal_rl.evaluate.engines import Decoding, Request, open_engine
from emocal_rl.evaluate.generate import complete_batch
from emocal_rl.models.load import image_token_ids
from emocal_rl.rewards import FORMATS

RESULTS = Path(__file__).parent / "results" / "generate_speed.json"
VLLM = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512}


def requests(count: int) -> list[Request]:
    """Prompts of the embedded data, in the format of stage three."""
    rows = emoji.load(2)["stage_one"][:count]
    return [Request(row, FORMATS["emocaliber"]) for row in rows]


def batched(engine: Any, asked: list[Request], decoding: Decoding) -> list[str]:
    """Texts by the engine, in the order of the requests."""
    found = {one.request.row.id: one.text for one in engine.complete(asked, decoding)}
    return [found[request.row.id] for request in asked]


def one_by_one(
    engine: Any, asked: list[Request], decoding: Decoding, options: dict[str, Any], threads: int
) -> list[str]:
    """The same texts by a loop over the library that the engine rides on."""
    if not hasattr(engine, "loaded"):
        engine.batch_size = 1
        return batched(engine, asked, decoding)
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    model, processor = engine.loaded
    how = {"max_new_tokens": decoding.max_new_tokens, "do_sample": False, **options}
    how["suppress_tokens"] = image_token_ids(model, processor)
    with torch.inference_mode():
        found = [complete_batch(model, processor, [one.row], one.form, how)[0] for one in asked]
    torch.set_num_threads(before)
    return found


def race(name: str, size: int, asked: list[Request], decoding: Decoding, full: bool, repeats: int) -> dict[str, Any]:
    """Both ways of asking, `repeats` times in turn: medians of seconds, and their ratio."""
    options: dict[str, Any] = VLLM if name == "vllm" else {"min_new_tokens": decoding.max_new_tokens} if full else {}
    engine: Any = open_engine(name, "tiny", batch_size=size, options=options)
    arms = {"batched": lambda: batched(engine, asked, decoding)}
    for threads in sorted({1, os.cpu_count() or 1}) if name == "hf" else [1]:
        arms[f"one by one, {threads} threads"] = partial(one_by_one, engine, asked, decoding, options, threads)
    batched(engine, asked[:8], decoding)  # the first call compiles and allocates
    seconds, texts = in_turn(arms, engine, repeats)
    middle = {arm: statistics.median(taken) for arm, taken in seconds.items()}
    together, *alone = middle
    best = min(alone, key=middle.__getitem__)
    differing = sum(a != b for a, b in zip(texts[together], texts[best], strict=True))
    how = {"rows": len(asked), "batch_size": size, "tokens": decoding.max_new_tokens, "full": full}
    taken = {"seconds": seconds, "fastest_alone": best, "speedup": middle[best] / middle[together]}
    where = {"device": environment.device(), "versions": environment.versions()}
    return how | taken | {"differing_texts": differing} | where


def in_turn(arms: dict[str, Any], engine: Any, repeats: int) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Seconds of every turn and the texts of the last, by arm; every other round goes backwards."""
    size = engine.batch_size
    seconds: dict[str, list[float]] = {arm: [] for arm in arms}
    texts = {}
    for turn in range(repeats):
        for arm in list(arms)[:: -1 if turn % 2 else 1]:
            engine.batch_size = size
            began = time.perf_counter()
            texts[arm] = arms[arm]()
            seconds[arm].append(round(time.perf_counter() - began, 3))
    return seconds, texts


def main() -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--engine", default="hf", choices=("hf", "vllm"))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="no reply ends early (hf)")
    options = parser.parse_args()
    decoding = Decoding(max_new_tokens=options.tokens)
    found = race(options.engine, options.batch_size, requests(options.rows), decoding, options.full, options.repeats)
    print("\n".join(f"{key:20} {value}" for key, value in found.items() if not isinstance(value, dict)))
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    files.write_json(RESULTS, before | {f"{options.engine}{'-full' if options.full else ''}": found})


if __name__ == "__main__":
    main()
