"""tests/fixtures/augment/fast_collate.json: timm's FastCollateMixup on bytes, with the shares and boxes that it drew.

Byte p of channel c of picture i is (37 i + 11 c + 53 p) mod 256. Needs timm, torch. Usage: make_fast_collate.py
SPDX-License-Identifier: Apache-2.0
"""
import json
from pathlib import Path

import numpy as np
from timm.data import mixup as M

OUT = Path(__file__).resolve().parent.parent / "fixtures/augment/fast_collate.json"
N, C, H, W = 6, 3, 5, 4
real = M.cutmix_bbox_and_lam


def pictures():
    p = np.arange(H * W).reshape(1, 1, H, W)
    return ((37 * np.arange(N).reshape(N, 1, 1, 1) + 11 * np.arange(C).reshape(1, C, 1, 1) + 53 * p) % 256).astype(np.uint8)


def run(mode, cuts, seed):
    np.random.seed(seed)
    boxes = []

    def recorded(*a, **k):
        box, lam = real(*a, **k)
        boxes.append([int(v) for v in box])
        return box, lam

    M.cutmix_bbox_and_lam = recorded
    mix = M.FastCollateMixup(mixup_alpha=0 if cuts else 0.8, cutmix_alpha=1.0 if cuts else 0, mode=mode, prob=0.8 if mode != "batch" else 1, label_smoothing=0,
                             num_classes=2)
    lams, name = {}, "_params_per_batch" if mode == "batch" else "_params_per_elem"
    params = getattr(mix, name)

    def kept(*a):
        lam, use = params(*a)
        lams["lam"] = [float(v) for v in np.atleast_1d(lam)]
        return lam, use

    setattr(mix, name, kept)
    out, _ = mix([(x.copy(), 0) for x in pictures()])
    lam = lams["lam"]
    lam = lam * N if mode == "batch" else lam + lam[::-1] if mode == "pair" else lam
    boxes = iter(boxes)
    draws, done = [], {}
    for i in range(N):
        key = {"batch": 0, "pair": min(i, N - 1 - i), "elem": i}[mode]
        if cuts and lam[i] != 1 and key not in done:
            done[key] = next(boxes)
        draws.append({"share": lam[i], "box": done.get(key, [])})
    return {"mode": mode, "draws": draws, "out": out.numpy().transpose(0, 2, 3, 1).reshape(-1).tolist()}


runs = [run(mode, cuts, seed) for mode in ("batch", "pair", "elem") for cuts in (False, True) for seed in (1, 2)]
OUT.write_text(json.dumps({"count": N, "channels": C, "height": H, "width": W})[:-1] + ', "runs": [\n' + ",\n".join(json.dumps(r) for r in runs) + "\n]}\n")
print(len(runs), "runs")
