"""A run directory made of dice: people vote on emojis, a model sees them through noise, first too sure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

SPLITS = ("validation", "unseen_style", "unseen_emoji", "other_domain")
STAGES = ("sft_reasoning", "sft_confidence", "grpo_brier")
WORDS = (
    "<think><element>a round face</element><human>two eyes</human><context>plain</context>"
    "<interaction>none</interaction><analysis>the mouth bends {bend}</analysis></think><answer>{answer}</answer>"
)


def write_run(
    path: Path,
    *,
    seed: int = 0,
    rows: int = 240,
    stages: tuple[str, ...] = STAGES,
    splits: tuple[str, ...] = SPLITS,
    gain: float = 1.0,
    fault_rate: float = 0.01,
    scale_rewards: str = "none",
) -> Path:
    """Write a run directory as ``train`` does. ``gain`` 1: the last stage is calibrated; 0: no change."""
    (path / "records").mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for split in splits:
        people = [_row(np.random.default_rng([11, i]), split, i) for i in range(rows)]  # the same rows for every seed
        for stage in stages:
            sharpen = 1.0 if stage != "grpo_brier" else gain
            lines = [_reply(rng, row, stage, sharpen, fault_rate) for row in people]
            file = path / "records" / f"{stage}-{split}.jsonl"
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (path / "run.json").write_text(json.dumps(_facts(stages, seed)))
    recipe = (
        f"name: grpo_brier\nseed: {seed}\nevaluation:\n  bootstrap: 300\ntrainer:\n  scale_rewards: {scale_rewards}\n"
    )
    (path / "recipe.yaml").write_text(recipe)
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in _log(rng, stages)))
    return path


def _row(rng: np.random.Generator, split: str, i: int) -> dict[str, Any]:
    share = float(rng.beta(1.1, 1.1))
    positive = int(rng.binomial(20, share))
    votes = [20 - positive, positive]
    label = "positive" if positive >= 10 else "negative"
    return {"id": f"{split}/{i}", "split": split, "cluster": f"emoji-{i // 3}", "candidates": ["negative", "positive"],
            "votes": votes, "label": label}  # fmt: skip


def _reply(rng: np.random.Generator, row: dict[str, Any], stage: str, gain: float, fault_rate: float) -> dict[str, Any]:
    share = row["votes"][1] / 20
    seen = np.clip(share + rng.normal(0, 0.22), 0.01, 0.99)
    answer = "positive" if seen > 0.5 else "negative"
    honest = 0.5 + 0.68 * abs(seen - 0.5)
    sure = 0.78 + 0.2 * rng.beta(4, 1.6)
    confidence: float | None = round(float(honest if stage == "grpo_brier" and rng.random() < gain else sure), 2)
    text = WORDS.format(bend="up" if answer == "positive" else "down", answer=answer)
    fault = None
    if stage == "sft_reasoning":
        confidence = None
    elif rng.random() < fault_rate:
        text, answer, confidence, fault = text[:60] + "<script>alert(1)</script>", "", None, "no answer"
    else:
        text += f"<confidence>{confidence}</confidence>"
    correct = 0.0 if fault else row["votes"][row["candidates"].index(answer)] / 20
    return row | {"stage": stage, "text": text, "answer": answer or None, "confidence": confidence, "fault": fault,
                  "correct": correct, "terms": {"correct": correct}, "total": correct}  # fmt: skip


def _facts(stages: tuple[str, ...], seed: int) -> dict[str, Any]:
    return {
        "command": "emocal-rl train --recipe grpo_brier.yaml", "started": "2026-01-01T10:00:00+00:00",
        "ended": "2026-01-01T10:05:00+00:00", "status": "done", "versions": {"torch": "2.13.0", "trl": "1.16.0"},
        "git": {"commit": "0123456789abcdef", "dirty": False}, "device": "cpu, 2 threads", "seed": seed,
        "stages": [{"name": s, "algorithm": s.partition("_")[0], "status": "done", "seconds": 61.5} for s in stages],
    }  # fmt: skip


def _log(rng: np.random.Generator, stages: tuple[str, ...]) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for stage in stages:
        for step in range(1, 61):
            line: dict[str, Any] = {"stage": stage, "step": step, "max_steps": 60, "seconds": 1.0 * step}
            fade = float(np.exp(-step / 20))
            if stage == "grpo_brier":
                line |= {"reward": 1.2 - 0.3 * fade + rng.normal(0, 0.05),
                         "train/brier": 0.2 + 0.06 * fade + rng.normal(0, 0.02),
                         "train/accuracy": 0.66 + rng.normal(0, 0.04), "train/confidence": 0.68 + 0.22 * fade,
                         "train/parsed": 1 - 0.02 * fade, "time/generate": 0.6, "time/update": 0.2}  # fmt: skip
            else:
                line |= {"loss": 0.2 + 2 * fade + rng.normal(0, 0.03), "learning_rate": 1e-3 * fade}
            lines.append(line)
    return lines
