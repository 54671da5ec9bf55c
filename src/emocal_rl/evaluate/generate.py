"""Generation: rows in, completions and scored records out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emocal_rl.data import Row
from emocal_rl.data.pictures import decoded
from emocal_rl.data.prompts import chat, question
from emocal_rl.models.load import image_token_ids, sees, tokenizer_of
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
    inputs = inputs_of(model, processor, rows, form)
    written = model.generate(**inputs, **options)[:, inputs["input_ids"].shape[1] :]
    return list(tokenizer_of(processor).batch_decode(written, skip_special_tokens=True))


def inputs_of(model: Any, processor: Any, rows: Sequence[Row], form: Format) -> Any:
    """What the model reads for these rows: the prompts in its chat template, and the pictures if it takes any."""
    rows = decoded(rows) if sees(processor) else rows
    prompts = [prompt_text(processor, row, form) for row in rows]
    if not sees(processor):
        return processor(text=prompts, return_tensors="pt", padding=True).to(model.device)
    pictures = [[row.image] for row in rows if row.source is not None] or None
    return processor(text=prompts, images=pictures, return_tensors="pt", padding=True).to(model.device, model.dtype)


def prompt_text(processor: Any, row: Row, form: Format) -> str:
    """One prompt in the chat template; templates of models without eyes want the content as one text."""
    messages = chat(row, form) if sees(processor) else [{"role": "user", "content": question(row, form)}]
    return str(processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def records(rows: Sequence[Row], texts: Sequence[str], reward: Reward, stage: str, split: str) -> list[dict[str, Any]]:
    """Scored rows of an evaluation, ready for a records file."""
    targets = [row.target() for row in rows]
    keys = ({"id": row.id, "stage": stage, "split": split, "cluster": row.cluster, **row.target()} for row in rows)
    return [key | scored.record() for key, scored in zip(keys, reward(texts, targets), strict=True)]
