"""PPO on TRL's GRPOTrainer: the same rollouts, log-probabilities and clipped loss; the baseline is a value head.

Schulman et al., "Proximal Policy Optimization Algorithms" (2017).  GRPO pays every token of a reply the same, measured
against the other replies to the prompt; here each token is paid what the reply earned beyond what the value head
expected before that token.  Epochs and minibatches are TRL's `num_iterations` and `steps_per_generation`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from trl import GRPOTrainer

from emocal_rl.recipe_blocks import Ppo
from emocal_rl.rewards.incentive.advantage import EPSILON
from emocal_rl.train.credit import SegmentGRPOTrainer, confidence_tokens, parts
from emocal_rl.train.exact import ExactGRPOTrainer
from emocal_rl.train.gae import at_the_end, gae, value_loss
from emocal_rl.train.grpo import grpo_plan
from emocal_rl.train.stage import Plan
from emocal_rl.train.value_head import ValueHead, hidden_size, last_states

if TYPE_CHECKING:
    from emocal_rl.recipe import Stage

# what a forward pass over a batch of replies needs beside their tokens: TRL's own list
VISION = (
    "pixel_values", "image_grid_thw", "num_images", "pixel_attention_mask", "spatial_shapes", "num_tiles",
    "image_sizes", "token_type_ids", "mm_token_type_ids", "image_position_ids",
)  # fmt: skip


def ppo_plan(stage: Stage) -> Plan:
    """As GRPO's plan, with the trainer that has a value head."""
    plan = grpo_plan(stage)
    return plan._replace(trainer=TRAINERS[stage.credit], extra=plan.extra | {"ppo": stage.ppo or Ppo()})


class PPOTrainer(GRPOTrainer):  # type: ignore[misc]
    """GRPOTrainer whose advantages come from a value head.  Any reward function, full fine-tuning or LoRA.

    The head has its own learning rate, is outside the norm that `max_grad_norm` cuts, and is kept beside each
    checkpoint; the finished model is the policy alone.

    Args:
        ppo: discount, GAE's lambda, the head's learning rate and clipping.
    """

    def __init__(self, *args: Any, ppo: Ppo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ppo = ppo
        size = hidden_size(self.accelerator.unwrap_model(self.model))
        self.value_head = ValueHead(size, self.args.seed).to(self.accelerator.device)
        self._totals = torch.empty(0)  # (all processes' B,) of the latest rollouts; NaN where a reply has no reward

    # Rollouts: what each token is paid

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        rewards = super()._calculate_rewards(*args, **kwargs)
        totals = (rewards * self.reward_weights.to(rewards.device)).nansum(dim=1)
        self._totals = totals.masked_fill(rewards.isnan().all(dim=1), torch.nan)
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        first = self.accelerator.process_index * len(inputs)
        totals = self._earned(self._totals[first : first + len(inputs)])
        if self.model.training and self._step == 0 and self.state.global_step == 0:
            self.value_head.start_at(torch.nan_to_num(self.accelerator.gather(totals).nanmean()).item())
        mask = output["completion_mask"] * (~totals.isnan())[:, None]  # a reply without a reward teaches nothing
        values = self._values_of(output)
        advantages, returns = gae(
            at_the_end(totals.nan_to_num(), mask), values, mask, self.ppo.gamma, self.ppo.gae_lambda
        )
        if self.scale_rewards == "batch":
            advantages = advantages / self._deviation(advantages, mask)
        advantages = self._credited(advantages, output)
        self._log_values(values, returns, mask)
        items = self.accelerator.reduce(mask.sum(), reduction="sum")  # of all processes, for a mean over all of them
        return output | {
            "advantages": advantages, "values": values, "returns": returns, "value_mask": mask, "value_items": items,
        }  # fmt: skip

    def _earned(self, totals: Any) -> Any:
        """What the value head foresees, from the replies' totals (B,)."""
        return totals

    def _credited(self, advantages: Any, output: Any) -> Any:
        """The advantages (B, T) that are used, from those of the value head."""
        return advantages

    def _values_of(self, output: Any) -> Any:
        """(B, T): what the head expects before each token of freshly sampled replies."""
        ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)
        seen_by = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)
        width, rows = output["completion_ids"].shape[1], self.args.per_device_train_batch_size
        vision = {key: output.get(key) for key in VISION}
        with torch.no_grad(), last_states(self.accelerator.unwrap_model(self.model)) as seen:
            self._get_per_token_logps_and_entropies(self.model, ids, seen_by, width, rows, **vision)
            return self.value_head(_before(torch.cat(seen), width))

    def _deviation(self, advantages: Any, mask: Any) -> Any:
        """Standard deviation of the advantages of all tokens of all processes."""
        parts = torch.stack([mask.sum(), advantages.sum(), (advantages**2).sum()]).double()
        count, first, second = self.accelerator.reduce(parts, reduction="sum")
        variance = (second - first**2 / count.clamp(min=1)) / (count - 1).clamp(min=1)
        return (variance.clamp(min=0).sqrt() + EPSILON).to(advantages.dtype)

    def _log_values(self, values: Any, returns: Any, mask: Any) -> None:
        """The head's mean and the share of the returns' variance it foresaw, of replies it has not learnt from yet."""
        kept = mask.bool()
        if kept.sum() < 2:
            return
        log = self._metrics["train" if self.model.training else "eval"]
        log["value/mean"].append(values[kept].mean().item())
        missed = (returns - values)[kept].var() / returns[kept].var().clamp(min=1e-8)
        log["value/explained"].append(1 - missed.item())

    # Updates: the policy's loss is TRL's, the head's is added

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        with last_states(self.accelerator.unwrap_model(model)) as seen:
            loss = super()._compute_loss(model, inputs)
        values = self.value_head(_before(torch.cat(seen), inputs["completion_ids"].shape[1]))
        missed = value_loss(values, inputs["values"], inputs["returns"], inputs["value_mask"], self.ppo.value_clip)
        mode = "train" if self.model.training else "eval"
        self._metrics[mode]["value/loss"].append(missed.item())
        if mode == "eval":
            return loss + missed
        # as TRL's loss: a mean over the tokens of the whole generation batch, however it is split
        batches = self.accelerator.num_processes * self.args.steps_per_generation
        share = inputs["value_mask"].sum() * batches / inputs["value_items"].clamp(min=1)
        return loss + missed * share / self.current_gradient_accumulation_steps

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One backward pass; the head is not wrapped, so its gradients are averaged over processes here."""
        loss = super().training_step(*args, **kwargs)
        if self.accelerator.num_processes > 1 and self.accelerator.sync_gradients:
            for parameter in self.value_head.parameters():
                parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")
        return loss

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """The policy's optimiser, with the head as one more group of parameters."""
        fresh = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)
        if fresh:
            head = {"params": list(self.value_head.parameters()), "lr": self.ppo.value_learning_rate}
            optimizer.add_param_group(head | {"weight_decay": 0.0})
            # the trainer forgets the gradients of its model only
            optimizer.register_step_post_hook(lambda *_: self.value_head.zero_grad())
        return optimizer

    # Checkpoints

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            self.value_head.save(output_dir)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self.value_head.load(checkpoint)


