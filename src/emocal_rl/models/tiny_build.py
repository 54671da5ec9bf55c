"""Make the embedded base checkpoint: what a pretrained model is to a real run.

    python -m emocal_rl.models.tiny_build OUT_DIR [--steps 16000 1600 500] [--seed 0]

Three lessons, on six of the training styles and the training emojis only (no votes are read):

1. see: the vision tower learns which emoji a drawing shows, under strong changes of shape and colour, from a
   convolutional teacher (models/tiny_teacher.py) that learns it first; teacher and linear head are thrown away;
2. describe: the whole model learns to say in words what is drawn;
3. follow: it learns to answer another question (what kind of thing is this?) in the structure it is asked for.

About half an hour on one core.  Each lesson starts from the weights as stored (bfloat16) with a seed of its own.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emocal_rl.data import emoji
from emocal_rl.data.rows import Row
from emocal_rl.models import tiny, tiny_teacher
from emocal_rl.models.load import load, use_threads

DESCRIBE = "Describe this picture."
KIND = "What kind of thing is this?"
# the order is that of the rows, on which the random numbers of the shipped checkpoint depend
SEEN = (("noto", "twemoji", "fxemoji"), ("emojione", "emojione-mono", "streamline"))
VISIBLE = ("element", "human", "context", "interaction")
Say = Callable[[Row], list[dict[str, Any]]]


def training_rows() -> list[Row]:
    """Every drawing of `SEEN` that some stage trains on, with either number of classes: none that is only evaluated."""
    rows = [row for classes in (2, 3) for styles in SEEN for row in _drawn(classes, styles)]
    return list({row.id: row for row in rows}.values())


def _drawn(classes: int, styles: Sequence[str]) -> list[Row]:
    """The training pictures in some styles, in the order of the shipped file."""
    splits = emoji.load(classes)
    rows = [row for name in emoji.TRAINED for row in splits[name] if row.style in styles]
    order = {entry["codepoint"]: number for number, entry in enumerate(emoji.table("emoji"))}
    return sorted(rows, key=lambda row: (order[row.cluster], emoji.STYLES.index(row.style)))


def corpus() -> list[str]:
    """Words the tokenizer should make short: prompts, labels, and what training pictures are described with."""
    from emocal_rl.rewards import FORMATS

    fixed = [
        emoji.QUESTION,
        DESCRIBE,
        KIND,
        "this is",
        "user: assistant:",
        "people feel",
        *(f" {c}" for c in emoji.CANDIDATES[3]),
        *emoji.CANDIDATES[3],
    ]
    fixed += [
        FORMATS[name].instruction(labels)
        for name in ("emocaliber", "emocaliber_answer")
        for labels in emoji.CANDIDATES.values()
    ]
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
    x = 1 - grid_sample(
        1 - x, affine_grid(theta, list(x.shape), align_corners=False), align_corners=False
    )  # paper stays white
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


def learn_to_see(model: Any, processor: Any, rows: list[Row], steps: int, random: np.random.Generator) -> None:
    """Teach the vision tower which emoji is drawn, through a teacher that has learnt it in a sixth of the steps."""
    import torch

    names = sorted({row.cluster for row in rows})
    which = torch.tensor([names.index(row.cluster) for row in rows])
    stored, tower, teacher = pixels(rows), model.model.vision_model, tiny_teacher.build(len(names))
    head = torch.nn.Linear(tower.config.hidden_size, len(names))

    def draw() -> tuple[Any, Any]:
        index = torch.from_numpy(random.integers(0, len(rows), 64))
        return disturb(stored[index]), which[index]

    def teacher_loss() -> Any:
        seen, names_of = draw()
        return torch.nn.functional.cross_entropy(teacher(seen), names_of, label_smoothing=0.1)

    def loss() -> Any:
        seen = tiny_teacher.mixed(draw()[0])
        with torch.no_grad():
            opinion = teacher(seen)
        return tiny_teacher.agreement_loss(head(tower(pixel_values=seen).last_hidden_state.mean(1)), opinion)

    descend(list(teacher.parameters()), teacher_loss, steps // 6, 2e-3, "teacher")
    teacher.eval()
    descend([*tower.parameters(), *head.parameters()], loss, steps, 1e-3, "see")


def learn_to_write(
    model: Any, processor: Any, rows: list[Row], say: Say, size: int, steps: int, peak: float, name: str
) -> None:
    """Teach the whole model the assistant's words of `say(row)`, in batches of `size` pictures."""
    import torch

    stored, opening = pixels(rows), processor.tokenizer.convert_tokens_to_ids("<|im_start|>")

    def loss() -> Any:
        index = torch.randint(0, len(rows), (size,))
        chosen = [rows[i] for i in index]
        texts = [str(processor.apply_chat_template(say(row), tokenize=False)) for row in chosen]
        batch = processor(text=texts, images=[[row.image] for row in chosen], return_tensors="pt", padding=True)
        batch["pixel_values"] = disturb(stored[index])[:, None]
        # learnt: what follows the second turn's opening (its marker, "assistant" and ":"); the prompt is masked
        second = (batch["input_ids"] == opening).cumsum(1) > 1
        batch["labels"] = batch["input_ids"].masked_fill(~second, -100)
        return model(**batch).loss

    descend(list(model.parameters()), loss, steps, peak, name)


