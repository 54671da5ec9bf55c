"""The runs of a sweep: a run directory for each point, and one for each cold start that points share."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emocal_rl import files
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.run import Run
from emocal_rl.run_info import read_info
from emocal_rl.sweep.spec import Plan

_UNBORN = {".lock", "recipe.yaml", ".recipe.yaml.tmp", ".run.json.tmp", "metrics.jsonl", "logs"}


@dataclass(frozen=True)
class Task:
    """One run to train: its directory, its recipe, and the run whose finished stages it starts with, if any."""

    name: str
    path: Path
    recipe: recipes.Recipe
    parent: Task | None = None

    @property
    def status(self) -> str:
        """What run.json says: done, running, interrupted, failed; "new" before there is one."""
        return str(read_info(self.path)["status"]) if self.begun else "new"

    @property
    def begun(self) -> bool:
        """Whether its run directory is there."""
        return (self.path / "run.json").is_file()

    def begin(self, command: Sequence[str]) -> None:
        """Make the run directory if it is missing; one that a kill left half made is made again."""
        if not self.begun:
            with claim(self.path, lambda line: None):  # it takes no time to speak of
                self._make(command)

    def _make(self, command: Sequence[str]) -> None:
        if self.begun:  # by another part of the sweep, meanwhile
            return
        if self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= _UNBORN:
            shutil.rmtree(self.path)
        Run.create(self.recipe, self.path, command=command).close("interrupted")

    def require_same_recipe(self) -> None:
        """Raise `UserError` when the run directory holds another recipe."""
        if not self.begun:
            return
        there = recipes.load(str(self.path / "recipe.yaml"))
        if changed := differences(there.model_dump(mode="json"), self.recipe.model_dump(mode="json")):
            raise UserError(f"{self.path} was made with another recipe ({'; '.join(changed)}); remove it, or choose "
                            "another folder with --out")  # fmt: skip


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def claim(path: Path, say: Callable[[str], None] = _say) -> files.Lock:
    """The right to make and to train a run of a sweep: parts of it, processes of their own, may want the same one.

    It is waited for; `say` is told so. The lock stands beside the run directory, which may still have to be made anew.
    """
    with files.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    return files.Lock(lock, lambda pid: f"{path} is being trained by process {pid} of this sweep; waiting for it", say)


def differences(there: Any, here: Any, at: str = "") -> list[str]:
    """Where two trees differ, in words.

    >>> differences({"a": {"b": 1}, "c": [1]}, {"a": {"b": 2}, "c": [1]})
    ['a.b: 1 there, 2 here']
    """
    if isinstance(there, dict) and isinstance(here, dict):
        keys = dict.fromkeys([*there, *here])
        return [line for key in keys for line in differences(there.get(key), here.get(key), f"{at}.{key}".lstrip("."))]
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = enumerate(zip(there, here, strict=True))
        return [line for i, (a, b) in pairs for line in differences(a, b, f"{at}.{i}")]
    return [] if there == here else [f"{at}: {there!r} there, {here!r} here"]


def tasks_of(plan: Plan, out: Path) -> list[Task]:
    """A task for every point, each cold start just before the first point that needs it, seed by seed."""
    cold: dict[Path, Task] = {}
    found: list[Task] = []
    order = {seed: i for i, seed in enumerate(dict.fromkeys(point.seed for point in plan.points))}
    for point in sorted(plan.points, key=lambda each: order[each.seed]):
        start = cold_start(point.recipe)
        parent = None if start is None else _cold_task(start, out)
        if parent is not None and parent.path not in cold:
            cold[parent.path] = parent
            found.append(parent)
        found.append(Task(point.name, out / point.name, point.recipe, parent and cold[parent.path]))
    return found


def cold_start(recipe: recipes.Recipe) -> recipes.Recipe | None:
    """The stages before the last one as a recipe of their own, with the same data, model, seed and evaluation."""
    if len(recipe.stages) < 2:
        return None
    tree = recipe.model_dump(mode="json")
    *earlier, last = tree["warm_start"]
    shared = {key: tree[key] for key in recipes.SHARED_KEYS}
    return recipes.from_tree({**last, **shared, "warm_start": earlier})


def _cold_task(recipe: recipes.Recipe, out: Path) -> Task:
    """Equal recipes, and only they, have the same directory."""
    digest = hashlib.sha256(recipes.dump(recipe).encode()).hexdigest()[:8]
    name = f"{recipe.name}-{recipe.seed}-{digest}"
    return Task(f"cold/{name}", out / "cold" / name, recipe)


def share(source: Path, target: Path) -> None:
    """Give a run the finished stages of another one, as hard links; nothing happens the second time.

    Files of a finished stage are never written to again, so that two runs can share them.
    """
    info, done = read_info(target), read_info(source)["stages"]
    if any(stage["status"] != "pending" for stage in info["stages"]):
        return
    for stage in done:
        name = stage["name"]
        shutil.copytree(source / "models" / name, target / "models" / name, copy_function=_link, dirs_exist_ok=True)
        for records in (source / "records").glob(f"{name}-*"):
            (target / "records").mkdir(exist_ok=True)
            _link(records, target / "records" / records.name)
    files.write_jsonl(target / "metrics.jsonl", files.read_jsonl(source / "metrics.jsonl"))
    files.write_json(target / "run.json", info | {"stages": [*done, *info["stages"][len(done) :]]})


def _link(source: str | Path, target: str | Path) -> None:
    """A hard link where the file system has them, else a copy."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
