"""The reward files, the verb that finds them, and the table that says what to write."""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from emocal_rl.plugins import packaged

ROOT = Path(__file__).resolve().parents[2]
TABLE = (ROOT / "rewards" / "README.md").read_text(encoding="utf-8")
NEED = {"skyrl": "skyrl_gym", "tinker": "tinker_cookbook", "trinity": "trinity", "swift": "swift", "oumi": "oumi"}
ADDRESSES = sorted(set(re.findall(r"emocal_rl\.adapters\.(\w+)[.:](\w+)", TABLE)))


def test_the_folder_at_the_top_is_the_one_that_is_shipped():
    assert (ROOT / "rewards").resolve() == next(iter(packaged().values())).parent


def test_the_table_names_every_adapter():
    folder = ROOT / "src" / "emocal_rl" / "adapters"
    shared = {"__init__", "core", "settings", "targets", "columns", "texts", "unread"}
    adapters = {path.stem for path in folder.glob("*.py")} - shared
    named = {module for module, _ in ADDRESSES} | set(re.findall(r"emocal_rl\.adapters\.(\w+)`?\s", TABLE))
    files = set(re.findall(r"plugin-path (\w+)", TABLE))
    assert adapters == named | files


@pytest.mark.parametrize(("module", "name"), ADDRESSES)
def test_every_address_in_the_table_is_there(module, name):
    if module in NEED and not find_spec(NEED[module]):
        pytest.skip("frameworks are installed by: make test-adapters")
    found = getattr(importlib.import_module(f"emocal_rl.adapters.{module}"), name)
    assert callable(found)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"plugin-path (\w+)", TABLE))))
def test_every_file_in_the_table_is_there(name, cli):
    done = cli("plugin-path", name)
    path = Path(done.out.strip())
    assert (done.code, done.err) == (0, "")
    assert path.is_file()
    assert "\nfrom ." not in path.read_text(encoding="utf-8")


def test_every_file_is_in_the_table():
    assert set(packaged()) == set(re.findall(r"plugin-path (\w+)", TABLE))


def test_without_a_name_all_of_them(cli):
    done = cli("plugin-path")
    assert [line.split()[0] for line in done.out.splitlines()] == list(packaged())


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("opnrlhf", "error: no reward file for 'opnrlhf'; did you mean 'openrlhf'?\n"),
        ("zzz", "error: no reward file for 'zzz'; there are easyr1, openrlhf, oumi, swift, verl\n"),
    ],
)
def test_a_misspelt_name(cli, name, line):
    done = cli("plugin-path", name)
    assert (done.code, done.err) == (2, line)


def test_importing_an_adapter_does_not_import_its_framework(python):
    names = ["areal", "easyr1", "openrlhf", "rllm", "slime", "trl", "verifiers", "verl"]
    hosts = {"torch", "transformers", "pydantic", *names}
    code = (
        f"import sys\nfor name in {names}: __import__('emocal_rl.adapters.' + name)\nprint({hosts} & set(sys.modules))"
    )
    done = python("-c", code)
    assert (done.out, done.err) == ("set()\n", "")
