#!/usr/bin/env python3
"""Grad-CAM by PyTorch's autograd in float64: the truth of `siskin explain`.

Writes ../fixtures/golden/explain.json: weights and pictures by formula, 128 x 128; the rectified sum of channels weighted by their
mean gradient, as Selvaraju et al. (ICCV 2017) have it, not scaled. SPDX-License-Identifier: Apache-2.0
"""

import os

import torch
import torchvision

import formula

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = 128

# Model, the module whose output is the default layer, and others: behind a residual block, and within one.
MODELS = {
    "mobilenet_v2": ("features", ["features.13", "features.3.conv"]),
    "mobilenet_v3_small": ("features", ["features.9.block.2"]),
    "efficientnet_b0": ("features", ["features.6.1.block.2"]),
    "convnext_tiny": ("features", ["features.7.1.block"]),
    "resnet18": ("layer4", ["layer4.0.downsample"]),
}
CANDIDATES = (None, 5, 702)


def cam_of(model, module, image, wanted):
    kept = {}

    def hook(_m, _a, out):
        out.retain_grad()
        kept["map"] = out

    handle = dict(model.named_modules())[module].register_forward_hook(hook)
    logits = model(image)
    handle.remove()
    k = int(logits[0].argmax()) if wanted is None else wanted
    logits[0, k].backward()
    weights = kept["map"].grad.mean((2, 3), keepdim=True)
    return k, torch.relu((weights * kept["map"]).sum(1))[0].detach().numpy()


def main():
    rows = []
    for name, (default, others) in MODELS.items():
        model = formula.fill(getattr(torchvision.models, name)().double().eval())
        for number, wanted in enumerate(CANDIDATES if name == "mobilenet_v2" else CANDIDATES[:1]):
            image = torch.from_numpy(formula.images(number, 1, SIZE))
            for module in [default] + others:
                k, cam = cam_of(model, module, image, wanted)
                rows.append({"model": name, "image": number, "at": "" if module == default else module, "wanted": wanted,
                             "class": k, "largest": float(cam.max()), **formula.checksum(cam, 40)})
                print(name, module, k, cam.shape, cam.max(), (cam > 0).mean())
                assert cam.max() > 0
    formula.save(os.path.join(HERE, "..", "fixtures", "golden", "explain.json"),
                 {"about": "Grad-CAM in float64; weights and pictures of tests/golden/README.md",
                  "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
                  "size": SIZE, "cases": rows})


if __name__ == "__main__":
    main()
