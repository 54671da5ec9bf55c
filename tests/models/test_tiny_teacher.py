"""The teacher of the base checkpoint: shapes, mixtures, and the loss on hand-worked numbers."""

from __future__ import annotations

import math

import pytest
import torch

from emocal_rl.models import tiny_teacher


def test_gives_one_logit_a_class() -> None:
    assert tiny_teacher.build(7)(torch.zeros(3, 3, 32, 32)).shape == (3, 7)


def test_mixed_pictures_lie_between_two_of_the_batch_and_about_half_stay() -> None:
    torch.manual_seed(0)
    x = torch.arange(400.0).view(400, 1, 1, 1).expand(400, 3, 2, 2)
    out = tiny_teacher.mixed(x)
    assert out.shape == x.shape
    assert out.min() >= 0
    assert out.max() <= 399
    assert 160 < (out == x).all(3).all(2).all(1).sum() < 240


def test_agreement_is_the_cross_entropy_with_the_teachers_probabilities() -> None:
    teacher = torch.log(torch.tensor([[0.75, 0.25]]))
    student = torch.log(torch.tensor([[0.5, 0.5]]))
    assert tiny_teacher.agreement_loss(student, teacher).item() == pytest.approx(math.log(2))
    # lowest where both agree: the entropy of (3/4, 1/4) = 2 ln 2 - 3/4 ln 3
    assert tiny_teacher.agreement_loss(teacher, teacher).item() == pytest.approx(2 * math.log(2) - 0.75 * math.log(3))
