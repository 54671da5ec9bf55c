"""The five-part format of EmoCaliber (Wu et al., arXiv 2512.15528, 2025), with and without a confidence.

As in the released prompt, the instruction does not name the five parts: they are learnt in stage one.
"""

from __future__ import annotations

from emocal_rl.rewards.formats.core import register
from emocal_rl.rewards.formats.numbers import lattice
from emocal_rl.rewards.formats.tags import TagFormat

PARTS = ("element", "human", "context", "interaction", "analysis")
emocaliber = register(TagFormat(
    name="emocaliber",
    states="confidence",
    grid=lattice(99, 0.01, 0.99),
    bounds=(0.0, 1.0),
    blocks=("think", "answer", "confidence"),
    think_parts=PARTS,
))  # fmt: skip

emocaliber_answer = register(TagFormat(
    name="emocaliber_answer",
    states="nothing",
    grid=(),
    bounds=(0.0, 1.0),
    blocks=("think", "answer"),
    think_parts=PARTS,
))  # fmt: skip
