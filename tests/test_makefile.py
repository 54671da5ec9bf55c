"""`make` on machines that are not ready for it: one clear line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What make needs of a clone."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci"):
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    return tmp_path


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def make(clone: Path, *arguments: str, path: str = "") -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "PIP", "MFLAGS"))}
    environment["PATH"] = path + environment["PATH"]
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert not (clone / ".venv" / ".ready").exists()
    (line,) = errors
    return line


@pytest.mark.parametrize("target", ["train", "test", "check", "docs", "bench"])
def test_python_too_old(clone: Path, target: str) -> None:
    old = script(clone, "python3", 'echo "3.9.2 /usr/bin/python3"')
    assert make(clone, target, f"PYTHON={old}") == (
        "error: emocal-rl needs Python 3.11 or newer; this is 3.9.2 (/usr/bin/python3). "
        f"Try: make {target} PYTHON=python3.11"
    )


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15", "3.10.13"])
def test_how_old_is_too_old(clone: Path, version: str) -> None:
    old = script(clone, "python3", f'echo "{version} /usr/bin/python3"')
    assert f"needs Python 3.11 or newer; this is {version} " in make(clone, "train", f"PYTHON={old}")


def test_no_python(clone: Path) -> None:
    assert make(clone, "train", "PYTHON=python3.99") == (
        "error: there is no working 'python3.99'; emocal-rl needs Python 3.11 or newer. "
        "Try: make train PYTHON=python3.11"
    )


def test_no_venv_module(clone: Path) -> None:
    bare = script(clone, "python3", 'case "$2" in *ensurepip*) exit 1;; *) echo "3.12.1 /usr/bin/python3";; esac')
    assert make(clone, "test", f"PYTHON={bare}") == (
        "error: Python 3.12.1 (/usr/bin/python3) has no venv module. "
        "On Debian or Ubuntu: sudo apt install python3.12-venv"
    )


def test_no_disk_space(clone: Path) -> None:
    bin_folder = clone / "bin"
    bin_folder.mkdir()
    script(bin_folder, "df", 'printf "Filesystem 1024-blocks Used Available Capacity Mounted\\n/ 9 9 524288 1%% /\\n"')
    fine = script(clone, "python3", 'echo "3.11.2 /usr/bin/python3"')
    assert make(clone, "train", f"PYTHON={fine}", path=f"{bin_folder}:") == (
        f"error: the installation needs about 3 GB, and 512 MB are free in {clone}; make room there"
    )


def test_a_failed_installation_says_why(clone: Path) -> None:
    """A Python whose pip finds no network."""
    pip = 'echo "Collecting torch"; echo "ERROR: Could not find a version that satisfies the requirement torch"; exit 1'
    fake = script(
        clone,
        "python3",
        f'case "$*" in *sys.version_info*) echo "3.11.2 /usr/bin/python3";; *ensurepip*) ;;'
        f' *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;; *"-m pip"*) {pip};; esac',
    )
    assert make(clone, "train", f"PYTHON={fake}") == (
        "error: the installation failed: ERROR: Could not find a version that satisfies the requirement torch "
        "(all of it in .venv/install.log)"
    )