class _PartsPPOTrainer(PPOTrainer):
    """The value head foresees what the answer earns; the tokens of the confidence are paid as in GRPO's credit."""

    def _earned(self, totals: Any) -> Any:
        scored, reward = self.reward_funcs[0].last, self.reward_funcs[0].reward
        outcomes = [parts(row, reward)[0] if row.reply.fault is None else sum(parts(row, reward)) for row in scored]
        return torch.where(totals.isnan(), totals, torch.tensor(outcomes, dtype=totals.dtype, device=totals.device))

    def _credited(self, advantages: Any, output: Any) -> Any:
        scored, device = self.reward_funcs[0].last, advantages.device
        states = torch.from_numpy(confidence_tokens(scored, output["completion_ids"].tolist(), self._decode))
        readable = torch.tensor([row.reply.fault is None for row in scored], device=device)
        weighted = torch.where(readable[:, None], self._weights["answer"] * advantages, advantages)
        return torch.where(states.to(device), output["advantages"].to(advantages.dtype), weighted)


class SegmentPPOTrainer(_PartsPPOTrainer, SegmentGRPOTrainer):
    """PPO whose confidence tokens are paid by their own terms, against the group.  One `TrlReward`."""


class ExactPPOTrainer(_PartsPPOTrainer, ExactGRPOTrainer):
    """PPO whose confidence digits are paid by their expected score.  One `TrlReward`."""

    def _credited(self, advantages: Any, output: Any) -> Any:
        credited = super()._credited(advantages, output)
        if not self._answers:
            return credited
        places = torch.arange(credited.shape[1], device=credited.device)
        # the choice of an answer is paid by its expected reward
        return credited.masked_fill(places == output["answer_column"][:, None], 0.0)


TRAINERS = {"sequence": PPOTrainer, "segment": SegmentPPOTrainer, "exact": ExactPPOTrainer}


def _before(states: Any, width: int) -> Any:
    """The states (B, T, H) that the last `width` tokens were chosen from: each stands just before its token."""
    return states[:, -width - 1 : -1]
