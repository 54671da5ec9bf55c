"""What the installed libraries need: picture models without torchvision, .gguf files, CPU processes."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import cache, partial
from typing import Any

QWEN_VL = {
    "qwen2_vl": "Qwen2VLProcessor",
    "qwen2_5_vl": "Qwen2_5_VLProcessor",
    "qwen3_vl": "Qwen3VLProcessor",
    "qwen3_vl_moe": "Qwen3VLProcessor",
}
"""Model type -> processor class of the Qwen-VL models, which all use Qwen2-VL's picture processor."""


def has_torchvision() -> bool:
    """Whether torchvision is installed. With a working one nothing here is needed."""
    return importlib.util.find_spec("torchvision") is not None


def idefics3_without_torchvision() -> None:
    """Let transformers 5 use its own Pillow image processor for Idefics3 where torchvision is not installed.

    transformers 5.17 offers `Idefics3ImageProcessorPil`, which needs Pillow only, but hides it behind a torchvision
    check that is triggered by a comment in its source.  The class itself is fine, so it is put where the auto classes
    look.
    With a working torchvision nothing is touched.
    """
    if has_torchvision():
        return
    # by its full path: attribute access goes through the lazy module, which answers with a refusing placeholder
    pillow = importlib.import_module("transformers.models.idefics3.image_processing_pil_idefics3")
    # looked up after that import: the first submodule import replaces the top module
    for module in (sys.modules["transformers"], sys.modules["transformers.models.idefics3"]):
        for name in ("Idefics3ImageProcessor", "Idefics3ImageProcessorPil"):
            setattr(module, name, pillow.Idefics3ImageProcessorPil)


def qwen_vl_without_torchvision(path: str, model_type: str) -> Any:
    """A Qwen-VL processor for pictures only, from its Pillow parts, where torchvision is not installed.

    Its class demands a video processor, which needs torchvision; a stand-in that can do nothing takes its place.
    Saved, it is an ordinary Qwen-VL processor, with videos where torchvision is installed.
    """
    import transformers

    pillow = importlib.import_module("transformers.models.qwen2_vl.image_processing_pil_qwen2_vl")
    pictures = pillow.Qwen2VLImageProcessorPil.from_pretrained(path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path, padding_side="left")
    processor = getattr(transformers, QWEN_VL[model_type])
    return processor(pictures, tokenizer, _no_video()(), chat_template=tokenizer.chat_template)


@cache
def gguf_without_a_bar() -> None:
    """Keep transformers' progress bar for .gguf files off the terminal; unlike its other bars it heeds no setting."""
    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    reader.tqdm = partial(reader.tqdm, disable=True)


@cache
def _no_video() -> type[Any]:
    """The stand-in; made late, because its base is transformers' placeholder for a missing torchvision."""
    import transformers
    from transformers.utils import PushToHubMixin

    class NoVideo(transformers.BaseVideoProcessor, PushToHubMixin):  # type: ignore[misc]
        _backends: tuple[str, ...] = ()
        _auto_class = None

        def __init__(self) -> None:
            pass

        def to_dict(self) -> dict[str, Any]:
            """What a processor folder says about videos, for machines that can read them."""
            return {"video_processor_type": "Qwen2VLVideoProcessor"}

    return NoVideo


@cache
def checkpoints_of_cpu_processes() -> None:
    """Let torch load what one of several CPU processes saved: its device is `cpu:0`, which torch takes for unknown."""
    import torch

    torch.serialization.register_package(
        0, lambda _: None, lambda storage, place: storage if place == "cpu:0" else None
    )
