"""What the installed libraries need before the embedded model loads on a machine without torchvision."""

from __future__ import annotations

import importlib
import importlib.util
import sys


def idefics3_without_torchvision() -> None:
    """Let transformers 5 use its own Pillow image processor for Idefics3 where torchvision is not installed.

    transformers 5.17 offers `Idefics3ImageProcessorPil`, which needs Pillow only, but hides it behind a torchvision
    check that is triggered by a comment in its source.  The class itself is fine, so it is put where the auto classes
    look.
    With a working torchvision nothing is touched.
    """
    if importlib.util.find_spec("torchvision") is not None:
        return
    # by its full path: attribute access goes through the lazy module, which answers with a refusing placeholder
    pillow = importlib.import_module("transformers.models.idefics3.image_processing_pil_idefics3")
    # looked up after that import: the first submodule import replaces the top module
    for module in (sys.modules["transformers"], sys.modules["transformers.models.idefics3"]):
        for name in ("Idefics3ImageProcessor", "Idefics3ImageProcessorPil"):
            setattr(module, name, pillow.Idefics3ImageProcessorPil)
