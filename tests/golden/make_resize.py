"""Pillow's resize on pictures by formula -> fixtures/augment/resize.json.

Run: python make_resize.py. The golden bytes are kept as hashes, with the first and last bytes for the eye.
SPDX-License-Identifier: Apache-2.0"""
import json, pathlib
import PIL
from PIL import Image
from noise import noise, fnv

FILTERS = {"box": Image.BOX, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "nearest": Image.NEAREST}
MODES = {1: "L", 3: "RGB", 4: "CMYK"}  # CMYK: four plain channels, no premultiplied alpha
SIZES = [  # height, width -> height, width
    (11, 7, 5, 4), (11, 7, 16, 13), (1, 1, 5, 3), (5, 3, 1, 1), (17, 31, 17, 12), (17, 31, 40, 31), (33, 47, 33, 47),
    (97, 61, 8, 64), (2, 200, 50, 3), (64, 64, 63, 65), (300, 200, 7, 5), (37, 53, 74, 106), (120, 90, 41, 33),
]
BOXES = [(40, 60, (3, 5, 21, 33), 16, 16), (40, 60, (0, 59, 40, 1), 8, 9), (40, 60, (10, 10, 8, 8), 31, 29),
         (40, 60, (39, 0, 1, 60), 5, 5), (40, 60, (4, 4, 12, 12), 12, 12)]


def case(h, w, c, box, oh, ow, name, seed, extreme):
    picture = noise(h, w, c, seed, extreme)
    image = Image.fromarray(picture[:, :, 0] if c == 1 else picture, MODES[c])
    if box:
        image = image.crop((box[1], box[0], box[1] + box[3], box[0] + box[2]))
    out = image.resize((ow, oh), FILTERS[name]).tobytes()
    import numpy as np
    flat = np.frombuffer(out, np.uint8)
    return {"source": [h, w, c], "box": list(box) if box else [0, 0, h, w], "to": [oh, ow], "filter": name,
            "seed": seed, "extreme": extreme, "fnv": fnv(flat), "first": flat[:8].tolist(), "last": flat[-8:].tolist()}


cases, seed = [], 0
for c in (1, 3, 4):
    for name in FILTERS:
        for h, w, oh, ow in SIZES:
            for extreme in (False, True):
                cases.append(case(h, w, c, None, oh, ow, name, seed, extreme))
                seed += 1
        for h, w, box, oh, ow in BOXES:
            cases.append(case(h, w, c, box, oh, ow, name, seed, False))
            seed += 1
cases.append(case(375, 500, 3, None, 256, 341, "bilinear", seed, False))
cases.append(case(500, 375, 3, None, 341, 256, "bicubic", seed + 1, False))
cases.append(case(97, 1000, 3, None, 255, 2628, "bicubic", seed + 2, False))
out = pathlib.Path(__file__).parent.parent / "fixtures/augment/resize.json"
lines = ",\n".join(json.dumps(c) for c in cases)
out.write_text('{"pillow": "%s", "cases": [\n%s\n]}\n' % (PIL.__version__, lines))
print(len(cases), "cases")
