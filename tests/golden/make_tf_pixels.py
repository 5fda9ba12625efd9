"""TF's crop sampler and resize -> fixtures/augment/tf_pixels.json.

Run: python make_tf_pixels.py. The op draws from Philox under a known key; the draws are worked out beside it (and shown to
be the op's: the boxes agree), so that the same boxes can be made from the same draws. SPDX-License-Identifier: Apache-2.0"""
import json, os, pathlib
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/tf_pixels.json"
F = np.float32


class Philox:
    """Salmon et al.'s generator as TF seeds and reads it."""
    def __init__(self, seed, seed2):
        self.key, self.counter, self.left = [seed, 0], [0, 0, seed2, 0], []

    def u32(self):
        if not self.left:
            c, k = list(self.counter), list(self.key)
            for _ in range(10):
                a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
                c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
                k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
            self.counter[0] += 1
            self.left = c
        return self.left.pop(0)

    def real(self):
        return F(np.uint32((self.u32() & 0x7FFFFF) | (127 << 23)).view(F) - F(1))

    def below(self, n):
        if n & (n - 1) == 0:
            return self.u32() & (n - 1)
        rest = 0xFFFFFFFF % n + 1
        while True:
            value = self.u32()
            if value >= rest:
                return value % n


def lrint(x):
    return int(np.rint(F(x)))


def crop(rng, height, width, area, ratio, covered, attempts):
    """The op's rule, with each try's draws: ratio, height, and whether it held; then the place."""
    tries = []
    for _ in range(attempts):
        r = F(F(rng.real() * F(F(ratio[1]) - F(ratio[0]))) + F(ratio[0]))
        least, most = F(F(F(area[0]) * F(width)) * F(height)), F(F(F(area[1]) * F(width)) * F(height))
        low, high = lrint(np.sqrt(F(least / r))), lrint(np.sqrt(F(most / r)))
        if lrint(F(F(high) * r)) > width:
            high = int((width + 0.5 - float(F(0.0000001))) / float(r))
            high -= lrint(F(F(high) * r)) > width
        high = min(high, height)
        low = min(low, high)
        h = low + (rng.below(high - low + 1) if low < high else 0)
        one = {"ratio": float(r), "heights": [low, high], "drawn": h, "held": False}
        tries.append(one)
        w = lrint(F(F(h) * r))
        if F(w * h) < least:
            h += 1
            w = lrint(F(F(h) * r))
        if F(w * h) > most:
            h -= 1
            w = lrint(F(F(h) * r))
        if F(w * h) < least or F(w * h) > most or w > width or h > height or w <= 0 or h <= 0:
            continue
        y = rng.below(height - h) if h < height else 0
        x = rng.below(width - w) if w < width else 0
        if F(F(w * h) / F(width * height)) < F(covered):
            continue
        one["held"] = True
        return tries, [y, x, h, w]
    return tries, [0, 0, height, width]


def crops():
    cases = []
    for height, width, area, covered in ((375, 500, (.08, 1.), .08), (500, 375, (.05, 1.), .1), (20, 31, (.5, 1.), .08),
                                         (1000, 10, (.3, 1.), .08), (9, 7, (.9, 1.), .9), (224, 224, (.08, .4), .3)):
        for seed in range(1, 13):
            begin, size, _ = tf.raw_ops.SampleDistortedBoundingBoxV2(
                image_size=[height, width, 3], bounding_boxes=tf.zeros([0, 0, 4]), min_object_covered=covered, seed=seed,
                seed2=seed * 7, aspect_ratio_range=[3 / 4, 4 / 3], area_range=list(area), max_attempts=10,
                use_image_if_no_bounding_boxes=True)
            tries, box = crop(Philox(seed, seed * 7), height, width, area, (3 / 4, 4 / 3), covered, 10)
            got = [int(begin[0]), int(begin[1]), int(size[0]) if size[0] >= 0 else height,
                   int(size[1]) if size[1] >= 0 else width]
            assert got == box, (height, width, seed, got, box)
            cases.append({"height": height, "width": width, "area": area, "covered": covered, "tries": tries, "box": box})
    return cases


def picture(h, w, c):
    """By a formula that the test has, too."""
    i = np.arange(h * w * c, dtype=np.int64)
    return ((i * 7919 + (i * i) % 251 * 31) % 256).astype(np.uint8).reshape(h, w, c)


def resizes():
    cases = []
    for (h, w), (th, tw) in (((11, 7), (5, 4)), ((11, 7), (16, 13)), ((23, 31), (8, 8)), ((9, 40), (9, 12))):
        for method in ("bilinear", "bicubic", "nearest"):
            for antialias in (False, True):
                out = tf.image.resize(picture(h, w, 3), (th, tw), method=method, antialias=antialias)
                cases.append({"from": [h, w], "to": [th, tw], "filter": method, "antialias": antialias,
                              "numbers": [round(float(v), 4) for v in tf.cast(out, tf.float32).numpy().reshape(-1)]})
    return cases


def middles():
    """Model Garden's center_crop_image."""
    rows = []
    for h, w in ((375, 500), (500, 333), (224, 224), (7, 5), (97, 601)):
        size = tf.cast([h, w], tf.float32)
        side = 0.875 * tf.math.minimum(size[0], size[1])
        offset = tf.cast((size - side) / 2.0, tf.int32)
        rows.append([h, w, int(offset[0]), int(offset[1]), int(tf.cast(side, tf.int32))])
    return rows


text = json.dumps({"tensorflow": tf.__version__, "crops": crops(), "resizes": resizes(), "middles": middles()},
                  separators=(",", ":"))
OUT.write_text(text + "\n")
print(len(text), "bytes")
