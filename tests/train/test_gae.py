"""The arithmetic of PPO against numbers worked out by hand."""

import pytest
import torch

from emocal_rl.train.gae import at_the_end, gae, value_loss


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_three_tokens_by_hand():
    """gamma .9, lambda .5, so .45 a token; V = .2 .4 .1, the reward of 1 on the last token.

    delta_3 = 1 - .1 = .9; delta_2 = .9 * .1 - .4 = -.31; delta_1 = .9 * .4 - .2 = .16.
    A_3 = .9; A_2 = -.31 + .45 * .9 = .095; A_1 = .16 + .45 * .095 = .20275.
    """
    advantages, returns = gae(tensor([0, 0, 1]), tensor([0.2, 0.4, 0.1]), tensor([1, 1, 1]), 0.9, 0.5)
    assert advantages[0].tolist() == pytest.approx([0.20275, 0.095, 0.9])
    assert returns[0].tolist() == pytest.approx([0.40275, 0.495, 1.0])


def test_lambda_one_is_what_comes_minus_what_was_expected():
    """Rewards .5 on the second and 2 on the last token; no discount: 2.5 2.5 2 minus V."""
    values = tensor([0.3, -1.0, 7.0])
    advantages, returns = gae(tensor([0, 0.5, 2]), values, tensor([1, 1, 1]))
    assert returns[0].tolist() == pytest.approx([2.5, 2.5, 2.0])
    assert advantages[0].tolist() == pytest.approx([2.2, 3.5, -5.0])


def test_lambda_zero_is_the_one_step_error():
    advantages, _ = gae(tensor([0, 1]), tensor([0.5, 0.25]), tensor([1, 1]), 1.0, 0.0)
    assert advantages[0].tolist() == pytest.approx([-0.25, 0.75])


@pytest.mark.parametrize("lam", [0.0, 0.6, 1.0])
def test_padding_is_nothing_and_changes_nothing(lam):
    """A reply of two tokens beside one of four: what stands in its padding, values included, does not matter."""
    short = gae(tensor([0, 1]), tensor([0.5, 0.2]), tensor([1, 1]), 0.9, lam)
    padded = gae(tensor([0, 1, 0, 0]), tensor([0.5, 0.2, 9.0, -9.0]), tensor([1, 1, 0, 0]), 0.9, lam)
    for alone, beside in zip(short, padded, strict=True):
        assert beside[0].tolist() == pytest.approx([*alone[0].tolist(), 0.0, 0.0])


def test_right_values_leave_no_advantage():
    """The last token decides nothing, and the values foresee the reward exactly."""
    advantages, _ = gae(tensor([0, 0, 0.7]), tensor([0.7, 0.7, 0.7]), tensor([1, 1, 1]), 1.0, 0.95)
    assert advantages.abs().max() == 0


def test_the_total_is_paid_on_the_last_token():
    mask = torch.tensor([[1, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert at_the_end(torch.tensor([1.0, -2.0, 5.0]), mask).tolist() == [[0, 0, 1], [-2, 0, 0], [0, 0, 0]]


def test_value_loss_by_hand():
    """Errors .5 and -1 on two tokens of three: (.25 + 1) / 2 / 2."""
    found = value_loss(tensor([1.5, 0.0, 50.0]), tensor([0, 0, 0]), tensor([1, 1, 1]), tensor([1, 1, 0]))
    assert found.item() == pytest.approx(0.3125)


def test_a_clipped_value_learns_nothing_further_but_comes_back():
    """Before 0, clip .2.  Return 1: at .5 the value is held at .2 and has no gradient; return -1: it has all of it."""
    for target, slope, loss in ((1.0, 0.0, 0.32), (-1.0, 1.5, 1.125)):
        value = torch.tensor([[0.5]], requires_grad=True)
        found = value_loss(value, torch.zeros(1, 1), torch.full((1, 1), target), torch.ones(1, 1), clip=0.2)
        found.backward()
        assert (found.item(), value.grad.item()) == pytest.approx((loss, slope))
