"""Load a language model, with or without eyes, and its processor; what training and sampling ask of the two."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.models import patches
from emocal_rl.models.eyes import with_eyes
from emocal_rl.models.memory import keep_freed_memory
from emocal_rl.models.sources import Source, find_source

SMALL = 4
"""Cores of a machine up to which torch gets one thread."""


def load(name: str, bits: int | None = None, dtype: str | None = None, attention: str | None = None) -> tuple[Any, Any]:
    """Model and processor (a tokenizer for a model without eyes).

    Args:
        bits: 4 or 8 to load quantised weights with bitsandbytes, which are trained through LoRA only.
        dtype: float32 or bfloat16; None for bfloat16 on a GPU, float32 without one.
        attention: implementation of attention, by transformers' name; None for its choice.

    Raises:
        UserError: no such folder or hub id, a folder that holds no model, no GPU or library for quantised weights, or
            no such attention here.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

    patches.idefics3_without_torchvision()
    found = find_source(name)
    if found.gguf is not None:
        patches.gguf_without_a_bar()
    dtype = dtype or ("bfloat16" if torch.cuda.is_available() else "float32")
    options: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    options |= {} if bits is None else {"quantization_config": quantised(bits)}
    options |= {} if attention is None else {"attn_implementation": attention}
    try:
        config = AutoConfig.from_pretrained(found.path, **found.options)
        sees = type(config) in AutoModelForImageTextToText._model_mapping
        processor = _processor(found, config.model_type, sees)
        family = AutoModelForImageTextToText if sees else AutoModelForCausalLM
        model = family.from_pretrained(found.path, **options, **found.options)
    except (OSError, ValueError, ImportError) as problem:
        reason = str(problem).strip().splitlines()[0]
        raise UserError(f"model {name}: {reason}") from problem
    model = model if found.gguf is None else _plain(model)
    return with_eyes(model, processor, *load("tiny")) if found.eyes else (model, processor)


def _plain(model: Any) -> Any:
    """A model from a .gguf file, whose weights are full numbers by now, without the mark that forbids training."""
    model.is_quantized = False
    model.name_or_path = None  # PEFT would look there for a config.json, and warn
    for owner, mark in ((model, "hf_quantizer"), (model, "quantization_method"), (model.config, "quantization_config")):
        if hasattr(owner, mark):
            delattr(owner, mark)
    return model


def _processor(found: Source, model_type: str, sees: bool) -> Any:
    from transformers import AutoProcessor, AutoTokenizer

    if not sees:
        tokenizer = AutoTokenizer.from_pretrained(found.path, padding_side="left", **found.options)
        tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        return tokenizer
    if model_type in patches.QWEN_VL and not patches.has_torchvision():
        return patches.qwen_vl_without_torchvision(found.path, model_type)
    return AutoProcessor.from_pretrained(found.path, padding_side="left")


def quantised(bits: int) -> Any:
    """The bitsandbytes settings of QLoRA (Dettmers et al., 2023): 4-bit NormalFloat, twice quantised, or 8 bits.

    Raises:
        UserError: bitsandbytes or a GPU is missing.
    """
    import torch

    if importlib.util.find_spec("bitsandbytes") is None:
        raise UserError(
            f"model.bits={bits}: bitsandbytes is not installed; pip install bitsandbytes, or leave bits out"
        )
    if not torch.cuda.is_available():
        raise UserError(f"model.bits={bits}: quantised weights need a GPU, and there is none; leave bits out")
    from transformers import BitsAndBytesConfig

    if bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def place(model: Any) -> Any:
    """The model on the GPU where there is one; quantised weights are there already."""
    import torch

    if torch.cuda.is_available() and getattr(model, "quantization_method", None) is None:
        model.to("cuda")
    return model


def tokenizer_of(processor: Any) -> Any:
    """The tokenizer of a processor; a model without eyes has nothing else."""
    return getattr(processor, "tokenizer", processor)


def sees(processor: Any) -> bool:
    """Whether the model takes pictures."""
    return getattr(processor, "image_processor", None) is not None


def limit_pixels(processor: Any, least: int | None, most: int | None) -> None:
    """Bound the pixels (width x height) that a picture is scaled to; more pixels are more tokens.

    Raises:
        UserError: the model scales pictures in another way.
    """
    if least is None and most is None:
        return
    pictures: Any = getattr(processor, "image_processor", None)
    if not hasattr(pictures, "merge_size"):
        kind = type(pictures or processor).__name__
        raise UserError(f"model.min_pixels, model.max_pixels: {kind} has no such limits; leave them out")
    size = dict(pictures.size)
    least, most = least or size["shortest_edge"], most or size["longest_edge"]
    if least > most:
        raise UserError(f"model.min_pixels={least} is more than model.max_pixels={most}")
    pictures.size = type(pictures.size)(**(size | {"shortest_edge": least, "longest_edge": most}))


def use_threads(threads: int | str) -> int:
    """Set torch's threads and return their number.

    "auto" takes one on a machine without a GPU and at most four cores: with a model of a few million parameters a
    second thread gains little, and its spinning wait loses a factor of eight as soon as anything else runs.  Without a
    GPU, freed memory is kept for the next step as well.
    """
    import torch

    if not torch.cuda.is_available():
        keep_freed_memory()

    if threads == "auto":
        small = not torch.cuda.is_available() and (os.cpu_count() or 1) <= SMALL
        threads = 1 if small else torch.get_num_threads()
    torch.set_num_threads(int(threads))
    return int(threads)


def image_token_ids(model: Any, processor: Any) -> list[int]:
    """Placeholder tokens a model must never write: a sampled one fails the next forward pass."""
    names = {
        getattr(processor, attribute, None)
        for attribute in ("image_token", "fake_image_token", "global_image_tag", "video_token")
    }
    tokenizer = tokenizer_of(processor)
    known = {tokenizer.convert_tokens_to_ids(name) for name in names if isinstance(name, str)}
    known |= {
        getattr(model.config, name, None) for name in ("image_token_id", "video_token_id", "vision_start_token_id")
    }
    return sorted(number for number in known if isinstance(number, int) and number != tokenizer.unk_token_id)


def never_write(model: Any, tokens: list[int]) -> None:
    """Take every probability from `tokens`, in training as in generation: a bias of the output layer, never saved.

    A sampler that rules tokens out samples from what is left; log-probabilities agree with it only if these tokens have
    none of the probability.  A layer that has a bias of its own is left alone.
    """
    import torch

    head = model.get_output_embeddings()
    if not tokens or head.bias is not None:
        return
    bias = torch.zeros(head.weight.shape[0], dtype=head.weight.dtype, device=head.weight.device)
    bias[tokens] = -1e4
    del head._parameters["bias"]
    head.register_buffer("bias", bias, persistent=False)
