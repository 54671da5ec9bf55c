"""Low-rank adapters (Hu et al., LoRA, 2021) through PEFT: which layers get one, and folding them into the weights."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emocal_rl.errors import UserError
from emocal_rl.models.freeze import frozen_modules
from emocal_rl.models.load import load

if TYPE_CHECKING:
    from emocal_rl.recipe_blocks import Lora

ADAPTER = "adapter"
"""Folder inside a finished stage's model that keeps its adapter; the model itself has it folded in."""


def lora_config(model: Any, lora: Lora, *, freeze_vision: bool = False, freeze_aligner: bool = False) -> Any:
    """PEFT's configuration for this model; what a stage freezes gets no adapter.

    Raises:
        UserError: no layer of the model is called as `lora.targets` says, or all that are stay as they are.
    """
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=target_layers(model, lora.targets, frozen_modules(model, freeze_vision, freeze_aligner)),
        task_type="CAUSAL_LM",
    )


def target_layers(model: Any, targets: str | list[str], frozen: Collection[int] = ()) -> list[str]:
    """Full names of the linear layers that get an adapter: those of the language model, all, or those named.

    The output layer never gets one: TRL computes log-probabilities from its weights alone.
    frozen: ids of modules that get none; no quantised weight asks for a gradient, so the weights do not tell.
    """
    from torch.nn import Linear

    outputs = model.get_output_embeddings()
    without = frozen if targets != "language" else frozen_modules(model, vision=True, aligner=True)
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, Linear) and module is not outputs and id(module) not in without
    ]
    if isinstance(targets, list):
        names = [name for name in names if name.rpartition(".")[2] in targets]
    if not names:
        wanted = f" called {', '.join(targets)}" if isinstance(targets, list) else f" for {targets}"
        left = " besides those that freeze_vision and freeze_aligner leave as they are" if frozen else ""
        raise UserError(f"model.lora.targets: {type(model).__name__} has no linear layer{wanted}{left}")
    return names


def adapted(model: Any) -> bool:
    """Whether a model carries a LoRA adapter."""
    return hasattr(model, "peft_config")


def save_merged(model: Any, folder: Path) -> None:
    """Save the adapter into ``folder/adapter`` and the model with the adapter folded in into `folder`.

    Quantised weights are read anew as full numbers first: folding into four bits would round the adapter away.
    """
    from peft import PeftModel

    model.save_pretrained(folder / ADAPTER)
    base = model.get_base_model()
    if getattr(base, "quantization_method", None) is not None:
        whole, _ = load(base.config._name_or_path)
        model = PeftModel.from_pretrained(whole, folder / ADAPTER)
    model.merge_and_unload().save_pretrained(folder)
