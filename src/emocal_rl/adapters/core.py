"""What every adapter shares: a Reward called in such a way that no framework can turn a mistake into a good score."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from emocal_rl.adapters.settings import Settings, changed, from_environment, reward_of
from emocal_rl.adapters.targets import target_of
from emocal_rl.adapters.texts import whole_text, without_end_tokens
from emocal_rl.errors import UserError
from emocal_rl.rewards import DISTRIBUTION_RULES, PRESETS, RULES, DistributionRule, Reply, Reward, Scored
from emocal_rl.rewards.graders.core import Graded, grade
from emocal_rl.rewards.scoring import lowest_terms
from emocal_rl.suggest import did_you_mean

COMPONENTS = ("parse_ok", "graded", "correct", "confidence", "total")
ALONE = (
    "compares a reply with the others to its prompt, and no two of these replies have the same prompt: sample two or "
    "more a prompt, and score them in one call"
)
_log = logging.getLogger("emocal_rl")
_said: set[str] = set()
_MOST_SAID = 20


class Row(NamedTuple):
    """What a framework knows about the row of a completion: see `target_of`."""

    fields: Any = None
    truth: Any = None


class Outcome(NamedTuple):
    """One completion: what is paid, and plain finite numbers to log, the same keys for every completion."""

    value: float
    components: dict[str, float]
    scored: Scored


class Scorer:
    """A Reward that reads, grades and scores each completion once, and never raises, never gives NaN or infinity.

    scale: "unit" pays (total - worst) / (best - worst), in [0, 1], higher is better; "raw" pays the total.
    Components: parse_ok (0 for an unreadable reply and for a failure), graded (0 when the row holds nothing to grade
    with), correct, confidence (0 where none is stated), total (before scaling), and each term.
    What cannot be read, graded or computed gets the floor, and why is logged once. strict: what cannot be graded or
    computed raises instead.

    >>> scorer = Scorer(Reward({"correct": 1.0, "brier": 1.0}, format="digits", grader="label"))
    >>> good, bad = scorer(["Answer: yes\\nConfidence: 10", "no idea"], [Row(truth="yes"), Row(truth="yes")])
    >>> good.value, bad.value, bad.components["parse_ok"]
    (1.0, 0.0, 0.0)
    """

    def __init__(
        self, reward: Reward, scale: str = "unit", strict: bool = False, settings: Settings | None = None
    ) -> None:
        self.reward, self.settings = reward, settings or Settings(scale=scale, strict=strict)
        self._from_settings = settings is not None
        if taken := [term.name for term in reward.terms if term.name in COMPONENTS and term.name != "correct"]:
            raise UserError(f"reward: rename term '{taken[0]}': adapters log a number of that name")
        self._low = min(reward.floor, reward.worst)
        self._span = (best_total(reward) - self._low) or 1.0
        faulty = Reply("", fault="not_text")
        self._failed = reward.score([faulty], [Graded(0.0)], [0] if reward.needs_groups else None)[0]

    def __reduce__(self) -> tuple[Any, ...]:
        if self._from_settings:
            return scorer_of, (self.settings,)
        return Scorer, (self.reward, self.settings.scale, self.settings.strict)

    def __call__(
        self, completions: Sequence[Any], rows: Sequence[Row], groups: Sequence[Hashable] | None = None
    ) -> list[Outcome]:
        """One Outcome for each completion (text or chat messages). groups: as in `Reward`.

        Where a term has a group target and no two completions share a group, all get the floor.
        """
        if groups and self.reward.needs_groups and len(set(groups)) == len(groups):
            self._report(UserError(f"reward '{self.reward.__name__}' {ALONE}"))
            return [self._outcome(None) for _ in completions]
        taken = [self._take(completion, row) for completion, row in zip(completions, rows, strict=True)]
        good = [i for i, one in enumerate(taken) if one is not None]
        scored = self._score([one for one in taken if one], None if groups is None else [groups[i] for i in good])
        found = dict(zip(good, scored, strict=True))
        return [self._outcome(found.get(i)) for i in range(len(taken))]

    def one(self, completion: Any, row: Row) -> Outcome:
        """The outcome of one completion."""
        return self([completion], [row])[0]

    def configured(self, keywords: Mapping[str, Any]) -> Scorer:
        """The scorer with the settings among a framework's keyword arguments; see `changed`."""
        settings = changed(self.settings, keywords)
        if settings == self.settings:
            return self
        if self._from_settings:
            return scorer_of(settings)
        if replace(settings, scale=self.settings.scale, strict=self.settings.strict) != self.settings:
            raise UserError(
                "reward, format and grader belong to the Reward given; only scale and strict can be changed"
            )
        return Scorer(self.reward, settings.scale, settings.strict)

    def _take(self, completion: Any, row: Row) -> tuple[Reply, Graded] | None:
        try:
            target = target_of(row.fields, row.truth)
            text = whole_text(completion)
            reply = self.reward.read(text if text is None else without_end_tokens(text), target)
            return reply, grade(self.reward.grader, reply, target, self.reward.format.states)
        except Exception as error:
            self._report(error)
            return None

    def _score(
        self, taken: Sequence[tuple[Reply, Graded]], groups: Sequence[Hashable] | None
    ) -> Sequence[Scored | None]:
        try:
            return self.reward.score([one[0] for one in taken], [one[1] for one in taken], groups)
        except Exception as error:
            if len(taken) > 1 and groups is None:  # one reply must not cost the others theirs
                return [self._score([one], None)[0] for one in taken]
            self._report(error)
            return [None] * len(taken)

    def _report(self, error: Exception) -> None:
        """Say each mistake once: a framework calls thousands of times."""
        if self.settings.strict:
            raise error
        text = f"{type(error).__name__}: {error}"
        if text not in _said and len(_said) < _MOST_SAID:
            _said.add(text)
            _log.warning("a reply gets the floor, because its reward failed (EMOCAL_STRICT=1 raises): %s", text)

    def _outcome(self, scored: Scored | None) -> Outcome:
        usable = scored is not None and scored.total is not None and math.isfinite(scored.total)
        known = scored if scored is not None and usable else self._failed
        total = float(known.total if known.total is not None else self._low)
        parsed = scored is not None and scored.reply.fault is None
        stated = known.reply.confidence if known.reply.fault is None else None
        components = {
            **{name: _finite(value) for name, value in known.terms.items()},
            "parse_ok": float(parsed),
            "graded": float(usable),
            "correct": float(known.correct or 0.0),
            "confidence": _finite(stated),
            "total": total,
        }
        return Outcome(self._scaled(total), components, known)

    def _scaled(self, total: float) -> float:
        if self.settings.scale == "raw":
            return total
        return min(max((total - self._low) / self._span, 0.0), 1.0)


