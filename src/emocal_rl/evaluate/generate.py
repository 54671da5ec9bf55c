"""Generation: rows in, completions and scored records out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emocal_rl.data import Row
from emocal_rl.data.prompts import chat
from emocal_rl.models.load import image_token_ids
from emocal_rl.progress import stage_progress
from emocal_rl.rewards import Format, Reward


def complete(
    model: Any,
    processor: Any,
    rows: Sequence[Row],
    form: Format,
    *,
    batch_size: int = 64,
    temperature: float = 0.0,
    seed: int = 0,
    max_new_tokens: int = 96,
    label: str = "generate",
) -> list[str]:
    """One completion a row from a transformers model; greedy at temperature 0, else sampled with the seed."""
    import torch

    model.eval()
    torch.manual_seed(seed)
    options: dict[str, Any] = {"max_new_tokens": max_new_tokens, "suppress_tokens": image_token_ids(model, processor)}
    options |= {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
    texts: list[str] = []
    with torch.inference_mode(), stage_progress(label, len(rows), "generate") as tick:
        for start in range(0, len(rows), batch_size):
            texts += complete_batch(model, processor, rows[start : start + batch_size], form, options)
            tick(len(texts))
    return texts


def complete_batch(model: Any, processor: Any, rows: Sequence[Row], form: Format, options: dict[str, Any]) -> list[str]:
    """The completions of one batch, prompts padded on the left."""
    prompts = [
        processor.apply_chat_template(chat(row, form), tokenize=False, add_generation_prompt=True) for row in rows
    ]
    inputs = processor(text=prompts, images=[[row.image] for row in rows], return_tensors="pt", padding=True).to(
        model.device, model.dtype
    )
    written = model.generate(**inputs, **options)[:, inputs["input_ids"].shape[1] :]
    return list(processor.tokenizer.batch_decode(written, skip_special_tokens=True))


def records(rows: Sequence[Row], texts: Sequence[str], reward: Reward, stage: str, split: str) -> list[dict[str, Any]]:
    """Scored rows of an evaluation, ready for a records file."""
    targets = [row.target() for row in rows]
    keys = ({"id": row.id, "stage": stage, "split": split, "cluster": row.cluster, **row.target()} for row in rows)
    return [key | scored.record() for key, scored in zip(keys, reward(texts, targets), strict=True)]
