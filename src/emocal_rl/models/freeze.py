"""Parts of a picture model that training leaves as they are: the vision tower, the aligner."""

from __future__ import annotations

from typing import Any

from emocal_rl.errors import UserError

ALIGNERS = ("connector", "multi_modal_projector", "merger", "deepstack_merger_list", "aligner")
"""What the families call the layers between the vision tower and the language model."""


def aligner_of(model: Any) -> list[Any]:
    """The layers between the vision tower and the language model; empty for a model without eyes."""
    return [module for name, module in model.named_modules() if name.rpartition(".")[2] in ALIGNERS]


def frozen_modules(model: Any, vision: bool, aligner: bool) -> set[int]:
    """Ids of the modules that `freeze_vision` (vision) and `freeze_aligner` (aligner) leave as they are."""
    aligning = {id(module) for part in aligner_of(model) for module in part.modules()}
    tower = model.get_encoder(modality="image") if vision else model
    seeing = set() if tower is model else {id(module) for module in tower.modules()} - aligning
    return seeing | (aligning if aligner else set())


def freeze_vision(model: Any) -> None:
    """Leave the vision tower as it is in training: it sees drawing styles that the stage's pictures do not show.

    The aligner is not part of it, even where the family's code keeps it inside (Qwen-VL's merger).

    Raises:
        UserError: the model has no part that transformers knows as its image encoder.
    """
    tower = model.get_encoder(modality="image")
    if tower is model:
        raise UserError(f"freeze_vision: {type(model).__name__} has no vision tower; set freeze_vision: false")
    aligning = {id(weight) for part in aligner_of(model) for weight in part.parameters()}
    for weight in tower.parameters():
        if id(weight) not in aligning:
            weight.requires_grad_(False)


def freeze_aligner(model: Any) -> None:
    """Leave the layers between the vision tower and the language model as they are.

    Raises:
        UserError: the model has none that we know.
    """
    parts = aligner_of(model)
    if not parts:
        raise UserError(f"freeze_aligner: {type(model).__name__} has no aligner; set freeze_aligner: false")
    for part in parts:
        part.requires_grad_(False)
