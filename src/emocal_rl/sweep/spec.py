"""The sweep file: a recipe, named variants of it, seeds.

    recipe: grpo_brier
    seeds: [0, 1, 2]
    variants:
      brier: {}
      log: {reward: {correct: 1.0, log: {weight: 0.2, eps: 0.01}}}
      group: {trainer.scale_rewards: group, allow_unsound: true}

The keys of a variant are those of `key=value` on the command line, and change together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from emocal_rl import preflight, recipe_errors, recipe_source
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.recipe_source import Override, Source
from emocal_rl.suggest import did_you_mean

Name = Annotated[str, StringConstraints(pattern=recipes.NAME)]


class Sweep(BaseModel):
    """A sweep file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    recipe: str
    """Name or path of the recipe that every point starts from."""
    variants: dict[Name, dict[str, Any]] = Field(min_length=1)
    """name: the keys of the recipe that change together, written as on the command line: trainer.max_steps: 10."""
    seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[0], min_length=1)
    """Every variant is trained once for each of these seeds."""
    baseline: str | None = None
    """The variant the others are compared with; null for the first."""


@dataclass(frozen=True)
class Point:
    """One run of a sweep."""

    variant: str
    seed: int
    recipe: recipes.Recipe

    @property
    def name(self) -> str:
        """The name of its run directory: VARIANT-SEED."""
        return f"{self.variant}-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """A sweep with its points, variant by variant; `name` is that of the file, `baseline` that of a variant."""

    name: str
    baseline: str
    points: list[Point]

    @property
    def variants(self) -> list[str]:
        """Names of the variants, in order."""
        return list(dict.fromkeys(point.variant for point in self.points))


def load(name_or_path: str, overrides: Sequence[str] = (), seeds: Sequence[int] | None = None) -> Plan:
    """Read a sweep from a path or a packaged name (`reward_ablation`), with every point's recipe resolved and checked.

    overrides: `key=value` changes to the recipe that all variants start from. seeds: in place of the file's own.
    Raises `UserError` with one line per problem, all of them at once: of the file, of every variant's recipe, and
    everything for which `train` would refuse it.
    """
    if taken := [each for each in overrides if each.partition("=")[0].strip() == "seed"]:
        raise UserError(*[f"override {each}: the seeds are those of the sweep; use --seeds" for each in taken])
    path = find(name_or_path)
    source = recipe_source.read_file(path, "sweep", "recipe and variants")
    sweep = _validated(source)
    start = str(recipe_source.find(sweep.recipe, beside=path.parent))
    found: dict[str, Any] = {}
    problems: list[str] = []
    for variant, changes in sweep.variants.items():
        try:
            found[variant] = _recipe(start, variant, [*overrides, *_overrides(source, variant, changes)], source)
        except UserError as error:
            problems += error.lines
    if problems:
        raise UserError(*sorted(dict.fromkeys(problems), key=recipe_errors.by_line))
    points = [
        Point(variant, seed, recipe.model_copy(update={"seed": seed}))
        for variant, recipe in found.items()
        for seed in (sweep.seeds if seeds is None else seeds)
    ]
    return Plan(path.stem, sweep.baseline or next(iter(sweep.variants)), points)


def packaged() -> dict[str, Path]:
    """The sweeps that come with the package, by name."""
    return recipe_source.packaged(recipe_source.SWEEPS)


def find(name_or_path: str) -> Path:
    """The file of a sweep: a path that exists wins, then a packaged name."""
    if Path(name_or_path).expanduser().is_file():
        return Path(name_or_path).expanduser()
    stem = Path(name_or_path).name.removesuffix(".yaml")
    if stem in packaged():
        return packaged()[stem]
    raise UserError(f"no sweep '{name_or_path}'{did_you_mean(stem, packaged(), what='there are')}")


def _validated(source: Source) -> Sweep:
    problems = list(_sense(source))
    try:
        sweep = Sweep.model_validate(source.tree)
    except ValidationError as error:
        problems += recipe_errors.explain(error, source.tree, Sweep, source.where)
    if problems:
        raise UserError(*sorted(problems, key=recipe_errors.by_line))
    return sweep


def _sense(source: Source) -> Iterator[str]:
    """What the schema cannot say."""
    variants, seeds = source.tree.get("variants"), source.tree.get("seeds")
    names = list(variants) if isinstance(variants, Mapping) else []
    baseline = source.tree.get("baseline")
    if isinstance(baseline, str) and names and baseline not in names:
        yield f"{source.where(('baseline',))}: baseline: no variant '{baseline}'{did_you_mean(baseline, names)}"
    if isinstance(seeds, list) and len({str(seed) for seed in seeds}) < len(seeds):
        yield f"{source.where(('seeds',))}: seeds: {seeds} holds a seed twice"
    for name in names:
        changes = variants[name] if isinstance(variants, Mapping) else None
        for key in ("seed", "name"):
            if isinstance(changes, Mapping) and key in changes:
                why = "the seeds are those of the sweep" if key == "seed" else "the variant has a name already"
                yield f"{source.where(('variants', name, key))}: variants.{name}.{key}: {why}; remove the key"


def _overrides(source: Source, variant: str, changes: Mapping[str, Any]) -> Iterator[Override]:
    for key, value in changes.items():
        place = source.where(("variants", variant, key))
        if not all(part.strip() for part in key.split(".")):
            raise UserError(f"{place}: variants.{variant}: the key '{key}' has an empty part")
        yield Override([part.strip() for part in key.split(".")], value, place)


def _recipe(start: str, variant: str, overrides: Sequence[str | Override], source: Source) -> recipes.Recipe:
    """A variant's recipe, checked; what is wrong with it names the variant's line."""
    recipe = recipes.load(start, overrides)
    try:
        preflight.require(recipe)
    except UserError as error:
        place = source.where(("variants", variant))
        raise UserError(*[f"{place}: variants.{variant}: {line}" for line in error.lines]) from None
    return recipe
