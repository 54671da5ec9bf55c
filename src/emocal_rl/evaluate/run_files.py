"""Reading a run directory for a report: its records, training log, recipe and facts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from emocal_rl import files, yaml_load
from emocal_rl.errors import UserError
from emocal_rl.evaluate.records import Records, read_records

SPLIT_LABELS = {
    "validation": "validation",
    "unseen_style": "unseen styles",
    "unseen_emoji": "unseen emojis",
    "other_domain": "other domain",
}
"""The embedded data's splits, in the order of a report, and their names in words."""


NOT_TRAINED = ("score", "evaluation")
"""What stands for an algorithm where saved completions were scored, or a model was evaluated."""


def split_label(split: str) -> str:
    """A split's name in words.

    >>> split_label("unseen_style"), split_label("my_split")
    ('unseen styles', 'my split')
    """
    return SPLIT_LABELS.get(split, split.replace("_", " "))


@dataclass(frozen=True)
class RunFiles:
    """Everything of a run directory a report needs."""

    path: Path
    facts: dict[str, Any]
    recipe_text: str
    log: list[dict[str, Any]]
    stages: list[str]
    splits: list[str]
    records: dict[tuple[str, str], Records]

    @property
    def after(self) -> str | None:
        """The final stage: the last in order that left records."""
        return next((s for s in reversed(self.stages) if any(k[0] == s for k in self.records)), None)

    @property
    def before(self) -> str | None:
        """The last stage of the same run before the final one whose replies state confidences."""
        if self.after is None:
            return None
        earlier = self.stages[: self.stages.index(self.after)]
        return next((s for s in reversed(earlier) if self._states(s) and self._same_run(s, self.after)), None)

    def _same_run(self, first: str, second: str) -> bool:
        """Not always so of two models that were evaluated into one directory."""
        listed = {each.get("name"): each for each in self.facts.get("stages", []) if isinstance(each, dict)}
        one, two = (listed.get(stage, {}) for stage in (first, second))
        if not {one.get("algorithm"), two.get("algorithm")} <= set(NOT_TRAINED):
            return True
        return one.get("run") is not None and one.get("run") == two.get("run")

    def _states(self, stage: str) -> bool:
        return any(r.states_confidence for (s, _), r in self.records.items() if s == stage)

    @property
    def trained(self) -> bool:
        """Whether anything was trained here; not so where a model was evaluated, or saved completions were scored."""
        stages = [each for each in self.facts.get("stages", []) if isinstance(each, dict)]
        return not stages or any(each.get("algorithm") not in NOT_TRAINED for each in stages)

    @cached_property
    def recipe(self) -> dict[str, Any]:
        """The recipe file as a mapping; empty when it is no YAML mapping."""
        try:
            value = yaml_load.parse(self.recipe_text, "recipe.yaml")[0]
        except UserError:
            return {}  # the recipe is only shown; a hand-edited one must not cost the report
        return value if isinstance(value, dict) else {}

    @property
    def fit_split(self) -> str | None:
        """The split that recalibration is fitted on, which is no test split; None when it is the only one.

        It is the recipe's first, else "validation".
        """
        first = next(iter(dig(self.recipe, "evaluation", "splits") or ["validation"]), None)
        found = next((s for s in (first, "validation") if s in self.splits), None)
        return found if len(self.splits) > 1 else None

    def get(self, stage: str | None, split: str | None) -> Records | None:
        """Records of a stage on a split, or None."""
        return self.records.get((stage, split)) if stage and split else None


def read_run(path: Path) -> RunFiles:
    """Read a run directory. Raises UserError when it is none or holds no records."""
    if not (path / "run.json").is_file():
        raise UserError(f"{path}: not a run directory (no run.json in it); give the directory a `train` command wrote")
    facts = _json(path / "run.json")
    stages = [str(s.get("name")) for s in facts.get("stages", []) if isinstance(s, dict) and s.get("name")]
    records: dict[tuple[str, str], Records] = {}
    for file in sorted((path / "records").glob("*.jsonl")):
        stage, split = _stage_and_split(file.stem, stages)
        stages += [] if stage in stages else [stage]
        found = read_records(file)
        if found.rows:
            records[stage, split] = found
    if not records:
        raise UserError(
            f"{path}: no evaluation records in {path / 'records'}; continue the run: emocal-rl train --resume {path}"
        )
    splits = sorted({split for _, split in records}, key=_split_key)
    log = files.read_jsonl(path / "metrics.jsonl", broken=_pass) if (path / "metrics.jsonl").is_file() else []
    recipe = path / "recipe.yaml"
    return RunFiles(
        path, facts, recipe.read_text(encoding="utf-8") if recipe.is_file() else "", log, stages, splits, records
    )


def _pass(problem: str) -> None:
    """The training log is only drawn: a line torn by a kill costs one point of a curve."""


def _split_key(split: str) -> tuple[int, str]:
    known = list(SPLIT_LABELS)
    return (known.index(split) if split in known else len(known), split)


def _stage_and_split(stem: str, stages: Sequence[str]) -> tuple[str, str]:
    """``{stage}-{split}``; a stage's name may itself hold a dash, so known stages are tried first."""
    for stage in sorted(stages, key=len, reverse=True):
        if stem.startswith(f"{stage}-"):
            return stage, stem[len(stage) + 1 :]
    stage, _, split = stem.rpartition("-")
    return (stage, split) if stage else (stem, "all")


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as problem:
        raise UserError(
            f"{path}: not valid JSON ({problem.msg}, line {problem.lineno}); restore or delete it"
        ) from None
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def dig(tree: Any, *keys: str) -> Any:
    """The value at a path of keys in nested mappings, or None."""
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
