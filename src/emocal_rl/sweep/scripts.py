"""A sweep for machines that are not at hand: a script that submits Slurm arrays, a task for SkyPilot."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from emocal_rl import __version__, yaml_load
from emocal_rl.sweep.spec import Plan
from emocal_rl.sweep.tasks import Task

SLURM = """\
#!/bin/bash
# The sweep {name} as Slurm jobs: an array for the cold starts, one for the points that need them, and the report.
# Every node must see this folder.  Adjust what each run asks for, then: bash this_file
set -euo pipefail
cd {folder}
mkdir -p {out}/slurm

submit() {{ # JOB_NAME DEPENDENCY RUN...: an array with a job for each run; prints its id
    local name=$1 after=$2
    shift 2
    sbatch --parsable --job-name="$name" --array="0-$(($# - 1))" ${{after:+--dependency="$after"}} \\
        {resources} --output={out}/slurm/%x-%a.log <<JOB
#!/bin/bash
runs=($*)
exec {command} --part --only "\\${{runs[\\$SLURM_ARRAY_TASK_ID]}}"
JOB
}}

{rounds}
sbatch --parsable --job-name={name}-report --dependency="afterany:$last" --output={out}/slurm/%x.log <<JOB
#!/bin/bash
exec {command}
JOB
"""


def slurm(plan: Plan, tasks: Sequence[Task], out: Path, command: Sequence[str]) -> str:
    """A shell script that submits the tasks and then the report; command: `emocal-rl sweep` with its arguments."""
    cold = [task.name for task in tasks if task.parent is None and task.name.startswith("cold/")]
    points = [task.name for task in tasks if task.name not in cold]
    rounds = [("cold", cold), ("points", points)]
    return SLURM.format(
        name=shlex.quote(plan.name),
        folder=shlex.quote(str(Path.cwd())),
        out=shlex.quote(str(out)),
        resources="--gpus=1 --cpus-per-task=4 --time=24:00:00",
        command=shlex.join(command),
        rounds="\n".join(
            f'last=$(submit {shlex.quote(plan.name)}-{kind} "${{last:+afterany:$last}}" {shlex.join(names)})'
            for kind, names in rounds
            if names
        ),
    )


def skypilot(plan: Plan, command: Sequence[str]) -> str:
    """A SkyPilot task that trains all variants of one seed, to be launched once for each seed.

    One machine a seed, because its points share a cold start; run directories go to a bucket, from which a preempted
    job goes on.
    """
    seeds = " ".join(map(str, dict.fromkeys(point.seed for point in plan.points)))
    bucket = f"emocal-rl-{plan.name}".lower().replace("_", "-").replace(".", "-")
    run = f'{shlex.join(command)} --seeds "$SEED" --out /results --part --jobs "${{SKYPILOT_NUM_GPUS_PER_NODE:-1}}"'
    task = {
        "name": bucket,
        "resources": {"accelerators": "H100:1", "use_spot": True},
        "envs": {"SEED": "0"},
        "workdir": ".",
        "file_mounts": {"/results": {"name": bucket, "mode": "MOUNT"}},
        "setup": f"pip install emocal-rl=={__version__}",
        "run": run,
    }
    return (
        f"# The sweep {plan.name} for SkyPilot: one managed job for each seed.  With this text in task.yaml:\n"
        f"#   for seed in {seeds}; do sky jobs launch -y -n {bucket}-$seed --env SEED=$seed task.yaml; done\n"
        f"# The report, where the bucket is mounted as RESULTS:  {shlex.join(command)} --out RESULTS\n"
        f"{yaml_load.write(task)}"
    )
