#!/usr/bin/env python3
"""Logits of torchvision's mobilenet_v2 in float64, weights and pictures by formula.

Writes ../fixtures/golden/mobilenet_v2.json. Sandler et al., "MobileNetV2", CVPR 2018.
SPDX-License-Identifier: Apache-2.0
"""

import math
import os

import numpy as np
import torch
import torchvision

import formula

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "golden")

WIDTHS = (1.0, 0.5, 1.4)
CASES = [(w, s, b) for w in WIDTHS for s in (224, 160) for b in (1, 3)] + [(w, 64, 1) for w in WIDTHS] + [(1.0, 97, 2)]
TRACED = {(1.0, 224, 1), (1.0, 64, 1)}


def summary(t):
    flat = t.detach().double().reshape(-1)
    return {"shape": list(t.shape), "mean": float(flat.mean()), "rms": float((flat * flat).mean().sqrt()),
            "first4": [float(v) for v in flat[:4]]}


def trace(model, x):
    """What leaves each features.N."""
    rows, hooks = [], []
    for name, module in model.named_modules():
        if name.startswith("features.") and name.count(".") == 1:
            hooks.append(module.register_forward_hook(lambda m, a, o, name=name: rows.append({"name": name, **summary(o)})))
    model(x)
    for h in hooks:
        h.remove()
    return rows


def one(model, width, size, batch):
    x = torch.from_numpy(formula.images(0, batch, size))
    y = model(x)
    index = [i * y.shape[1] // 64 for i in range(64)]
    y32 = model.float()(x.float()).double()
    model.double()
    formula.fill(model)
    case = {"width_mult": width, "size": size, "batch": batch, "max_abs": float(y.abs().max()),
            "torch_f32_relative": float((y32 - y).abs().max() / y.abs().max()), "index": index,
            "images": [{"argmax": int(r.argmax()), "max_abs": float(r.abs().max()), "l2": math.sqrt(float((r * r).sum())),
                        "first8": [float(v) for v in r[:8]], "value": [float(r[i]) for i in index]} for r in y]}
    if (width, size, batch) in TRACED:
        case["trace"] = trace(model, x)
    print(width, size, batch, case["images"][0]["first8"][:2], "f32", case["torch_f32_relative"])
    return case


def main():
    out = {"about": "torchvision mobilenet_v2 in float64, eval mode; see tests/golden/README.md for the fill rule. "
                    "Tensors of traces are (N,C,H,W).",
           "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__}, "cases": []}
    with torch.no_grad():
        for width in WIDTHS:
            model = formula.fill(torchvision.models.mobilenet_v2(width_mult=width).double().eval())
            for case in CASES:
                if case[0] == width:
                    out["cases"].append(one(model, *case))
    formula.save(os.path.join(FIXTURES, "mobilenet_v2.json"), out)


if __name__ == "__main__":
    main()
