"""Load a vision-language model and its processor by name, folder or hub id."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.models.patches import idefics3_without_torchvision

TINY = Path(__file__).parent / "tiny_files"


def source(name: str) -> str:
    """What to hand to transformers: the embedded checkpoint for "tiny", else the folder or hub id itself."""
    return str(TINY) if name == "tiny" else name


def load(name: str) -> tuple[Any, Any]:
    """Model and processor: bfloat16 on a GPU, float32 without one.

    Raises:
        UserError: no such folder or hub id, or a folder that holds no model.
    """
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    idefics3_without_torchvision()
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    path = source(name)
    if (os.sep in name or Path(path).exists()) and not (Path(path) / "config.json").is_file():
        raise UserError(f"model {name}: the folder has no config.json; give a checkpoint folder, a hub id, or 'tiny'")
    try:
        processor = AutoProcessor.from_pretrained(path, padding_side="left")
        model = AutoModelForImageTextToText.from_pretrained(path, dtype=dtype)
    except (OSError, ValueError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise UserError(f"model {name}: {reason}") from problem
    return model, processor


def freeze_vision(model: Any) -> None:
    """Leave the vision tower as it is in training: it sees drawing styles that the stage's pictures do not show.

    Raises:
        UserError: the model has no part that transformers knows as its image encoder.
    """
    tower = model.get_encoder(modality="image")
    if tower is model:
        raise UserError(f"freeze_vision: {type(model).__name__} has no vision tower; set freeze_vision: false")
    tower.requires_grad_(False)


def use_threads(threads: int | str) -> int:
    """Set torch's threads and return their number.

    "auto" takes one on a machine without a GPU and at most four cores: with a model of a few million parameters a
    second thread gains little, and its spinning wait loses a factor of eight as soon as anything else runs.
    """
    import torch

    if threads == "auto":
        small = not torch.cuda.is_available() and (os.cpu_count() or 1) <= 4
        threads = 1 if small else torch.get_num_threads()
    torch.set_num_threads(int(threads))
    return int(threads)


def image_token_ids(model: Any, processor: Any) -> list[int]:
    """Placeholder tokens a model must never write: a sampled one fails the next forward pass."""
    names = {
        getattr(processor, attribute, None)
        for attribute in ("image_token", "fake_image_token", "global_image_tag", "video_token")
    }
    tokenizer = processor.tokenizer
    known = {tokenizer.convert_tokens_to_ids(name) for name in names if isinstance(name, str)}
    known.add(getattr(model.config, "image_token_id", None))
    return sorted(number for number in known if isinstance(number, int) and number != tokenizer.unk_token_id)
