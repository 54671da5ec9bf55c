"""Which reward an adapter pays: a few words, from environment variables or from a framework's own keyword arguments."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards import (
    DISTRIBUTION_RULES,
    GRADERS,
    PRESETS,
    RULES,
    DistributionRule,
    Format,
    Reply,
    Reward,
    Rule,
    preset,
)
from emocal_rl.rewards.address import locate
from emocal_rl.rewards.formats import find_format
from emocal_rl.rewards.graders.core import Grade
from emocal_rl.rewards.rules import find
from emocal_rl.rewards.targets import Target
from emocal_rl.suggest import closest, did_you_mean

PREFIX = "EMOCAL_"
SCALES = ("unit", "raw")
USUAL_FORMAT = "rlcr"
_SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}


@dataclass(frozen=True)
class Settings:
    """What to pay for. Every field is also an environment variable: EMOCAL_REWARD, EMOCAL_FORMAT, ...

    reward: a preset ("rlcr"), as published; a rule ("brier"), paid beside correctness with the largest weight up to 1
    at which a worse answer never pays; weighted terms ("correct=1,brier=0.5"), paid as they stand; or the address of
    your own Reward or rule ("module:name").
    format: in place of the preset's; rules come with "rlcr", distribution rules with "distribution".
    grader: a grader's name or "module:function"; by default the row's votes, or its label where it has none.
    scale: "unit" maps the reward onto [0, 1], 0 being the worst that can happen; "raw" leaves it.
    strict: raise instead of paying the floor when a row cannot be used; for finding mistakes.

    >>> Settings(scale="unti")
    Traceback (most recent call last):
    ...
    emocal_rl.errors.UserError: scale: 'unti' is not known; did you mean 'unit'?
    """

    reward: str = "rlcr"
    format: str | None = None
    grader: str = f"{__name__}:by_row"
    scale: str = "unit"
    strict: bool = False

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise UserError(f"scale: '{self.scale}' is not known{did_you_mean(self.scale, SCALES)}")
        word = str(self.strict).lower()
        if word not in _SWITCH:
            raise UserError(f"strict: write 1 or 0, not '{self.strict}'")
        object.__setattr__(self, "strict", _SWITCH[word])


NAMES = tuple(field.name for field in fields(Settings))


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in the EMOCAL_... variables. Raises UserError for a variable that does not exist.

    >>> from_environment({"EMOCAL_REWARD": "sayself", "EMOCAL_GRADER": "votes"}).reward
    'sayself'
    """
    given = {key: value for key, value in environ.items() if key.startswith(PREFIX)}
    known = [PREFIX + name.upper() for name in NAMES]
    if unknown := [key for key in given if key not in known]:
        raise UserError(*[f"environment variable {key} is not known{did_you_mean(key, known)}" for key in unknown])
    values: dict[str, Any] = {key.removeprefix(PREFIX).lower(): value for key, value in given.items() if value}
    return _explained(Settings(), values, PREFIX)


def changed(settings: Settings, keywords: Mapping[str, Any]) -> Settings:
    """The settings with those a framework passes as keyword arguments; other keywords are none of our business.

    Raises UserError for a keyword that is a misspelt setting.

    >>> changed(Settings(), {"reward": "sayself", "reward_router_address": "10.0.0.1"}).reward
    'sayself'
    >>> changed(Settings(), {"fromat": "rlcr"})
    Traceback (most recent call last):
    ...
    emocal_rl.errors.UserError: reward setting 'fromat' is not known; did you mean 'format'?
    """
    values = {key: value for key, value in keywords.items() if key in NAMES and value is not None}
    for key in keywords:
        if key not in NAMES and (near := closest(key, NAMES)):
            raise UserError(f"reward setting '{key}' is not known; did you mean '{near}'?")
    return _explained(settings, values, "") if values else settings


def _explained(settings: Settings, values: Mapping[str, Any], prefix: str) -> Settings:
    """Replace values; an error about an environment variable calls it by its name."""
    try:
        return replace(settings, **values)
    except UserError as error:
        if not prefix:
            raise
        name, _, rest = str(error).partition(":")
        raise UserError(f"{prefix}{name.upper()}:{rest}") from None


def by_row(reply: Reply, target: Target) -> Grade:
    """The default grader: "votes" where the row has any, else "label".

    >>> by_row(Reply("", answer="joy"), {"votes": {"joy": 3, "awe": 1}, "label": "awe"})
    0.75
    """
    return GRADERS["label" if target.get("votes") is None else "votes"](reply, target)


def reward_of(settings: Settings) -> Reward:
    """The Reward that the settings describe; raises UserError for names that do not exist.

    >>> reward_of(Settings("correct=1,brier=0.5", format="digits")).weights
    {'correct': 1.0, 'brier': 0.5}
    """
    use = settings.reward
    if use in PRESETS:
        return preset(use).reward(settings.grader, settings.format)
    if "=" in use:
        return _beside(_weights(use), settings, use)
    if ":" in use and isinstance(found := locate(use), Reward):
        return found
    return _of_rule(use, settings)


def _of_rule(use: str, settings: Settings) -> Reward:
    try:
        made = find(use, RULES, DISTRIBUTION_RULES)()
    except UserError:
        if ":" in use:
            raise
        hint = did_you_mean(use, [*PRESETS, *RULES, *DISTRIBUTION_RULES]) or "; list them: emocal-rl rewards"
        raise UserError(f"unknown reward '{use}'{hint}") from None
    if isinstance(made, DistributionRule):
        return _beside({made.name: {"use": use}}, settings, made.name, "distribution")
    weight = _safe(made, find_format(settings.format or USUAL_FORMAT)) if made.proper else 1.0
    return _beside({"correct": 1.0, made.name: {"use": use, "weight": weight}}, settings, made.name)


def _safe(rule: Rule, form: Format) -> float:
    """The largest safe weight up to 1, in two digits, rounded down."""
    if not rule.uses_confidence or not form.grid:
        return 1.0
    from emocal_rl.rewards.incentive import safe_weight  # late: only rules by name need the check

    weight = float(f"{min(safe_weight(rule, grid=form.grid), 1.0) + 1e-9:.12f}")
    digits = 2 - math.ceil(math.log10(weight)) if weight > 0 else 0
    if weight <= 0:
        raise UserError(f"rule '{rule.name}' has no weight beside correctness at which a worse answer never pays")
    return float(math.floor(weight * 10**digits) / 10**digits)


def _beside(terms: Mapping[str, Any], settings: Settings, name: str, form: str = "") -> Reward:
    return Reward(terms, settings.format or form or USUAL_FORMAT, settings.grader, name=name)


def _weights(text: str) -> dict[str, float]:
    weights = {}
    for item in text.replace(",", " ").split():
        name, _, number = item.partition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            raise UserError(f"reward '{text}': write name=weight, such as correct=1,brier=0.5; got '{item}'") from None
        if not math.isfinite(weights[name]):
            raise UserError(f"reward '{text}': the weight of '{name}' must be finite")
    return weights
