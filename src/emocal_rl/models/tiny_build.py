"""Make the embedded base checkpoint: what a pretrained model is to a real run.

    python -m emocal_rl.models.tiny_build OUT_DIR [--vision-steps 9000] [--caption-steps 4000] [--seed 0]

Two steps, on the training styles and training emojis only (the drawings of stages one and two; no votes are read):
the vision tower learns which emoji a drawing shows, through a throw-away linear head, under strong changes of shape and
colour; then the whole model learns to describe pictures in words.  About half an hour on one core.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl.data import emoji
from emocal_rl.data.rows import Row
from emocal_rl.models import tiny

DESCRIBE = "Describe this picture."
VISIBLE = ("element", "human", "context", "interaction")


def training_rows() -> list[Row]:
    """Every drawing of stages one and two, with either number of classes: never a test, validation or stage-three one."""
    splits = [emoji.load(classes)[split] for classes in (2, 3) for split in ("stage_one", "stage_two")]
    return list({row.id: row for rows in splits for row in rows}.values())


def corpus() -> list[str]:
    """Words the tokenizer should make short: prompts, labels, and what training pictures are described with."""
    from emocal_rl.rewards import FORMATS

    fixed = [emoji.QUESTION, DESCRIBE, "user: assistant:", "people feel", *(f" {c}" for c in emoji.CANDIDATES[3]), *emoji.CANDIDATES[3]]
    fixed += [FORMATS[name].instruction(labels) for name in ("emocaliber", "emocaliber_answer") for labels in emoji.CANDIDATES.values()]
    return fixed * 200 + [text for row in training_rows() for text in row.parts.values()]


def pixels(rows: list[Row]) -> Any:
    """Pictures as the processor hands them to the model: (N, 3, 32, 32) in [-1, 1]."""
    import torch

    stacked = np.stack([np.asarray(row.image) for row in rows])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float() / 127.5 - 1


def disturb(x: Any) -> Any:
    """Strong changes of shape and colour, (B, 3, 32, 32) -> same: other drawing styles differ in just these."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    def spread(*shape: int) -> Any:
        return torch.rand(shape) - 0.5

    b, side = len(x), x.shape[-1]
    scale, angle, aspect = torch.exp(spread(b) * 0.5), spread(b) * 0.5, torch.exp(spread(b) * 0.25)
    theta = torch.zeros(b, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = torch.cos(angle) * scale * aspect, -torch.sin(angle) * scale
    theta[:, 1, 0], theta[:, 1, 1] = torch.sin(angle) * scale, torch.cos(angle) * scale / aspect
    theta[:, :, 2] = spread(b, 2) * 0.3
    x = 1 - grid_sample(1 - x, affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)  # paper stays white
    grey = torch.rand(b, 1, 1, 1) ** 2
    x = x * (1 - grey) + x.mean(1, keepdim=True) * grey
    x = ((x + 1) / 2).clamp(0, 1) ** torch.exp(spread(b, 1, 1, 1)) * 2 - 1
    mix = torch.eye(3) + spread(b, 3, 3) * 0.3
    x = torch.einsum("bij,bjhw->bihw", mix / mix.sum(2, keepdim=True), x)
    row, column, radius = (torch.randint(0, high, (b, 1, 1)) for high in (side, side, side // 5))
    across, down = torch.arange(side)[None, None], torch.arange(side)[None, :, None]
    hole = ((down - row).abs() < radius) & ((across - column).abs() < radius)
    return torch.where(hole[:, None], torch.ones(()), x)


def schedule(step: int, steps: int, peak: float) -> float:
    """Warm-up over 100 steps, then a cosine to zero."""
    return peak * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / steps))


def descend(parameters: list[Any], loss_of: Any, steps: int, peak: float, name: str) -> None:
    """AdamW on `loss_of()` with the schedule, printing twenty lines."""
    import torch

    optimizer, began = torch.optim.AdamW(parameters, lr=peak, weight_decay=0.05), time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule(step, steps, peak)
        loss = loss_of()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % max(1, steps // 20) == 0:
            print(f"{name} {step + 1}/{steps}  loss {loss.item():.3f}  {time.monotonic() - began:.0f} s", flush=True)


def learn_to_see(model: Any, rows: list[Row], steps: int, random: np.random.Generator) -> None:
    """Teach the vision tower which emoji is drawn."""
    import torch

    names = sorted({row.cluster for row in rows})
    which = torch.tensor([names.index(row.cluster) for row in rows])
    stored, tower = pixels(rows), model.model.vision_model
    head = torch.nn.Linear(tower.config.hidden_size, len(names))

    def loss() -> Any:
        index = torch.from_numpy(random.integers(0, len(rows), 64))
        seen = tower(pixel_values=disturb(stored[index])).last_hidden_state.mean(1)
        return torch.nn.functional.cross_entropy(head(seen), which[index], label_smoothing=0.1)

    descend([*tower.parameters(), *head.parameters()], loss, steps, 1e-3, "vision")


def learn_to_describe(model: Any, processor: Any, rows: list[Row], steps: int, random: np.random.Generator) -> None:
    """Teach the whole model to say in words what is drawn."""
    import torch

    texts = [describe(processor, row) for row in rows]
    stored = pixels(rows)

    def loss() -> Any:
        index = random.integers(0, len(rows), 64)
        batch = processor(text=[texts[i] for i in index], images=[[rows[i].image] for i in index], return_tensors="pt", padding=True)
        batch["pixel_values"] = disturb(stored[torch.from_numpy(index)])[:, None]
        # only the description is learnt: everything up to the assistant's first word is masked
        opened = (batch["input_ids"] == processor.tokenizer.convert_tokens_to_ids("<element>")).cumsum(1) > 0
        batch["labels"] = batch["input_ids"].masked_fill(~opened, -100)
        return model(**batch).loss

    descend(list(model.parameters()), loss, steps, 1e-3, "captions")


def describe(processor: Any, row: Row) -> str:
    """One training text: the prompt and what can be seen."""
    seen = "".join(f"<{part}>{row.parts[part]}</{part}>" for part in VISIBLE)
    chat = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": DESCRIBE}]}, {"role": "assistant", "content": seen}]
    return str(processor.apply_chat_template(chat, tokenize=False))


def build(out: Path, vision_steps: int, caption_steps: int, seed: int) -> None:
    """Build, train and save the base checkpoint (bfloat16)."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    random, rows = np.random.default_rng(seed), training_rows()
    processor = tiny.build_processor(corpus())
    model = tiny.build_model(processor.tokenizer, seed)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(processor.tokenizer)} tokens, {len(rows)} pictures")
    learn_to_see(model, rows, vision_steps, random)
    learn_to_describe(model, processor, rows, caption_steps, random)
    model.to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--vision-steps", type=int, default=9000)
    parser.add_argument("--caption-steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    build(options.out, options.vision_steps, options.caption_steps, options.seed)


if __name__ == "__main__":
    main()
