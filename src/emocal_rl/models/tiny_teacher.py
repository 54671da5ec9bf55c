"""A small convolutional network that teaches the embedded model's vision tower which emoji a drawing shows.

Convolutions find an emoji in a style they have not seen far more often than a tower of patches learning from the same
drawings; their opinion of disturbed and mixed pictures, of which there is no end, is what the tower can learn from.
Needed only while the base checkpoint is made.
"""

from __future__ import annotations

from typing import Any

# (channels in, channels out, stride) of each 3 x 3 convolution
BLOCKS = ((3, 32, 2), (32, 64, 1), (64, 96, 2), (96, 160, 2), (160, 160, 1))


def build(classes: int) -> Any:
    """Pictures (B, 3, 32, 32) -> logits (B, classes)."""
    from torch import nn

    layers: list[Any] = []
    for before, after, stride in BLOCKS:
        convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * BLOCKS[-1][1], classes)
    )


def mixed(x: Any) -> Any:
    """Half of the pictures (B, 3, H, W) blended with another of the batch: something new to ask a teacher about."""
    import torch

    blend, chosen = torch.rand(len(x), 1, 1, 1), torch.rand(len(x), 1, 1, 1) < 0.5
    share = torch.where(chosen, torch.ones(()), blend)
    return x * share + x[torch.randperm(len(x))] * (1 - share)


def agreement_loss(student: Any, teacher: Any) -> Any:
    """Cross-entropy of the student's logits (B, C) with the teacher's probabilities.  Hinton et al. (2015)."""
    import torch

    return -(torch.softmax(teacher, -1) * torch.log_softmax(student, -1)).sum(-1).mean()
