"""Every reward there is, judged: what `emocal-rl rewards` lists, explains and draws. No torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from inspect import getdoc
from typing import Any

from emocal_rl.errors import UserError
from emocal_rl.rewards import (
    DISTRIBUTION_RULES,
    FORMATS,
    GROUP_TARGETS,
    PRESETS,
    RULES,
    DistributionRule,
    Preset,
    Reward,
    Rule,
    Verdict,
    check_rule,
    judge,
    preset,
)
from emocal_rl.rewards.address import did_you_mean
from emocal_rl.rewards.incentive import describe, safe_weight
from emocal_rl.rewards.incentive.check import claims, is_own
from emocal_rl.rewards.rules import find as find_rule

KINDS = ("rule", "distribution rule", "group target", "preset")
JUDGED = {
    "rule": "judged as {correct: 1, NAME: 1}",
    "distribution rule": "judged alone, as {NAME: 1}",
    "group target": "judged as {correct: 1, brier: {target: NAME}}",
    "preset": "judged under the trainer settings they were published with",
}


@dataclass(frozen=True)
class Entry:
    """One thing of the catalogue. reward: what it is judged as. made: the rule, target or preset with its defaults.

    trainer: the settings it is judged under, as `judge` takes them.
    """

    name: str
    kind: str
    doc: str
    reward: Reward
    made: Any
    trainer: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict, computed when first asked for."""
        return judge(self.reward, **self.trainer)

    @property
    def summary(self) -> str:
        """The first line of its documentation."""
        return self.doc.split("\n")[0]

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest payoff: a rule's own, or that of the whole reward."""
        own = isinstance(self.made, (Rule, DistributionRule))
        return (self.made.low, self.made.high) if own else self.verdict.range

    @property
    def proper(self) -> str:
        """Whether it is proper: "strictly", "yes" or "no"; "-" where no confidence matters.

        Of a rule that declares more than is so: what is computed, then what is declared.
        """
        one = self.made if isinstance(self.made, (Rule, DistributionRule)) else self.verdict
        if isinstance(one, Rule) and not one.uses_confidence:
            return "-"
        declared = "strictly" if one.strict else "yes" if one.proper else "no"
        refuted = [claim for claim in ("proper", "strict") if claim in self._claims]
        return f"{'no' if 'proper' in refuted else 'yes'} (declared: {declared})" if refuted else declared

    @cached_property
    def _claims(self) -> dict[str, str]:
        return claims(self._own) if self._own else {}

    @cached_property
    def problems(self) -> list[str]:
        """What is wrong with a rule of your own, a sentence each; see `check_rule`."""
        return check_rule(self._own) if self._own else []

    @property
    def _own(self) -> Rule | DistributionRule | None:
        return self.made if isinstance(self.made, (Rule, DistributionRule)) and is_own(self.made) else None


def _rule(name: str, /, **options: Any) -> Entry:
    declared = find_rule(name, RULES, DISTRIBUTION_RULES)
    short, scalar = name.rpartition(":")[2], isinstance(declared(), Rule)
    beside = {"correct": 1.0} if scalar and short != "correct" else {}
    form, kind = ("emocaliber", "rule") if scalar else ("distribution", "distribution rule")
    reward = Reward({**beside, short: {"use": name, **options}}, format=form, grader="votes", name=short)
    return Entry(name, kind, getdoc(declared.build) or "", reward, reward.terms[-1].rule)


def _target(name: str, /, **options: Any) -> Entry:
    terms = {"correct": 1.0, "brier": {"weight": 1.0, "target": {"use": name, **options}}}
    reward = Reward(terms, format="emocaliber", grader="votes", name=name)
    return Entry(name, "group target", getdoc(GROUP_TARGETS[name]) or "", reward, reward.terms[-1].target)


def _preset(name: str, /, **options: Any) -> Entry:
    if options:
        raise UserError(f"preset '{name}' is as published and takes no {', '.join(options)}")
    made = preset(name)
    trainer = {"scale_rewards": made.scale_rewards, "num_generations": made.num_generations, "credit": made.credit}
    return Entry(name, "preset", getdoc(PRESETS[name]) or "", made.reward(), made, trainer)


def names() -> dict[str, Callable[..., Entry]]:
    """Every name, in the order of `KINDS`, with what builds its entry."""
    kinds = ((RULES, _rule), (DISTRIBUTION_RULES, _rule), (GROUP_TARGETS, _target), (PRESETS, _preset))
    return {name: build for registry, build in kinds for name in registry}


def entries() -> Iterator[Entry]:
    """The whole catalogue."""
    return (build(name) for name, build in names().items())


def entry(name: str, /, **options: Any) -> Entry:
    """The entry of this name, or of your own rule at ``module:name``; UserError with a suggestion for neither.

    options: parameters of the rule or group target, and for a rule its `weight`.

    >>> entry("rlcr").verdict.sound, entry("absolute").proper
    (True, 'no')
    >>> entry("log", weight=0.2).verdict.sound
    True
    """
    known = names()
    if name in known:
        return known[name](name, **options)
    if ":" in name:
        return _rule(name, **options)
    raise UserError(f"no reward '{name}'{did_you_mean(name, known)} (list them: emocal-rl rewards)")


def listing() -> list[str]:
    """What `emocal-rl rewards` prints: one table a kind, one line an entry."""
    rows = list(entries())
    width = max(len(row.name) for row in rows)
    lines = []
    for kind in KINDS:
        lines += [f"{kind + 's':{width}}  {'range':>16}  {'proper':8}  {'verdict':7}  what it is ({JUDGED[kind]})"]
        lines += [_line(row, width) for row in rows if row.kind == kind] + [""]
    return [*lines, "One of them: emocal-rl rewards NAME; as a picture: emocal-rl rewards NAME --plot"]


def _line(row: Entry, width: int) -> str:
    low, high = row.range
    verdict = "sound" if row.verdict.sound else "unsound"
    return f"{row.name:{width}}  {f'{low:.3g} to {high:.3g}':>16}  {row.proper:8}  {verdict:7}  {row.summary}"


def explain(row: Entry) -> list[str]:
    """What `emocal-rl rewards NAME` prints: formula and reference, then everything computed."""
    low, high = row.range
    lines = [f"{row.name} ({row.kind}): {row.doc}", "", f"pays from {low:.4g} to {high:.4g}; proper: {row.proper}"]
    lines += [*_of_a_rule(row), *_of_a_preset(row)]
    return [*lines, "", f"judged as {row.reward!r}", *(f"  {line}" for line in describe(row.verdict))]


def _of_a_rule(row: Entry) -> list[str]:
    if not isinstance(row.made, (Rule, DistributionRule)):
        return []
    lines = [f"parameters: {', '.join(f'{key}={value!r}' for key, value in row.made.params.items()) or 'none'}"]
    if isinstance(row.made, Rule) and row.made.proper and not row.problems:
        lines.append(f"largest safe weight beside correct with weight 1: {safe_weight(row.made):.4g}")
    return lines + [f"problem: {problem}" for problem in row.problems]


def _of_a_preset(row: Entry) -> list[str]:
    if not isinstance(row.made, Preset):
        return []
    made = row.made
    lines = [
        f"format {made.format}, {len(FORMATS[made.format].grid)} confidences; trainer: scale_rewards="
        f"{made.scale_rewards}, num_generations={made.num_generations}, credit={made.credit}"
    ]
    return lines + ([f"left out: {made.left_out}"] if made.left_out else [])
