"""RLOO: every reply is compared with the mean of the other replies to its prompt, on TRL's RLOOTrainer.

Ahmadian et al., "Back to Basics: Revisiting REINFORCE-Style Optimization for Learning from Human Feedback in LLMs"
(2024).  The baseline of a reply does not depend on what that reply earned, so the gradient is that of the expected
reward and a proper rule stays proper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emocal_rl.train.stage import Plan

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage


def rloo_plan(stage: Stage) -> Plan:
    """TRL's RLOOTrainer; no penalty for leaving the start unless the recipe says so (TRL's own default is 0.05)."""
    from trl import RLOOConfig, RLOOTrainer

    return Plan(RLOOTrainer, RLOOConfig, {"beta": 0.0} | rloo_options(stage.trainer), {})


def rloo_options(trainer: dict[str, Any]) -> dict[str, Any]:
    """The recipe's options as RLOOConfig knows them: `scale_rewards: batch` is its `normalize_advantages`.

    >>> rloo_options({"max_steps": 3, "scale_rewards": "batch"})
    {'max_steps': 3, 'normalize_advantages': True}
    """
    others = {key: value for key, value in trainer.items() if key != "scale_rewards"}
    return others | ({"normalize_advantages": True} if trainer.get("scale_rewards") == "batch" else {})
