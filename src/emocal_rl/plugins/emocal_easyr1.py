"""EasyR1: worker.reward.reward_function=$(emocal-rl plugin-path easyr1):compute_score. EMOCAL_REWARD says what."""

from emocal_rl.adapters.easyr1 import EasyR1Reward

REWARD_NAME = "emocal"
REWARD_TYPE = "batch"

compute_score = EasyR1Reward()