def _finite(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else 0.0


def best_total(reward: Reward) -> float:
    """The highest total a readable reply can get.

    >>> best_total(Reward({"correct": 1.0, "brier": 1.0}, format="digits", grader="label"))
    1.0
    """
    negated = [replace(term, weight=-term.weight) for term in reward.terms]
    _, best = lowest_terms(negated, reward.reach)
    ends = {
        term.name: max(term.weight * term.rule.low, term.weight * term.rule.high)
        for term in reward.terms
        if isinstance(term.rule, DistributionRule) and term.weight
    }
    paid = (term for term in reward.terms if term.weight)
    return float(sum((ends.get(term.name, term.weight * best[term.name]) for term in paid), 0.0))


@functools.lru_cache(maxsize=256)
def scorer_of(settings: Settings) -> Scorer:
    """The scorer of these settings, made once a process; how scorers pickle."""
    return Scorer(reward_of(settings), settings=settings)


class Adapter:
    """A Scorer in a framework's calling convention: module-level, named, picklable, safe in threads.

    reward: a Reward of your own, or a Scorer; by default what the EMOCAL_... variables say. name: shown in logs.
    """

    host: ClassVar[str] = ""
    sees_groups: ClassVar[bool] = False

    def __init__(self, reward: Reward | Scorer | None = None, name: str | None = None) -> None:
        if reward is None:
            reward = scorer_of(from_environment())
        self.scorer = Scorer(reward) if isinstance(reward, Reward) else reward
        self.__name__ = name or self.scorer.reward.__name__
        self._require_fit(self.scorer)

    def configured(self, keywords: Mapping[str, Any]) -> Scorer:
        """The scorer with a framework's keyword arguments; raises UserError where they cannot work."""
        scorer = self.scorer.configured(keywords)
        self._require_fit(scorer)
        return scorer

    def _require_fit(self, scorer: Scorer) -> None:
        if scorer.reward.needs_groups and not self.sees_groups:
            raise UserError(
                f"reward '{scorer.reward.__name__}' compares a reply with the others to its prompt, and {self.host} "
                "shows a reward function one reply at a time; choose a reward without group targets, or train with TRL"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.scorer, self.__name__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__name__}>"


A = TypeVar("A", bound=Adapter)


def instance(adapter: type[A], name: str, usual: str) -> A:
    """The ``__getattr__`` of an adapter module: the instance called after a preset or a rule.

    usual: the name the framework looks for by default; its instance pays what EMOCAL_REWARD says. The other settings
    come from the environment for every instance. Raises AttributeError for other names.
    """
    if name != usual and name not in PRESETS and name not in RULES and name not in DISTRIBUTION_RULES:
        hint = "" if name.startswith("_") else did_you_mean(name, [usual, *PRESETS, *RULES, *DISTRIBUTION_RULES])
        raise AttributeError(f"no reward '{name}'{hint}")
    settings = from_environment()
    made: A = _made(cast(Any, adapter), name, settings if name == usual else replace(settings, reward=name))
    return made


@functools.lru_cache(maxsize=1024)
def _made(adapter: Callable[..., Any], name: str, settings: Settings) -> Any:
    return adapter(scorer_of(settings), name)
