"""Oumi: ``training.reward_functions: [emocal_rlcr]``, with `emocal-rl plugin-path oumi` in OUMI_EXTRA_DEPS_FILE.

Importing this module imports Oumi and registers `emocal` (what EMOCAL_REWARD says) and `emocal_NAME` for every preset
and rule, for the TRL_GRPO trainer. For VERL_GRPO it registers `emocal_verl`.
"""

from __future__ import annotations

from typing import Any

from oumi.core.registry import RegistryType, register

from emocal_rl.adapters.core import instance
from emocal_rl.adapters.trl import TrlFunction
from emocal_rl.adapters.verl import VerlReward
from emocal_rl.rewards import DISTRIBUTION_RULES, PRESETS, RULES

KIND = RegistryType.REWARD_FUNCTION


@register("emocal_verl", KIND)  # type: ignore[untyped-decorator]
def emocal_verl(
    data_source: Any = None, solution_str: Any = "", ground_truth: Any = None, extra_info: Any = None, **kwargs: Any
) -> dict[str, float]:
    """verl's form, as a function: Oumi hands verl its module and its name."""
    return instance(VerlReward, "compute_score", "compute_score")(data_source, solution_str, ground_truth, extra_info)


register("emocal", KIND)(instance(TrlFunction, "reward", "reward"))
for _name in (*PRESETS, *RULES, *DISTRIBUTION_RULES):
    register(f"emocal_{_name}", KIND)(instance(TrlFunction, _name, "reward"))
