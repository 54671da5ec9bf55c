"""Before torchvision is imported, declare the two operators that its wheel registers in a library that needs CUDA.

Python runs this at the start of every process that has this folder on its path, vLLM's own among them.
"""

import sys


class _Operators:
    def __init__(self):
        self.kept = None  # torch forgets the operators of a library that is gone

    def find_spec(self, name, path=None, target=None):
        if name == "torchvision" and self.kept is None:
            import torch

            self.kept = torch.library.Library("torchvision", "DEF")
            for operator in ("nms", "qnms"):
                self.kept.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, _Operators())
