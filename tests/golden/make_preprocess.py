"""torchvision's ImageClassification preset and resize geometry -> fixtures/augment/preprocess.json.

Run: python make_preprocess.py. Inputs are pictures by formula; results are hashes of the f32 numbers in (H,W,C).
SPDX-License-Identifier: Apache-2.0"""
import json, pathlib
import numpy as np
import torch, torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, functional as F
from torchvision.transforms._presets import ImageClassification
from noise import noise, fnv

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
CASES = [  # height, width, channels in, channels out, resize, crop, filter
    (375, 500, 3, 3, 256, 224, "bilinear"), (333, 499, 3, 3, 232, 224, "bilinear"), (57, 43, 3, 3, 41, 37, "bicubic"),
    (43, 57, 3, 3, 41, 36, "bicubic"), (97, 301, 3, 3, 50, 49, "bilinear"), (31, 29, 3, 3, 20, 32, "bilinear"),
    (31, 29, 3, 3, 33, 50, "bicubic"), (61, 35, 1, 3, 32, 28, "bilinear"), (61, 35, 3, 1, 32, 28, "bilinear"),
    (40, 40, 3, 3, 40, 40, "bilinear"), (64, 48, 3, 3, 48, 47, "bilinear"), (29, 30, 1, 1, 27, 24, "bicubic"),
]


def golden(h, w, c_in, c_out, resize, crop, name, seed):
    picture = noise(h, w, c_in, seed)
    image = Image.fromarray(picture[:, :, 0] if c_in == 1 else picture)
    image = image.convert("RGB" if c_out == 3 else "L")
    mean, std = IMAGENET if c_out == 3 else ([0.2860], [0.3530])
    preset = ImageClassification(crop_size=crop, resize_size=resize, mean=mean, std=std,
                                 interpolation=InterpolationMode(name))
    out = preset(image).permute(1, 2, 0).contiguous().numpy()
    flat = out.reshape(-1)
    return {"source": [h, w, c_in], "channels": c_out, "resize": resize, "crop": crop, "filter": name,
            "mean": mean, "std": std, "seed": seed, "fnv": fnv(out), "first": [float(v) for v in flat[:4]],
            "middle": [float(v) for v in flat[len(flat) // 2:][:4]]}


def geometry(h, w, resize, crop):
    resized = F.resize(Image.new("L", (w, h)), resize)
    rw, rh = resized.size
    marked = np.zeros((rh, rw), np.int32) + np.arange(rh)[:, None] * 65536 + np.arange(rw)
    centre = F.center_crop(torch.from_numpy(marked)[None] + 1, crop)[0].numpy() - 1
    return {"source": [h, w], "resize": resize, "crop": crop, "resized": [rh, rw],
            "corner": int(centre[0, 0]), "opposite": int(centre[-1, -1])}


cases = [golden(*c, seed) for seed, c in enumerate(CASES)]
shapes = [geometry(h, w, r, c) for h, w in ((375, 500), (500, 375), (500, 333), (97, 1000), (224, 224), (37, 41), (256, 257))
          for r, c in ((256, 224), (232, 224), (320, 300), (255, 240), (50, 49), (30, 41))]
table = [[float((torch.tensor(v, dtype=torch.uint8).float() / 255).sub(m).div(s)) for v in range(256)]
         for m, s in ((torch.tensor(m), torch.tensor(s)) for m, s in zip(*IMAGENET))]
out = pathlib.Path(__file__).parent.parent / "fixtures/augment/preprocess.json"
text = '{"torchvision": "%s",\n"cases": [\n%s\n],\n"geometry": [\n%s\n],\n"table": %s}\n' % (
    torchvision.__version__, ",\n".join(map(json.dumps, cases)), ",\n".join(map(json.dumps, shapes)), json.dumps(table))
out.write_text(text)
print(len(cases), "cases,", len(shapes), "shapes")
