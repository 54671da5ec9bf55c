"""Memory that is freed and asked for again is not mapped anew."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

FAULTS = """
import resource, sys, threading, torch
from emocal_rl.models.memory import keep_freed_memory

if sys.argv[1] == "kept":
    assert keep_freed_memory()

def work():
    for _ in range(100):
        torch.ones(2_000_000)  # 8 MB

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

before = faults()
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(faults() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_thread_that_frees_and_allocates_is_given_the_same_pages(python: Callable[..., Any]) -> None:
    """8 MB are 2,048 pages; left alone they are cleared more than once in a hundred times, kept once."""
    kept, alone = (int(python("-c", FAULTS, how).out) for how in ("kept", "alone"))
    assert kept < 5_000
    assert alone > 3 * kept
