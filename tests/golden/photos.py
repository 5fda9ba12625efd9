"""Three small real photographs (skimage's, public domain or CC0) -> fixtures/augment/photos/*.png, and their arrays.

SPDX-License-Identifier: Apache-2.0"""
import pathlib
import numpy as np
from PIL import Image

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/photos"
NAMES = ["square", "wide", "grey"]


def make():
    from skimage import data

    FOLDER.mkdir(exist_ok=True)
    sources = {"square": (data.astronaut(), (64, 64)), "wide": (data.coffee(), (83, 56)), "grey": (data.camera(), (51, 60))}
    for name, (pixels, size) in sources.items():
        Image.fromarray(pixels).resize(size, Image.LANCZOS).save(FOLDER / f"{name}.png", optimize=True)


def photos():
    return {name: Image.open(FOLDER / f"{name}.png") for name in NAMES}


def formula():
    """Eight by eight, each value by formula."""
    y, x, c = np.meshgrid(np.arange(8), np.arange(8), np.arange(3), indexing="ij")
    return Image.fromarray(((37 * y + 91 * x + 53 * c + 7 * x * y + 11 * y * y) % 256).astype(np.uint8))
