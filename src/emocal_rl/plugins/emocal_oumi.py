"""Oumi: a line with this file's path in the file OUMI_EXTRA_DEPS_FILE; then reward_functions: [emocal_rlcr]."""

import emocal_rl.adapters.oumi  # noqa: F401  registers the rewards