def learn_to_describe(model: Any, processor: Any, rows: list[Row], steps: int, random: np.random.Generator) -> None:
    """Teach the whole model to say in words what is drawn."""

    def say(row: Row) -> list[dict[str, Any]]:
        return turns(DESCRIBE, "".join(f"<{part}>{row.parts[part]}</{part}>" for part in VISIBLE))

    learn_to_write(model, processor, rows, say, 64, steps, 1e-3, "describe")


def learn_to_follow(model: Any, processor: Any, rows: list[Row], steps: int, random: np.random.Generator) -> None:
    """Teach the structure of an answer on a question that has nothing to do with sentiment."""
    from emocal_rl.rewards import FORMATS

    form, kinds = FORMATS["emocaliber_answer"], sorted({row.parts["context"] for row in rows})

    def say(row: Row) -> list[dict[str, Any]]:
        kind = row.parts["context"]
        others = random.permutation([other for other in kinds if other != kind])[: random.integers(1, 4)]
        options = [str(option) for option in random.permutation([kind, *others])]
        answer = form.write({**row.parts, "analysis": f"this is {kind}"}, kind)
        return turns(f"{KIND} {form.instruction(options)}", answer)

    learn_to_write(model, processor, rows, say, 48, steps, 5e-4, "follow")


def turns(question: str, answer: str) -> list[dict[str, Any]]:
    """A picture with a question, and its answer, as chat messages."""
    asked = [{"type": "image"}, {"type": "text", "text": question}]
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


LESSONS = (learn_to_see, learn_to_describe, learn_to_follow)


def teach(out: Path, lesson: int, steps: int, seed: int) -> None:
    """One lesson for the checkpoint in `out`, in place."""
    import torch

    torch.manual_seed(1000 * lesson + seed)
    model, processor = load(str(out))
    LESSONS[lesson](model, processor, training_rows(), steps, np.random.default_rng([seed, lesson]))
    save(model, processor, out)


def save(model: Any, processor: Any, out: Path) -> None:
    """Model (bfloat16) and processor."""
    import torch

    model.to(torch.bfloat16).save_pretrained(out)
    processor.save_pretrained(out)


def build(out: Path, steps: Sequence[int], seed: int) -> None:
    """Build from a config, teach the lessons, leave the checkpoint in `out`."""
    use_threads(1)
    processor = tiny.build_processor(corpus())
    save(tiny.build_model(processor.tokenizer, seed), processor, out)
    for lesson, count in enumerate(steps):
        teach(out, lesson, count, seed)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder to write")
    parser.add_argument("--steps", type=int, nargs=3, default=(16000, 1600, 500), help="of the three lessons")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    build(options.out, options.steps, options.seed)


if __name__ == "__main__":
    main()
