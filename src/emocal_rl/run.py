"""The run directory: everything a run writes, and where it stands.

recipe.yaml       resolved; `train --recipe` on it repeats the run
run.json          command, times, status, versions, git, device, seed, stages
metrics.jsonl     one line per logged step
records/          {stage}-{split}.jsonl, one scored reply a line
checkpoints/      {stage}/checkpoint-N, the trainer's
models/           {stage}/, a finished stage
figures/ metrics.json report.html
logs/             attempt-N.log; a resume starts the next one
"""

import logging
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emocal_rl import checkpoints, files
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError
from emocal_rl.run_info import changed_versions, new_info, now, read_info, recipe_of, runs_on
from emocal_rl.run_log import AttemptLog

NEEDED_BYTES = 300e6  # checkpoints, models and records of a run of the embedded data, with room to spare


class Run:
    """A run directory, held by this process until `close`. Use it as a context: it notes how the run ended.

    path: the directory. recipe: the resolved recipe. info: the content of run.json. log: the attempt's log file.
    warnings: what the user should know before it starts (changed package versions), one line each.
    """

    def __init__(self, path: Path, recipe: recipes.Recipe, info: dict[str, Any], lock: files.Lock) -> None:
        self.path, self.recipe, self.info, self._lock = path, recipe, info, lock
        self.warnings: list[str] = []
        self._before, self._began = 0.0, time.monotonic()
        self._metrics = files.JsonLines(path / "metrics.jsonl")
        self._handler = AttemptLog(path / "logs")
        self.log = self._handler.path

    # Starting

    @classmethod
    def create(cls, recipe: recipes.Recipe, run_dir: str | Path | None = None, command: Sequence[str] = ()) -> Self:
        """Make a new run directory; by default runs/NAME-YYYYmmdd-HHMMSS. An existing one is a `UserError`."""
        path = Path(run_dir) if run_dir is not None else _default_path(recipe.name)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(_exists(path))
        if (free := files.free_bytes(path)) < NEEDED_BYTES:
            need = files.megabytes(NEEDED_BYTES)
            raise UserError(f"{path}: a run needs about {need}, and {files.megabytes(free)} are free there; "
                            "make room, or choose another disk with --run-dir")  # fmt: skip
        with files.writing(path):
            path.mkdir(parents=True, exist_ok=True)
        lock = files.Lock(path / ".lock", lambda pid: _busy(path, pid))
        files.write_text(path / "recipe.yaml", recipes.dump(recipe))
        run = cls(path, recipe, new_info(recipe, command), lock)
        run._save()
        return run

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Continue an unfinished run. A directory that is none, or is finished or in use, is a `UserError`."""
        path = Path(path)
        _unfinished(path)
        lock = files.Lock(path / ".lock", lambda pid: _busy(path, pid))
        try:
            info = _unfinished(path)  # anew: whoever held the lock may have gone on since
        except UserError:
            lock.release()
            raise
        run = cls(path, recipe_of(path, info), info, lock)
        here = runs_on()
        run.warnings += changed_versions(info["versions"], here["versions"])
        run.info |= {**here, "status": "running", "ended": None}
        run._save()
        return run

    # Where things go

    def model_dir(self, stage: str) -> Path:
        """Folder of a finished stage's model."""
        return self.path / "models" / stage

    def checkpoint_dir(self, stage: str) -> Path:
        """Folder of a stage's checkpoints: the trainer's output_dir."""
        return self.path / "checkpoints" / stage

    def records_path(self, stage: str, split: str) -> Path:
        """File of a stage's scored replies on a split; it exists when that evaluation is complete."""
        return self.path / "records" / f"{stage}-{split}.jsonl"

    def last_checkpoint(self, stage: str) -> Path | None:
        """The newest complete checkpoint of a stage; one torn by a kill is passed over."""
        return checkpoints.newest_complete(self.checkpoint_dir(stage))

    # What happens

    def stage_done(self, name: str) -> bool:
        """Whether a stage has finished in this or an earlier attempt."""
        return bool(self._stage(name)["status"] == "done")

    def start_stage(self, name: str) -> Path | None:
        """Note that a stage runs; the checkpoint to continue from, or None.

        Metrics that an earlier attempt logged after that checkpoint are dropped: those steps run again.
        """
        checkpoint = self.last_checkpoint(name)
        step = checkpoints.step_of(checkpoint)
        self._metrics.keep(lambda row: row.get("stage") != name or row.get("step", 0) <= step)
        kept = [row for row in self._metrics.read() if row.get("stage") == name]
        self._before = float(kept[-1]["seconds"]) if kept else 0.0
        self._began = time.monotonic()
        self._stage(name).update(status="running")
        self._save()
        return checkpoint

    def finish_stage(self, name: str, seconds: float) -> None:
        """Note that a stage has finished. `seconds` are of this attempt; those of the steps it continued are added."""
        self._stage(name).update(status="done", seconds=round(self._before + seconds, 1))
        self._save()

    def add_evaluated(self, name: str) -> None:
        """Note a model that was evaluated before the first stage, once."""
        if all(stage["name"] != name for stage in self.info["stages"]):
            evaluated = {"name": name, "algorithm": "evaluation", "status": "done", "seconds": None}
            self.update(stages=[evaluated, *self.info["stages"]])

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Append {"stage", "step", "max_steps", ...} to metrics.jsonl; "seconds" into the stage is added."""
        self._metrics.append({"seconds": round(self._before + time.monotonic() - self._began, 2), **row})

    def update(self, **entries: Any) -> None:
        """Set entries of run.json, for example the Bayes bounds of each split."""
        self.info |= entries
        self._save()

    # Ending

    def close(self, status: str) -> None:
        """Note how the run ended (done, interrupted, failed) and let go of the directory."""
        try:
            self.update(status=status, ended=now())
        finally:
            self.release()

    def release(self) -> None:
        """Let go of the directory without ending the run: another process goes on with it."""
        with ExitStack() as stack:  # each of these happens, whatever the others raise
            stack.callback(self._lock.release)
            stack.callback(self._handler.close)
            stack.callback(self._metrics.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        full = files.disk_full(error, self.path)
        if full is not None:
            full = UserError(f"{full}, then: {resume_command(self.path)}")
        status = "done" if error is None else "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        try:
            if error is not None and full is None:
                error.add_note(f"The run is kept in {self.path}; continue it with: {resume_command(self.path)}")
                logging.getLogger("emocal_rl").error("".join(traceback.format_exception(error)))
            self.close(status)
        except (OSError, UserError) as late:
            if error is None:
                raise files.disk_full(late, self.path) or late from None
            if full is None:
                print(f"warning: {late}", file=sys.stderr)
        if full is not None:
            raise full from error

    def _stage(self, name: str) -> dict[str, Any]:
        return next(stage for stage in self.info["stages"] if stage["name"] == name)

    def _save(self) -> None:
        files.write_json(self.path / "run.json", self.info)


class Follower(Run):
    """A run as the processes beside the first one see it: they read it, the first one writes."""

    def __init__(self, path: str | Path) -> None:
        self.path, self.warnings = Path(path), []
        self.info = read_info(self.path)
        self.recipe = recipe_of(self.path, self.info)
        self._before, self._began = 0.0, time.monotonic()

    def start_stage(self, name: str) -> Path | None:
        """The checkpoint to continue from, or None."""
        self._stage(name).update(status="running")
        return self.last_checkpoint(name)

    def log_metrics(self, row: dict[str, Any]) -> None:
        """Nothing: the first process logs."""

    def close(self, status: str) -> None:
        """Nothing: the first process notes how the run ended."""

    def release(self) -> None:
        """Nothing: the first process holds the directory."""

    def _save(self) -> None:
        pass


def resume_command(path: Path) -> str:
    """The command that continues a run."""
    return f"emocal-rl train --resume {path}"


def _default_path(name: str) -> Path:
    """runs/NAME-YYYYmmdd-HHMMSS; two runs started within a second get -2, -3, ..."""
    base = f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    names = (base if number == 1 else f"{base}-{number}" for number in range(1, 1000))
    return next(Path("runs") / each for each in names if not (Path("runs") / each).exists())


def _unfinished(path: Path) -> dict[str, Any]:
    info = read_info(path)
    if info["status"] == "done":
        raise UserError(f"{path} is finished already; its report is {path / 'report.html'}")
    return info


def _exists(path: Path) -> str:
    if not path.is_dir():
        return f"{path} is a file, not a run directory; choose another --run-dir"
    ways = f"choose another --run-dir, or remove it: rm -r {path}"
    if not (path / "run.json").exists():
        return f"{path} exists and is not empty, and is not a run directory; {ways}"
    return f"{path} exists already; continue it with: {resume_command(path)}, {ways}"


def _busy(path: Path, pid: str) -> str:
    return f"{path} is in use by process {pid}; wait for it to end, or stop it, before resuming"
