"""Every framework's adapter, called the way its framework calls it. Used by the tests beside this file."""

import asyncio
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from emocal_rl.adapters.core import Adapter, scorer_of
from emocal_rl.adapters.settings import Settings

Result = tuple[float, dict[str, Any]]


@dataclass(frozen=True)
class Host:
    """call: (reward, completion, fields of the row) -> (what is paid, what is logged)."""

    module: str
    adapter: str
    call: Callable[[Any, Any, dict[str, Any]], Result]
    needs: str = ""

    def reward(self, name: str, **settings: Any) -> Adapter:
        if self.needs:
            pytest.importorskip(self.needs, reason="frameworks are installed by: make test-adapters")
        made = getattr(importlib.import_module(f"emocal_rl.adapters.{self.module}"), self.adapter)
        return made(scorer_of(Settings(reward=name, **settings)), name)


def trl(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    logged: dict[str, Any] = {}
    columns = {name: [value] for name, value in fields.items()}
    note = {"log_metric": lambda name, value: None, "log_extra": lambda name, values: logged.update({name: values[0]})}
    state = {"trainer_state": SimpleNamespace(global_step=3), "environments": None}
    return reward(prompts=["?"], completions=[completion], completion_ids=[[1]], **columns, **note, **state)[0], logged


def swift(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    columns = {name: [value] for name, value in fields.items()}
    return reward([completion], prompt_id=["7"], messages=[[]], trainer_state=None, **columns)[0], {}


def verl(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    extra = {"num_turns": 1, "rollout_reward_scores": {}, **fields}
    paid = reward(data_source="x", solution_str=completion, ground_truth=fields.get("label"), extra_info=extra)
    return paid.pop("score"), paid


def easyr1(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    given = {"response": completion, "response_length": 5, "ground_truth": json.dumps(fields)}
    paid = reward([given])[0]
    return paid.pop("overall"), paid


def openrlhf(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    query = f"<|user|>?{completion}<|im_end|>" if isinstance(completion, str) else completion
    paid = reward(queries=[query], prompts=["<|user|>?"], labels=[json.dumps(fields)])
    assert paid["rewards"].tolist() == paid["scores"].tolist()
    return paid["rewards"][0].item(), {name: value.item() for name, value in paid["extra_logs"].items()}


def areal(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    return reward("?", completion, [1], [2], **fields), {}


def slime(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    sample = SimpleNamespace(prompt="?", response=completion, label=fields.get("label"), metadata=fields)
    return asyncio.run(reward(SimpleNamespace(reward_key=None), sample)), {}


def rllm(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    paid = reward(SimpleNamespace(metadata=fields), SimpleNamespace(artifacts={"answer": completion}, trajectories=[]))
    assert isinstance(paid["is_correct"], bool)
    return paid["reward"], paid["signals"]


def verifiers(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    task, trace = SimpleNamespace(**fields), SimpleNamespace(last_reply=completion)
    return asyncio.run(reward(task=task, trace=trace)), {}


def pair(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    return reward(completion, fields)


def skyrl(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    return reward(completion, {**fields, "reward_spec": {"ground_truth": fields.get("label")}})


def trinity(reward: Any, completion: Any, fields: dict[str, Any]) -> Result:
    return sum(reward(completion, json.dumps(fields)).values()), {}


HOSTS = {
    "trl": Host("trl", "TrlFunction", trl),
    "verl": Host("verl", "VerlReward", verl),
    "easyr1": Host("easyr1", "EasyR1Reward", easyr1),
    "openrlhf": Host("openrlhf", "OpenRlhfReward", openrlhf),
    "areal": Host("areal", "ArealReward", areal),
    "slime": Host("slime", "SlimeReward", slime),
    "rllm": Host("rllm", "RllmReward", rllm),
    "verifiers": Host("verifiers", "VerifiersReward", verifiers),
    "swift": Host("swift", "SwiftAdapter", swift, "swift"),
    "skyrl": Host("skyrl", "SkyrlReward", skyrl, "skyrl_gym"),
    "tinker": Host("tinker", "TinkerReward", pair, "tinker_cookbook"),
    "trinity": Host("trinity", "TrinityReward", trinity, "trinity"),
}
