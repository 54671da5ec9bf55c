"""Data sets: rows with a picture, a question and what people said."""

from emocal_rl.data.load import DataSet, load
from emocal_rl.data.rows import Row, bounds, visits

__all__ = ["DataSet", "Row", "bounds", "load", "visits"]
