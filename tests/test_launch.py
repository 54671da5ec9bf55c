"""Starting several processes: commands, shipped configurations, jobs for clusters; and two real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from emocal_rl import checkpoints, launch, preflight, recipe_blocks
from emocal_rl import recipe as recipes
from emocal_rl.errors import UserError

ROOT = Path(__file__).resolve().parent.parent


def test_one_process_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert not launch.wanted(recipe_blocks.Launch())
    assert launch.wanted(recipe_blocks.Launch(processes=2))
    monkeypatch.setenv("RANK", "0")
    assert not launch.wanted(recipe_blocks.Launch(processes=2))


def test_the_command_of_plain_data_parallelism(tmp_path: Path) -> None:
    words = launch.command(recipe_blocks.Launch(processes=4), tmp_path)
    assert words[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert words[-5:] == ["-m", "emocal_rl", "train", "--resume", str(tmp_path)]
    assert "--multi_gpu" in words
    assert words[words.index("--num_processes") + 1] == "4"


@pytest.mark.parametrize("name", ["fsdp2", "deepspeed_zero2", "deepspeed_zero3"])
def test_shipped_configurations_are_what_the_installed_accelerate_reads(name: str) -> None:
    """Accelerate refuses keys it does not know when it reads a configuration."""
    from accelerate.commands.config.config_args import ClusterConfig

    config = ClusterConfig.from_yaml_file(launch.config_path(name))
    assert config.distributed_type.value == {"fsdp2": "FSDP"}.get(name, "DEEPSPEED")
    if name == "fsdp2":
        assert config.fsdp_config["fsdp_version"] == 2
    else:
        assert config.deepspeed_config["zero_stage"] == int(name[-1])


def test_an_unknown_configuration() -> None:
    with pytest.raises(UserError, match=r"launch.accelerate_config: no file fsdp3; did you mean 'fsdp2'\?"):
        launch.config_path("fsdp3")


def test_without_gpus_a_divided_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "gpus", lambda: 0)
    recipe = recipes.load("grpo_brier", ["launch.processes=2", "launch.accelerate_config=fsdp2"])
    with pytest.raises(UserError, match="fsdp2 divides a model between GPUs, and there is none here"):
        preflight.require(recipe)


def test_jobs_for_clusters_name_everything(cli) -> None:  # type: ignore[no-untyped-def]
    done = cli("train", "--recipe", "grpo_brier", "launch.processes=8", "seed=3", "--print", "slurm")
    assert done.code == 0
    assert "@" not in done.out.replace("#SBATCH", "")
    assert "#SBATCH --gpus-per-node=8" in done.out
    assert subprocess.run(["bash", "-n"], input=done.out, text=True).returncode == 0
    sky = cli("train", "--recipe", "grpo_brier", "launch.processes=8", "--print", "skypilot").out
    assert yaml.safe_load(sky)["resources"]["accelerators"] == "H100:8"


def test_processes_that_were_started_together_need_a_run_directory() -> None:
    with pytest.raises(UserError, match="add --run-dir DIR"):
        launch.need_run_dir(None)


def test_a_file_that_never_comes_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="waited 0 s for"):
        launch.wait_for(tmp_path / "run.json", seconds=0.0)


@pytest.mark.parametrize("rank", [0, 1])
def test_others_wait_as_long_as_the_trainer_may(rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks accelerate first decides how long; it asks once."""
    import accelerate

    from emocal_rl.train.stage import arguments

    asked: list[dict[str, object]] = []

    class State:
        is_main_process = rank == 0

        def __init__(self, **options: object) -> None:
            asked.append(options)

        def wait_for_everyone(self) -> None:
            asked.append({})

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(accelerate, "PartialState", State)
    assert launch.together(lambda: "done") == ("done" if rank == 0 else None)
    assert (asked[0]["timeout"], len(asked)) == (timedelta(hours=2), 2)
    stage, run = recipes.load("sft_reasoning").stages[0], SimpleNamespace(checkpoint_dir=lambda name: "x")
    assert timedelta(seconds=arguments(stage, run, 0)["ddp_timeout"]) == asked[0]["timeout"]  # type: ignore[arg-type]


SMALL = ["trainer.max_steps=3", "trainer.save_steps=3", "trainer.logging_steps=1", "data.limit=24"]


