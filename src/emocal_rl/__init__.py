"""emocal-rl: train (vision-)language models to say how sure they are, and to be right about it."""

__version__ = "0.1.0"
