"""Group targets: score a confidence against what a prompt's whole group achieved, not only against its own outcome.

A prompt is answered G times. A target turns the outcomes into one number in [0, 1] per rollout, which takes the place
of the correctness in a rule: ``{use: brier, target: leave_one_out}``. It lowers the variance of the reward and shrinks
the confidence towards the prompt's difficulty. All targets keep the mean, so what is elicited is

    L * (own success probability) + (1 - L) * (the prompt's success probability),     L = own share.

-(c - t)^2, as papers write it, differs from the Brier rule at target t by t (1 - t), which no confidence changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.rules.checks import is_number

Combine = Callable[[Any, Any, int], Any]


@dataclass(frozen=True)
class GroupTarget:
    """A target with its parameters bound.

    of: (own outcome, sum of the others' outcomes, group size) -> target, elementwise. own_share: L above, for a group
    size. needs_group: whether the other rollouts matter at all.
    """

    name: str
    of: Combine
    own_share: Callable[[int], float]
    needs_group: bool = True


GROUP_TARGETS: dict[str, Callable[..., GroupTarget]] = {}


def group_target(build: Callable[..., GroupTarget]) -> Callable[..., GroupTarget]:
    """Register a group target under its function's name."""
    GROUP_TARGETS[build.__name__] = build
    return build


@group_target
def outcome() -> GroupTarget:
    """The rollout's own outcome: no group involved.

    >>> outcome().of(1.0, 2.0, 4)
    1.0
    """
    return GroupTarget("outcome", lambda own, others, size: own, lambda size: 1.0, needs_group=False)


@group_target
def group_mean() -> GroupTarget:
    """The success rate of the whole group.  CoCA, Li et al., arXiv 2603.05881 (2026).

    >>> group_mean().of(1.0, 2.0, 4)
    0.75
    """
    return GroupTarget("group_mean", lambda own, others, size: (own + others) / size, lambda size: 1 / size)


@group_target
def leave_one_out() -> GroupTarget:
    """The success rate of the others: independent of the own outcome. Needs groups of at least two.

    >>> round(leave_one_out().of(1.0, 2.0, 4), 3)
    0.667
    """
    return GroupTarget("leave_one_out", lambda own, others, size: others / max(size - 1, 1), lambda size: 0.0)


@group_target
def mixed(own: float = 0.5) -> GroupTarget:
    """own * outcome + (1 - own) * group mean.  DCPO, arXiv 2603.09117 (2026), and CREDO (2026) with own = 0.5.

    >>> mixed(own=0.5).of(1.0, 2.0, 4)
    0.875
    """
    if not (is_number(own) and 0 <= own <= 1):
        raise UserError(f"mixed: own must lie in [0, 1], got {own}")
    share = own

    def of(own: Any, others: Any, size: int) -> Any:
        return share * own + (1 - share) * (own + others) / size

    return GroupTarget("mixed", of, lambda size: share + (1 - share) / size)


def find_target(spec: str | Mapping[str, Any]) -> GroupTarget:
    """A target from its name or from ``{use: name, parameter: value}``; raises UserError for what is neither."""
    if not isinstance(spec, (str, Mapping)):
        raise UserError(f"the target must be a name or {{use: name, parameter: value}}, got {spec!r}")
    options = {"use": spec} if isinstance(spec, str) else dict(spec)
    use = str(options.pop("use", ""))
    if use not in GROUP_TARGETS:
        raise UserError(f"unknown target {use!r}{did_you_mean(use, GROUP_TARGETS)}")
    try:
        return GROUP_TARGETS[use](**options)
    except TypeError as error:
        raise UserError(f"target {use!r}: {error}") from None
