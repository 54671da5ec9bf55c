"""OpenRLHF: a file with ``reward_func``; see `plugins/emocal_openrlhf.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emocal_rl.adapters.core import Adapter, Row, instance

_TAIL = 60


class OpenRlhfReward(Adapter):
    """OpenRLHF's ``reward_func``: queries hold prompt and reply with the special tokens still in.

    The field that `--data.label_key` names is the target: a label, or JSON text with candidates and votes. rewards and
    scores are float32 tensors of shape (N,), and so is each component in extra_logs.
    """

    host = "OpenRLHF"

    def __call__(self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        """``rewards``, ``scores`` (the same numbers) and ``extra_logs``."""
        import torch

        replies = [reply_in(query, prompt) for query, prompt in zip(queries, prompts, strict=True)]
        outcomes = self.scorer(replies, [Row(truth=None if label == "" else label) for label in labels])
        values = torch.tensor([one.value for one in outcomes], dtype=torch.float32)
        names = outcomes[0].components if outcomes else ()
        logs = {name: torch.tensor([one.components[name] for one in outcomes], dtype=torch.float32) for name in names}
        return {"rewards": values, "scores": values.clone(), "extra_logs": logs}


def reply_in(query: Any, prompt: Any) -> Any:
    """The reply in a query: what follows the prompt or, where decoding has changed it, its last characters.

    >>> reply_in("<|user|>What?<|assistant|>Answer: joy", "<|user|>What?<|assistant|>")
    'Answer: joy'
    """
    if not isinstance(query, str) or not isinstance(prompt, str):
        return query
    if query.startswith(prompt):
        return query[len(prompt) :]
    tail = prompt[-_TAIL:]
    # the prompt may hold its own end several times (turns, examples), and so may the reply
    return query.split(tail, prompt.count(tail))[-1]


def __getattr__(name: str) -> OpenRlhfReward:
    return instance(OpenRlhfReward, name, "reward_func")
