"""The wheel, installed into a new environment, works from another folder."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    # Without PYTHONPATH: only what is installed may be found.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel. The build backend is one of the development tools, so nothing is downloaded."""
    folder = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel in it.

    Installing torch and the rest again would take minutes and gigabytes, so the environment sees the packages of the
    one the tests run in through a .pth file. Python does not follow the .pth files in a folder that is added this way,
    so an editable installation of emocal-rl there stays invisible; and the file comes after the installation, because
    pip would take a package it sees there for one that is installed already.
    """
    folder = tmp_path_factory.mktemp("environment") / "v"
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent).check_returncode()
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index")
    done = run(*pip, wheel, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    packages = next(folder.glob("lib/python3*/site-packages"))
    (packages / "heavy.pth").write_text(sysconfig.get_path("purelib") + "\n" + sysconfig.get_path("platlib") + "\n")
    return folder


def test_the_wheel_carries_everything(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    tracked = run("git", "ls-files", "src/emocal_rl", cwd=ROOT)
    files = [ROOT / line for line in tracked.stdout.splitlines()] or list((source / "emocal_rl").rglob("*.*"))
    shipped = {str(path.relative_to(source)) for path in files if "__pycache__" not in path.parts and path.exists()}
    assert shipped - inside == set()
    assert any(name.startswith("emocal_rl/recipes/") for name in inside)
    assert any(name.startswith("emocal_rl/data/") and not name.endswith(".py") for name in inside)
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in inside)
    assert not any(name.startswith(("tests", "runs", "docs")) for name in inside)


def test_the_installed_one_is_the_one_that_runs(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "bin" / "python", "-c", "import emocal_rl; print(emocal_rl.__file__)", cwd=tmp_path)
    assert Path(done.stdout.strip()).is_relative_to(environment), done.stderr


def test_the_command_lists_the_recipes(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "bin" / "emocal-rl", "recipes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "grpo_brier" in done.stdout


def test_the_command_finds_a_packaged_recipe(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "bin" / "emocal-rl", "train", "--print-config", "--recipe", "grpo_brier", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("name: grpo_brier\n")
    assert list(tmp_path.iterdir()) == []


def test_the_installed_package_finds_its_data(environment: Path, tmp_path: Path) -> None:
    done = run(environment / "bin" / "emocal-rl", "check", "--recipe", "grpo_brier", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "reward: sound" in done.stdout
