"""AReaL: its import of a dotted name, and its wrapper, which sends function and arguments to other processes."""

import asyncio
import sys
import types
from importlib.util import find_spec

import pytest
from said import CANDIDATES, PAID


@pytest.fixture(scope="module")
def areal():
    """The two modules that matter: the package's own __init__ imports its whole training stack."""
    folder = find_spec("areal").submodule_search_locations[0]
    for name in ("areal", "areal.api", "areal.utils"):
        if name not in sys.modules:
            bare = types.ModuleType(name)
            bare.__path__ = [folder + name.removeprefix("areal").replace(".", "/")]
            sys.modules[name] = bare
    from areal.api.reward_api import AsyncRewardWrapper
    from areal.utils.dynamic_import import import_from_string

    return AsyncRewardWrapper, import_from_string


@pytest.mark.parametrize("end", ["", "<|im_end|>"])
def test_what_is_paid(areal, end):
    wrapper, find = areal
    reward = wrapper(find("emocal_rl.adapters.areal.brier"), max_workers=1)
    row = {"label": "joy", "candidates": CANDIDATES, "id": 7}

    async def run():
        return [await reward("How?", text + end, [1], [2], **row) for text in PAID]

    assert asyncio.run(run()) == pytest.approx(list(PAID.values()))
