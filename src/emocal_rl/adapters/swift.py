"""ms-swift: ``--external_plugins $(emocal-rl plugin-path swift) --reward_funcs emocal_rlcr``.

Importing this module imports ms-swift and registers `emocal` (what EMOCAL_REWARD says) and `emocal_NAME` for every
preset and rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from swift.rewards import ORM, orms

from emocal_rl.adapters.columns import groups_of, rows_of
from emocal_rl.adapters.core import Adapter, instance
from emocal_rl.rewards import DISTRIBUTION_RULES, PRESETS, RULES

USUAL = "reward"


class SwiftAdapter(Adapter):
    """What the registered classes call."""

    host = "ms-swift"
    sees_groups = True

    def __call__(self, completions: Sequence[Any], prompt_id: Any = None, **columns: Any) -> list[float]:
        """One number for each completion, higher is better; never None, which ms-swift leaves out of the sum."""
        groups = groups_of(prompt_id, len(completions)) if self.scorer.reward.needs_groups else None
        return [one.value for one in self.scorer(completions, rows_of(columns, len(completions)), groups)]


class SwiftReward(ORM):  # type: ignore[misc]
    """The base of the registered classes: ms-swift calls a class with its arguments, and logs the class's name."""

    reward = USUAL

    def __init__(self, args: Any = None, **kwargs: Any) -> None:
        super().__init__(args)
        self.adapter = instance(SwiftAdapter, self.reward, USUAL)

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float]:
        """One number for each completion; the row's columns are the target."""
        return self.adapter(completions, **columns)


def _register(name: str, reward: str) -> None:
    title = "".join(part.title() for part in name.split("_"))
    orms[name] = globals()[title] = type(title, (SwiftReward,), {"reward": reward, "__module__": __name__})


_register("emocal", USUAL)
for _name in (*PRESETS, *RULES, *DISTRIBUTION_RULES):
    _register(f"emocal_{_name}", _name)
