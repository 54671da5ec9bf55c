"""Batched generation against one request at a time, on the embedded model.

    python -m benchmarks.generate_speed [--rows 256] [--engine hf] [--batch-size 128] [--tokens 96]

Both ask the same engine for greedy completions of the same rows; only the batch size differs. Completions that differ
are counted: padding moves the last bit of a sum, and a near tie may fall the other way. `--full` (hf) keeps every reply
at `--tokens`: the embedded model stops after about thirty, which leaves most of the time to the prompts. Results go to
`benchmarks/results/generate_speed.json`, one entry an engine and length.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from emocal_rl import environment, files
from emocal_rl.data import emoji
from emocal_rl.evaluate.engines import Decoding, Engine, Request, open_engine
from emocal_rl.rewards import FORMATS

RESULTS = Path(__file__).parent / "results" / "generate_speed.json"
VLLM = {"dtype": "float32", "enforce_eager": True, "max_model_len": 512}


def requests(count: int) -> list[Request]:
    """Prompts of the embedded data, in the format of stage three."""
    rows = emoji.load(2)["stage_one"][:count]
    return [Request(row, FORMATS["emocaliber"]) for row in rows]


def timed(engine: Engine, asked: list[Request], decoding: Decoding) -> tuple[float, list[str | None]]:
    """Seconds and texts."""
    began = time.perf_counter()
    found = {one.request.row.id: one.text for one in engine.complete(asked, decoding)}
    return time.perf_counter() - began, [found[request.row.id] for request in asked]


def race(name: str, batch_size: int, asked: list[Request], decoding: Decoding, full: bool) -> dict[str, Any]:
    """One request at a time, then batched."""
    options = VLLM if name == "vllm" else {"min_new_tokens": decoding.max_new_tokens} if full else None
    engine: Any = open_engine(name, "tiny", batch_size=batch_size, options=options)
    timed(engine, asked[:8], decoding)  # the first call compiles and allocates
    batched, together = timed(engine, asked, decoding)
    engine.batch_size = 1
    single, alone = timed(engine, asked, decoding)
    differing = sum(a != b for a, b in zip(together, alone, strict=True))
    how = {"rows": len(asked), "batch_size": batch_size, "tokens": decoding.max_new_tokens, "full": full}
    taken = {"seconds_one_by_one": single, "seconds_batched": batched, "speedup": single / batched}
    where = {"device": environment.device(), "versions": environment.versions()}
    return how | taken | {"differing_texts": differing} | where


def main() -> None:
    """Race, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--engine", default="hf", choices=("hf", "vllm"))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--full", action="store_true", help="no reply ends early (hf)")
    options = parser.parse_args()
    decoding = Decoding(max_new_tokens=options.tokens)
    found = race(options.engine, options.batch_size, requests(options.rows), decoding, options.full)
    print("\n".join(f"{key:20} {value}" for key, value in found.items() if not isinstance(value, dict)))
    before = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    files.write_json(RESULTS, before | {f"{options.engine}{'-full' if options.full else ''}": found})


if __name__ == "__main__":
    main()
