"""Small changes to a picture that leave what it shows unchanged, for training only."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageEnhance


def jitter(image: Image.Image, random: np.random.Generator, strength: float = 1.0) -> Image.Image:
    """Shift, turn, scale and recolour a picture a little; strength 0 returns it unchanged, 1 is the default amount.

    At strength 1: up to 2 of 32 pixels of shift, 12 degrees, 15 % of size, half of the colour, and a gamma between 0.8
    and 1.25.

    Examples:
        >>> image = Image.new("RGB", (32, 32), "white")
        >>> jitter(image, np.random.default_rng(0)).getpixel((0, 0))
        (255, 255, 255)
    """
    if strength == 0:
        return image
    width, height = image.size
    angle, scale = strength * random.uniform(-0.2, 0.2), math.exp(strength * random.uniform(-0.15, 0.15))
    shift = strength * random.uniform(-1, 1, 2) * (width / 16, height / 16)
    cosine, sine = math.cos(angle) * scale, math.sin(angle) * scale
    centre = np.array([width / 2, height / 2])
    offset = centre + shift - np.array([[cosine, -sine], [sine, cosine]]) @ centre
    matrix = (cosine, -sine, offset[0], sine, cosine, offset[1])
    turned = image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor="white")
    gamma = math.exp(strength * random.uniform(-0.22, 0.22))
    paled = ImageEnhance.Color(turned).enhance(1 - min(1.0, strength * random.uniform(0, 0.5)))
    return paled.point([round(255 * (level / 255) ** gamma) for level in range(256)] * 3)
