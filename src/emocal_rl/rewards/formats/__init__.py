"""Output formats. ``FORMATS`` maps every name to a `Format`, which owns the instruction, the reader and the writer.

>>> from emocal_rl.rewards import FORMATS
>>> parts = {name: "..." for name in ("element", "human", "context", "interaction", "analysis")}
>>> text = FORMATS["emocaliber"].write(parts, "positive", 0.734)
>>> text[text.index('<answer>'):]
'<answer>positive</answer><confidence>0.73</confidence>'
>>> FORMATS["emocaliber"].read(text, ["negative", "positive"]).confidence
0.73
"""

from emocal_rl.rewards.formats.core import FORMATS, Format, find_format, register
from emocal_rl.rewards.formats.emocaliber import emocaliber, emocaliber_answer
from emocal_rl.rewards.formats.reply import FAULTS, Reply
from emocal_rl.rewards.formats.tags import TagFormat

__all__ = [
    "FAULTS", "FORMATS", "Format", "Reply", "TagFormat", "emocaliber", "emocaliber_answer", "find_format", "register",
]  # fmt: skip
