"""Several processes: one run directory, `accelerate launch` started once, one line when a process dies.

The first process (rank 0) writes the run directory; the others read it.  What starts them may also be a cluster's own
launcher (`accelerate launch` or `torchrun` on every machine): a process that finds RANK set starts nothing itself.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import yaml

from emocal_rl.errors import UserError
from emocal_rl.suggest import did_you_mean

if TYPE_CHECKING:
    from emocal_rl.recipe_blocks import Launch

GONE = "another process is gone"  # what a process says that misses one
PATIENCE = 7200  # seconds that the other processes wait while the first one labels or evaluates
SHIPPED = Path(__file__).parent / "launch_files"
SCRIPTS = {"slurm": "slurm.sh", "skypilot": "skypilot.yaml"}
Result = TypeVar("Result")


def rank() -> int:
    """Which of the launched processes this is; 0 for the only one."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """How many processes were launched; 1 for none."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def wanted(launch: Launch) -> bool:
    """Whether this process has to start the others: the recipe asks for it, and nobody has done it."""
    return "RANK" not in os.environ and (launch.processes > 1 or launch.accelerate_config is not None)


def together(work: Callable[[], Result]) -> Result | None:
    """Do something in the first process while the others wait; they get None."""
    if processes() == 1:
        return work()
    import torch
    from accelerate import PartialState

    # whoever comes first makes the group of processes, with its own patience: that of torch is 10 or 30 minutes
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(seconds=PATIENCE))
    result = work() if state.is_main_process else None
    state.wait_for_everyone()
    return result


def config_path(name: str) -> Path:
    """The accelerate configuration of a name that is shipped (fsdp2, deepspeed_zero2, deepspeed_zero3), or a file.

    Raises:
        UserError: neither.

    >>> config_path("fsdp2").name
    'fsdp2.yaml'
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    if not Path(name).is_file():
        raise UserError(f"launch.accelerate_config: no file {name}{did_you_mean(name, shipped, what='shipped are')}")
    return Path(name)


def divides_weights(name: str) -> bool:
    """Whether each process holds only a part of the weights under a configuration: FSDP, or DeepSpeed's third stage.

    Raises:
        UserError: there is no such configuration, or it cannot be read.

    >>> divides_weights("fsdp2"), divides_weights("deepspeed_zero3"), divides_weights("deepspeed_zero2")
    (True, True, False)
    """
    try:
        config = yaml.safe_load(config_path(name).read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise UserError(f"launch.accelerate_config: {name} is not YAML: {str(problem).splitlines()[0]}") from None
    if not isinstance(config, dict):
        raise UserError(f"launch.accelerate_config: {name} is not a configuration of accelerate")
    return config.get("distributed_type") == "FSDP" or (config.get("deepspeed_config") or {}).get("zero_stage") == 3


def command(launch: Launch, run_dir: Path) -> list[str]:
    """`accelerate launch` of the run, as a list of words."""
    words = [sys.executable, "-m", "accelerate.commands.launch"]
    if launch.accelerate_config is not None:
        words += ["--config_file", str(config_path(launch.accelerate_config))]
    elif launch.processes > 1:
        words += ["--multi_gpu"]
    words += ["--num_processes", str(launch.processes), "--num_machines", "1", "--dynamo_backend", "no"]
    if launch.accelerate_config is None:
        words += ["--mixed_precision", "no"]  # the trainer's own options decide
    return [*words, "--main_process_port", "0", "-m", "emocal_rl", "train", "--resume", str(run_dir)]


def start(launch: Launch, run_dir: Path) -> int:
    """Run the processes to their end and return the exit code; what they say comes through, once.

    Raises:
        UserError: a process was killed.
        KeyboardInterrupt: they were interrupted.
    """
    child = subprocess.Popen(command(launch, run_dir), stderr=subprocess.PIPE, text=True, errors="replace")
    try:
        killed, refused = _forward(child)
        code = child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        child.communicate()  # read on: a full pipe would hold up what they do to end
        raise
    if killed is not None:
        which, number = killed
        raise UserError(
            f"process {which} of {launch.processes} was killed (signal {number}); the others were stopped. Is there "
            f"memory enough? Continue with: emocal-rl train --resume {run_dir}"
        )
    return 2 if refused else code


def need_run_dir(run_dir: str | None) -> None:
    """Processes that were started together must know where to meet.

    Raises:
        UserError: they do not; each would make up a name with the time in it.
    """
    if run_dir is None:
        raise UserError("train: several processes were started, and each would choose its own run directory; "
                        "add --run-dir DIR")  # fmt: skip


def wait_for(path: Path, seconds: float = 600.0) -> None:
    """Wait until another process has written a file.

    Raises:
        UserError: it does not come.
    """
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise UserError(
                f"train: process {rank()} waited {seconds:.0f} s for {path}; do all machines see that disk?"
            )
        time.sleep(0.2)


def script(name: str, launch: Launch, arguments: Sequence[str]) -> str:
    """A job for several machines: the shipped file `name` with this command in it."""
    words = _without_print(arguments)
    if "--run-dir" not in " ".join(words):
        words += ["--run-dir", f"runs/{name}-$JOB"]
    text = (SHIPPED / SCRIPTS[name]).read_text("utf-8")
    config = launch.accelerate_config
    values = {
        "COMMAND": " ".join(words),
        "PROCESSES": str(launch.processes),
        "CONFIG": f"--config_file {shlex.quote(str(config_path(config)))}"
        if config
        else "--multi_gpu --mixed_precision no",
    }
    for key, value in values.items():
        # Slurm's job hands its command to bash -c in single quotes
        text = text.replace(f"@{key}@", value.replace("'", "'\\''") if name == "slurm" else value)
    return text


def _without_print(arguments: Sequence[str]) -> list[str]:
    found, skip = [], False
    for word in arguments:
        if not skip and not word.startswith("--print"):
            found.append(shlex.quote(word))
        skip = word == "--print"
    return found


# what the launcher itself says when a process fails: its table names the process and the exit code
_LAUNCHER = re.compile(r"torch[./]distributed[./](elastic|run)")
# the trainer asks for what may turn out unneeded; nobody can do anything about it
_NOISE = re.compile(r"Warning: find_unused_parameters=True was specified")
_FAILED = re.compile(r"failed \(exitcode: -(\d+)\) local_rank: (\d+)")


def _forward(child: subprocess.Popen[str]) -> tuple[tuple[int, int] | None, bool]:
    """Pass on the processes' lines, what they all say once, and nothing of the launcher's.

    A survivor's line that another process is gone is kept back until it is known whether one was killed, which says
    more.  Returns (rank, signal) of a killed process or None, and whether a process has refused with an error line.
    """
    killed, said, launchers, survivors = None, set[str](), False, set[str]()
    for line in child.stderr or ():
        found = _FAILED.search(line)
        if found and int(found[1]) not in (signal.SIGTERM, signal.SIGINT):
            killed = killed or (int(found[2]), int(found[1]))
        launchers = launchers or bool(_LAUNCHER.search(line))
        if (
            launchers
            or _NOISE.search(line)
            or (line.startswith(("error: ", "warning: ", "interrupted")) and line in said)
        ):
            continue
        if GONE in line:
            survivors.add(line)
            continue
        said.add(line)
        sys.stderr.write(line)
        sys.stderr.flush()
    if killed is None:
        said |= survivors
        sys.stderr.write("".join(sorted(survivors)))
    return killed, any(line.startswith("error: ") for line in said)
