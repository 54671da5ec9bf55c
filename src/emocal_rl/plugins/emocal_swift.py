"""ms-swift: --external_plugins $(emocal-rl plugin-path swift) --reward_funcs emocal_rlcr (or another name)."""

import emocal_rl.adapters.swift  # noqa: F401  registers the rewards
