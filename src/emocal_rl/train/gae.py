"""Generalised advantage estimation and the clipped value loss: the arithmetic of PPO, on plain tensors."""

from __future__ import annotations

from typing import Any


def gae(rewards: Any, values: Any, mask: Any, gamma: float = 1.0, lam: float = 1.0) -> tuple[Any, Any]:
    """Advantages and the returns that values should have predicted; Schulman et al. (2016), equation 16.

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lam A_{t+1}, with nothing after a reply's last token.
    At gamma = lam = 1 the advantage is all that is still to come minus the value: no error of the values can make
    another confidence pay than the one the reward pays for.

    Args:
        rewards: (B, T), paid for the token at t.
        values: (B, T), expected before the token at t is chosen.
        mask: (B, T), 1 on the tokens of a reply, which are without gaps; 0 on the padding after them.
        gamma: discount a token, in (0, 1].
        lam: in [0, 1]; 1 uses the whole rest of the reply, 0 only the next value.

    Returns:
        advantages and returns, both (B, T), zero on the padding; advantages + values = returns.

    >>> import torch
    >>> one = torch.tensor
    >>> gae(one([[0.0, 1.0]]), one([[0.5, 0.25]]), one([[1, 1]]), gamma=1.0, lam=0.5)
    (tensor([[0.1250, 0.7500]]), tensor([[0.6250, 1.0000]]))
    """
    import torch

    mask = mask.to(values.dtype)
    advantages = torch.zeros_like(values)
    ahead, following = torch.zeros_like(values[:, 0]), torch.zeros_like(values[:, 0])
    for t in reversed(range(values.shape[1])):
        delta = rewards[:, t] + gamma * following - values[:, t]
        ahead = (delta + gamma * lam * ahead) * mask[:, t]
        advantages[:, t], following = ahead, values[:, t] * mask[:, t]
    return advantages, (advantages + values) * mask


def at_the_end(totals: Any, mask: Any) -> Any:
    """(B, T) rewards: each reply's total (B,) on its last token, 0 elsewhere and where nothing is left of a reply.

    >>> import torch
    >>> at_the_end(torch.tensor([2.0, 3.0]), torch.tensor([[1, 1, 0], [0, 0, 0]]))
    tensor([[0., 2., 0.],
            [0., 0., 0.]])
    """
    import torch

    last = (torch.arange(mask.shape[1], device=mask.device) == mask.sum(1, keepdim=True) - 1) & mask.bool()
    return torch.where(last, totals[:, None], torch.zeros_like(totals)[:, None])


def value_loss(values: Any, before: Any, returns: Any, mask: Any, clip: float | None = None) -> Any:
    """Half the mean squared error of values (B, T) over the masked tokens; lower is better.

    clip: a value is taken as within `clip` of what it was `before`, where that makes the error larger, so that several
    passes over one batch do not run after its noise (Schulman et al., 2017, as in their code).

    >>> import torch
    >>> one = torch.tensor
    >>> value_loss(one([[1.0]]), one([[0.0]]), one([[1.0]]), one([[1]]), clip=0.2)
    tensor(0.3200)
    """
    import torch

    error = (values - returns) ** 2
    if clip is not None:
        near = before + (values - before).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns) ** 2)
    return 0.5 * (error * mask).sum() / mask.sum().clamp(min=1)
