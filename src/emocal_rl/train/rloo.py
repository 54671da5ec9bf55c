"""RLOO: every reply is compared with the mean of the other replies to its prompt, on TRL's RLOOTrainer.

Ahmadian et al., "Back to Basics: Revisiting REINFORCE-Style Optimization for Learning from Human Feedback in LLMs"
(2024).  The baseline of a reply does not depend on what that reply earned, so the gradient is that of the expected
reward and a proper rule stays proper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from trl import RLOOTrainer

from emocal_rl.train.stage import Plan

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage


def rloo_plan(stage: Stage) -> Plan:
    """TRL's RLOOTrainer; no penalty for leaving the start unless the recipe says so (TRL's own default is 0.05)."""
    from trl import RLOOConfig

    kind = SampledRLOOTrainer if stage.rollout and stage.rollout.ahead else RLOOTrainer
    return Plan(kind, RLOOConfig, {"beta": 0.0} | rloo_options(stage.trainer), {})


class SampledRLOOTrainer(RLOOTrainer):  # type: ignore[misc]
    """RLOOTrainer for replies of older weights: its clipped ratio is to the chances they were sampled with.

    TRL's (1.16) is to the chances under the weights at the time of the reward, as if those had sampled; it stays where
    the sampler could not say.
    """

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        old = output["old_logps"]
        said = [
            [torch.nan if token[0] is None else token[0] for token in reply] for reply in self.vllm_generation.latest
        ]
        sampled = torch.tensor([sum(reply) for reply in said], dtype=old.dtype, device=old.device)
        # a reply that `mask_truncated_completions` leaves out has a sum of 0 everywhere in TRL
        sampled = torch.where(output["completion_mask"].any(1), sampled, old)
        return output | {"old_logps": torch.where(sampled.isnan(), old, sampled)}


def rloo_options(trainer: dict[str, Any]) -> dict[str, Any]:
    """The recipe's options as RLOOConfig knows them: `scale_rewards: batch` is its `normalize_advantages`.

    >>> rloo_options({"max_steps": 3, "scale_rewards": "batch"})
    {'max_steps': 3, 'normalize_advantages': True}
    """
    others = {key: value for key, value in trainer.items() if key != "scale_rewards"}
    return others | ({"normalize_advantages": True} if trainer.get("scale_rewards") == "batch" else {})
