"""verl: reward.custom_reward_function.path=$(emocal-rl plugin-path verl). EMOCAL_REWARD says what is paid."""

from emocal_rl.adapters.verl import VerlReward

compute_score = VerlReward()
