"""torchvision's resize of tensors without antialias -> fixtures/augment/resize_plain.json.

Run: python make_resize_plain.py. Pictures by formula; results are hashes of the bytes in (H,W,C). PyTorch's own float32
kernels round differently from layout to layout, so seeds are taken for which float64 and both layouts of float32 agree and
no value lies between two bytes. SPDX-License-Identifier: Apache-2.0"""
import json, pathlib
import torch, torchvision
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F
from noise import noise, fnv

SIZES = [  # height, width -> height, width
    (11, 7, 5, 4), (11, 7, 16, 13), (1, 1, 5, 3), (5, 3, 1, 1), (2, 31, 2, 12), (17, 31, 29, 24), (97, 61, 8, 17),
    (31, 32, 19, 33), (300, 200, 11, 9), (17, 23, 34, 46), (120, 90, 23, 17), (375, 500, 25, 29),
]


def bytes_of(tensor, name, size):
    out = F.resize(tensor, size, InterpolationMode(name), antialias=False)
    return (out if out.dtype == torch.uint8 else out.clamp(0, 255).round().to(torch.uint8)).permute(1, 2, 0).contiguous()


def golden(h, w, c, oh, ow, name):
    for seed in range(3000):
        pixels = torch.from_numpy(noise(h, w, c, seed, seed % 3 == 0)).permute(2, 0, 1)
        exact = F.resize(pixels.double(), [oh, ow], InterpolationMode(name), antialias=False)
        gap = (exact - exact.floor() - 0.5).abs()
        results = [bytes_of(t, name, [oh, ow]) for t in (pixels, pixels.contiguous(), pixels.double())]
        if all(torch.equal(results[0], r) for r in results) and gap[gap > 0].min() > 5e-5:
            return {"source": [h, w, c], "to": [oh, ow], "filter": name, "seed": seed, "extreme": seed % 3 == 0,
                    "fnv": fnv(results[0].numpy())}
    print("no seed for", h, w, c, oh, ow, name)


cases = [golden(h, w, c, oh, ow, name) for name in ("bilinear", "bicubic", "nearest") for c in (1, 3)
         for h, w, oh, ow in SIZES]
cases = [c for c in cases if c]
out = pathlib.Path(__file__).parent.parent / "fixtures/augment/resize_plain.json"
out.write_text('{"torchvision": "%s", "cases": [\n%s\n]}\n' % (torchvision.__version__, ",\n".join(map(json.dumps, cases))))
print(len(cases), "cases, seeds up to", max(c["seed"] for c in cases))