def started(*arguments: str) -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE")}
    environment |= {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "emocal_rl", "train", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def trained(path: Path, *options: str) -> tuple[int, str]:
    """Exit code and standard error."""
    process = started("--recipe", "sft_reasoning", "--run-dir", str(path), *SMALL, *options)
    _, said = process.communicate(timeout=500)
    return process.returncode, said


def losses(path: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in (path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """The same rows an update, half of them in each process: the same losses."""
    one, two = tmp_path / "one", tmp_path / "two"
    trained(one, "trainer.per_device_train_batch_size=8")
    code, said = trained(two, "trainer.per_device_train_batch_size=4", "launch.processes=2")
    assert (code, len(losses(one))) == (0, 3)
    assert losses(two) == pytest.approx(losses(one), rel=1e-5), said
    assert said.count("sft_reasoning sft 3/3") == 1  # the first process alone reports
    assert "Warning" not in said
    assert json.loads((two / "run.json").read_text())["stages"][0]["status"] == "done"


def process_of_rank(number: int, run: Path) -> int:
    """The process id of one rank of a run."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"RANK={number}".encode() in environment and str(run).encode() in command:
            return int(entry.name)
    raise AssertionError(f"no process of rank {number}")


@pytest.mark.slow
def test_a_killed_process_stops_the_others_and_the_run_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = [*SMALL, "trainer.max_steps=40", "trainer.save_steps=2", "trainer.per_device_train_batch_size=2"]
    process = started("--recipe", "sft_reasoning", "--run-dir", str(run), *options, "launch.processes=2")
    while not (run / "checkpoints" / "sft_reasoning" / "checkpoint-2" / "trainer_state.json").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    os.kill(process_of_rank(1, run), signal.SIGKILL)
    _, said = process.communicate(timeout=500)
    assert process.returncode == 2
    assert [line for line in said.splitlines() if line.startswith("error: ")] == [
        "error: process 1 of 2 was killed (signal 9); the others were stopped. Is there memory enough? Continue with: "
        f"emocal-rl train --resume {run}"
    ]
    assert "Traceback" not in said
    assert checkpoints.newest_complete(run / "checkpoints" / "sft_reasoning") is not None
    again = started("--resume", str(run))
    _, said = again.communicate(timeout=500)
    assert (again.returncode, losses(run)[-1] < losses(run)[0]) == (0, True), said


def test_a_job_s_command_keeps_its_quotes() -> None:
    words = ["--recipe", "grpo_brier", "reward={correct: 1.0, brier: 0.5}", "--print", "slurm"]
    script = launch.script("slurm", recipe_blocks.Launch(processes=8), words)
    stand_ins = (
        'scontrol() { echo here; }; srun() { "$@"; }; accelerate() { printf "%s\\n" "$@"; }; export -f accelerate\n'
    )
    around = os.environ | {"SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "n", "SLURM_NNODES": "1", "SLURM_NODEID": "0"}
    done = subprocess.run(["bash", "-c", stand_ins + script], env=around, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-4:] == [
        "grpo_brier",
        "reward={correct: 1.0, brier: 0.5}",
        "--run-dir",
        "runs/slurm-7",
    ]


def test_a_polite_kill_reaches_the_processes(tmp_path: Path) -> None:
    """Who starts the others is told to end: they must not go on without it."""
    code = f"""
import pathlib, sys
from emocal_rl import launch, recipe_blocks, verbs
here = pathlib.Path({str(tmp_path)!r})
child = "import pathlib, time; pathlib.Path('begun').touch()\\ntry: time.sleep(60)\\n"
child += "except KeyboardInterrupt: pathlib.Path('ended').touch()"
launch.command = lambda block, path: [sys.executable, "-c", child]
class Run:
    path, release = here, lambda self: None
    class recipe:
        launch = recipe_blocks.Launch(processes=2)
try: verbs._run(Run())
except KeyboardInterrupt as end: print(end)
"""
    around = {key: value for key, value in os.environ.items() if key != "RANK"} | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=around, stdout=subprocess.PIPE, text=True
    )
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    process.terminate()
    said, _ = process.communicate(timeout=60)
    assert said == f"interrupted; continue with: emocal-rl train --resume {tmp_path}\n"
    assert (tmp_path / "ended").exists()
