"""Published rewards under their own names, ported as published, mistakes included: each can be judged and compared.

A preset is a reward's terms and floor, the format it was published with, and the trainer settings it was used with.
Where a paper's reward has a part that is not a function of one reply's answer and confidence, `left_out` says so.

Missing, because we know no complete formula: MSCR (arXiv 2601.07264; its coefficients), C3RL (arXiv 2607.01612; the
size of its terms for calibration and for the gain over a reference), DPUA (arXiv 2605.10415). Missing, because what
they pay is no function of a stated confidence and its own outcome: C2GSPG (arXiv 2509.23129) and ConfClip (arXiv
2509.17730) take the confidence from the likelihood of the text, CAPO (arXiv 2604.12632) from its perplexity; RAC (arXiv
2605.16999) compares replies with each other.

>>> preset("rlcr").reward(grader="label").floor
0.0
>>> preset("emocaliber").judge().sound
False
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from emocal_rl.errors import UserError
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.graders.core import Grader
from emocal_rl.rewards.reward import Reward

if TYPE_CHECKING:
    from emocal_rl.rewards.incentive import Verdict


@dataclass(frozen=True)
class Preset:
    """One published reward.

    terms, format, floor: as in `Reward`. scale_rewards, num_generations, credit: as in `judge`, what the work trained
    with; "batch" stands for PPO's whitening. left_out: what the port lacks, or "".
    """

    terms: Mapping[str, Any]
    format: str
    floor: float | None = None
    scale_rewards: str = "none"
    num_generations: int = 8
    credit: str = "sequence"
    left_out: str = ""
    name: str = field(default="")

    def reward(self, grader: str | Mapping[str, Any] | Grader = "label", format: str | None = None) -> Reward:
        """The Reward; format replaces the published one."""
        return Reward(self.terms, format or self.format, grader, floor=self.floor, name=self.name)

    def judge(self) -> Verdict:
        """The verdict under the published trainer settings."""
        from emocal_rl.rewards.incentive import judge  # late: importing the rewards must not load the check

        return judge(self.reward(), self.scale_rewards, self.num_generations, credit=self.credit)


PRESETS: dict[str, Callable[[], Preset]] = {}


def _preset(build: Callable[[], Preset]) -> Callable[[], Preset]:
    PRESETS[build.__name__] = build
    return build


def preset(name: str) -> Preset:
    """The preset of this name; raises UserError for an unknown one."""
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}{did_you_mean(name, PRESETS)}")
    made = PRESETS[name]()
    return Preset(**{**vars(made), "name": name})


@_preset
def rlcr() -> Preset:
    """0.5 format + 0.5 y + 0.5 (1 - (y-c)^2), 0 for a bad format.  Damani et al., arXiv 2507.16806 (2025), code."""
    terms = {"correct": 0.5, "brier_unit": 0.5, "well_formed": 0.5}
    return Preset(terms, "rlcr", floor=0.0, num_generations=32)


@_preset
def emocaliber() -> Preset:
    """1 + y + 2 [y ln c + (1-y) ln(1-c)], -5 for a bad format.  Wu et al., arXiv 2512.15528 (2025), code."""
    terms = {"well_formed": 1.0, "correct": 1.0, "log": {"weight": 2.0, "eps": 0.0}}
    return Preset(terms, "emocaliber_code", floor=-5.0)


@_preset
def rewarding_doubt() -> Preset:
    """10 (1 - 2 ln x / ln 0.001 + 0.25 y), -30 for a bad format; PPO on the confidence's tokens.

    Stangel et al., arXiv 2503.02623 (2025), code.
    """
    terms = {"log_affine": {"weight": 10.0, "eps": 0.001}, "correct": 2.5}
    return Preset(terms, "digits", floor=-30.0, scale_rewards="batch", credit="segment")


@_preset
def sayself() -> Preset:
    """1 - 2 (y-c)^2, -1 for a bad format; PPO on the confidence's tokens.  Xu et al., arXiv 2405.20974 (2024), code."""
    return Preset({"brier_signed": 1.0}, "digits", floor=-1.0, scale_rewards="batch", credit="segment")


@_preset
def ppo_c() -> Preset:
    """y + 0.5 (y - b) (c - 0.5), b a running mean of y, here 0.5.  Leng et al., arXiv 2410.09724 (2024)."""
    left_out = "the reward model's score, in whose place correctness stands; a missing confidence counted as 5 of 10"
    terms = {"correct": 1.0, "centred_stake": {"weight": 0.5, "baseline": 0.5}}
    return Preset(terms, "digits", scale_rewards="batch", left_out=left_out)


@_preset
def lovec() -> Preset:
    """sign(s) |s|^1.5, s = 1 - 2 ln x / ln 1e-6, per claim.  LoVeC, arXiv 2505.23912 (2025)."""
    left_out = "sentence splitting, the penalty for high confidence, the bonuses for facts and for leaving the base"
    return Preset({"stretched_log": 1.0}, "digits", scale_rewards="group", left_out=left_out)


@_preset
def vl_calibration() -> Preset:
    """y - 2 (c-y)^2 + 0.4 format, -1 for a bad format.  VL-Calibration, arXiv 2604.09529 (2026), code."""
    left_out = "the visual confidence and its target; c is one number, not a harmonic mean of two"
    terms = {"correct": 1.0, "brier": 2.0, "well_formed": 0.4}
    return Preset(terms, "digits", floor=-1.0, scale_rewards="group", left_out=left_out)


