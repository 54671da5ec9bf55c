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
    for _ in range(20):
        torch.ones(12_000_000)  # 48 MB, more than glibc ever keeps by itself

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

for _ in range(2):  # the first time torch itself is read
    before = faults()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(faults() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_thread_that_frees_and_allocates_is_given_the_same_pages(python: Callable[..., Any]) -> None:
    """48 MB are 11,700 pages: left alone, the kernel clears them again and again."""
    kept, alone = (int(python("-c", FAULTS, how).out) for how in ("kept", "alone"))
    assert alone > 3 * kept
