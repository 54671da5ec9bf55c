"""OpenRLHF: --reward.remote_url $(emocal-rl plugin-path openrlhf). EMOCAL_REWARD and the rest say what is paid."""

from emocal_rl.adapters.openrlhf import OpenRlhfReward

reward_func = OpenRlhfReward()
