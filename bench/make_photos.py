#!/usr/bin/env python3
"""Makes JPEGs of ImageNet's size (500x375, quality 90, 4:2:0) from the photographs that scikit-image and scikit-learn bring.

    bench/make_photos.py DIR [--count 600]

Each is another part of a photograph, zoomed, tilted, brightened and tinted a little, with the grain of a camera, so that
several hundred differ in what the decoder sees. They lie in DIR/train/<photograph>/, a folder a class; the same numbers
give the same files. SPDX-License-Identifier: Apache-2.0
"""

import argparse
import os

import numpy as np
from PIL import Image
import skimage
import sklearn

WIDTH, HEIGHT, QUALITY = 500, 375, 90
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png", "motorcycle_right.png",
         "retina.jpg", "ihc.png", "china.jpg", "flower.jpg")


def photograph(name):
    for folder in (os.path.join(os.path.dirname(skimage.__file__), "data"),
                   os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images")):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return Image.open(path).convert("RGB")
    raise SystemExit(f"make_photos: there is no {name} in scikit-image or scikit-learn")


def variant(photo, rng):
    """A part of 70 to 100 % of the largest that fits, in 4:3, with its own light and grain."""
    largest = min(photo.width / WIDTH, photo.height / HEIGHT)
    scale = largest * rng.uniform(0.7, 1.0)
    width, height = int(WIDTH * scale), int(HEIGHT * scale)
    left, top = rng.integers(photo.width - width + 1), rng.integers(photo.height - height + 1)
    part = photo.rotate(rng.uniform(-2, 2), Image.BICUBIC).resize(
        (WIDTH, HEIGHT), Image.BICUBIC, (left, top, left + width, top + height))
    if rng.random() < 0.5:
        part = part.transpose(Image.FLIP_LEFT_RIGHT)
    pixels = np.asarray(part, np.float32) * rng.uniform(0.8, 1.15, 3) + rng.normal(0, rng.uniform(1, 4),
                                                                                   (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(pixels + 0.5, 0, 255).astype(np.uint8))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("folder")
    p.add_argument("--count", type=int, default=600)
    a = p.parse_args()
    photos = {name.split(".")[0]: photograph(name) for name in NAMES}
    sizes = []
    for i in range(a.count):
        name = list(photos)[i % len(photos)]
        folder = os.path.join(a.folder, "train", name)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{i:05d}.jpg")
        variant(photos[name], np.random.default_rng(i)).save(path, quality=QUALITY, subsampling="4:2:0")
        sizes.append(os.path.getsize(path))
    print(f"{a.count} pictures of {WIDTH}x{HEIGHT}, {np.mean(sizes) / 1024:.1f} KiB on average")


if __name__ == "__main__":
    main()
