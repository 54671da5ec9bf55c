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
from emocal_rl.rewards.formats.emocaliber import emocaliber, emocaliber_answer, emocaliber_code
from emocal_rl.rewards.formats.lines import LineFormat, digits
from emocal_rl.rewards.formats.objects import JsonFormat, json_object
from emocal_rl.rewards.formats.reply import FAULTS, Reply
from emocal_rl.rewards.formats.rows import confidence_first, percent, rlcr, rlcr_answer, rlcr_short, verbal
from emocal_rl.rewards.formats.several import DistributionFormat, GuessFormat, distribution, guesses
from emocal_rl.rewards.formats.tags import TagFormat

__all__ = [
    "FAULTS", "FORMATS", "DistributionFormat", "Format", "GuessFormat", "JsonFormat", "LineFormat", "Reply",
    "TagFormat", "confidence_first", "digits", "distribution", "emocaliber", "emocaliber_answer", "emocaliber_code",
    "find_format", "guesses", "json_object", "percent", "register", "rlcr", "rlcr_answer", "rlcr_short", "verbal",
]  # fmt: skip