@_preset
def dcpo() -> Preset:
    """Answer: y; confidence: -0.5 (c - t)^2, t = 0.5 y + 0.5 group mean.  DCPO, arXiv 2603.09117 (2026), code."""
    terms = {"correct": 1.0, "brier": {"weight": 0.5, "target": {"use": "mixed", "own": 0.5}}}
    return Preset(terms, "rlcr_short", floor=-1.0, scale_rewards="group", credit="segment")


@_preset
def dcpo_paper() -> Preset:
    """Answer: y; confidence: -|c - t|, t = 0.5 y + 0.5 group mean, here linear in t.  DCPO, arXiv 2603.09117 (2026)."""
    terms = {"correct": 1.0, "absolute": {"weight": 1.0, "target": {"use": "mixed", "own": 0.5}}}
    left_out = (
        "the bend of the absolute error inside (0, 1): the linear form agrees for targets of 0 and 1. Both are improper"
        " but the paper's own pays a 70% belief most for about 81% in groups of eight, not for 100% as judged below"
    )
    return Preset(terms, "rlcr_short", floor=-1.0, scale_rewards="group", credit="segment", left_out=left_out)


@_preset
def coca() -> Preset:
    """Confidence first: -(c - group mean)^2; then the answer: y.  CoCA, arXiv 2603.05881 (2026)."""
    terms = {"correct": 1.0, "brier": {"weight": 1.0, "target": "group_mean"}}
    return Preset(terms, "confidence_first", floor=-1.0, scale_rewards="group", credit="segment")


@_preset
def credo() -> Preset:
    """Answer: y + 0.1 format; confidence: 1 - (c - t)^2, t = 0.5 y + 0.5 group mean.  CREDO (2026)."""
    terms = {"correct": 1.0, "well_formed": 0.1, "brier_unit": {"weight": 1.0, "target": {"use": "mixed", "own": 0.5}}}
    left_out = "the differentiable readout and its regression; c is a stated number"
    return Preset(terms, "rlcr_short", floor=0.0, credit="segment", left_out=left_out)


@_preset
def dual_stake() -> Preset:
    """y + 0.1 format + 0.25 (2y-1) clip(c, 0.1, 0.9).  DualStake (2026)."""
    terms = {"correct": 1.0, "well_formed": 0.1, "clipped_stake": {"weight": 0.25}}
    left_out = "the stake on the evidence's confidence, and its warm-up"
    return Preset(terms, "rlcr_short", scale_rewards="group", num_generations=5, left_out=left_out)


@_preset
def behavioural() -> Preset:
    """2 c y - c^2: answer-or-abstain, averaged over all risk thresholds.  arXiv 2512.19920 (2025)."""
    return Preset({"uniform_threshold": 1.0}, "rlcr_short", scale_rewards="batch")


@_preset
def truthrl() -> Preset:
    """+1 right, 0 abstained, -1 wrong; abstaining is stating less than 0.5.  TruthRL, arXiv 2509.25760 (2025)."""
    left_out = "the words of an abstention: a low confidence stands for them"
    return Preset({"abstention": {"weight": 1.0, "at": 0.5}}, "rlcr_short", scale_rewards="group", left_out=left_out)


@_preset
def hesitation() -> Preset:
    """+1 right, 0 abstained, -L wrong, L here 3: abstaining pays below 0.75.  arXiv 2511.11500 (2025)."""
    left_out = "the words of an abstention: a low confidence stands for them; other penalties L, which the work sweeps"
    return Preset({"abstention": {"weight": 1.0, "at": 0.75}}, "rlcr_short", left_out=left_out)


@_preset
def conftuner() -> Preset:
    """-(y - c)^2 on the confidence's tokens, which its loss averages over.  ConfTuner, arXiv 2508.18847 (2025)."""
    left_out = "the expectation over confidence tokens, which sampling replies from the model takes"
    return Preset({"brier": 1.0}, "percent", credit="segment", left_out=left_out)


@_preset
def judging() -> Preset:
    """1 - (y-c)^2, nothing for correctness, 0 for a bad format.  Judging with confidence, arXiv 2510.00263 (2025)."""
    return Preset({"brier_unit": 1.0}, "rlcr_short", floor=0.0)


@_preset
def judging_log() -> Preset:
    """ln x, x = c or 1-c clipped to [0.001, 0.999].  Judging with confidence, arXiv 2510.00263 (2025)."""
    left_out = "what an unreadable reply gets, which is not published: here the worst that a readable one can"
    return Preset({"log": {"weight": 1.0, "eps": 0.001}}, "rlcr_short", left_out=left_out)


@_preset
def bas() -> Preset:
    """c when right, c + ln(1-c) when wrong: the Brier-log hybrid.  BAS, arXiv 2604.03216 (2026)."""
    left_out = "the infinite loss of a sure wrong answer: c is clipped at 0.999"
    return Preset({"brier_log": 1.0}, "rlcr_short", left_out=left_out)


@_preset
def open_forecaster() -> Preset:
    """-(1-c)^2 right, -(1 + c^2) wrong: RLCR minus 1.  OpenForecaster, arXiv 2512.25070 (2025)."""
    return Preset({"correct_brier": 1.0}, "rlcr_short", left_out="the constant -1, which no reply changes")


@_preset
def multi_rlcr() -> Preset:
    """0.5 format + 0.5 (any guess right) + 0.5 (1 - mean (y-c)^2).  Puri et al., arXiv 2603.24844 (2026), code."""
    terms = {"correct": 0.5, "brier_unit": 0.5, "well_formed": 0.5}
    return Preset(terms, "guesses", floor=0.0, num_generations=32)
