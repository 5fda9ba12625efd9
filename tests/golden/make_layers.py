#!/usr/bin/env python3
"""What torchvision's modules return, by forward hooks in float64: the truth of `siskin run --at`.

Writes ../fixtures/golden/layers.json: weights and pictures by formula, 64 x 64, two pictures; checksums of some modules'
outputs, (N,C,H,W). SPDX-License-Identifier: Apache-2.0
"""

import os

import torch
import torchvision

import formula

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
SIZE, BATCH = 64, 2

# Whole stages and blocks, their parts, and what a residual block has before its addition.
MODULES = {
    "mobilenet_v2": ["features", "features.0", "features.0.0", "features.0.1", "features.1", "features.3",
                     "features.3.conv", "features.3.conv.0", "features.3.conv.1.0", "features.13", "features.13.conv.2",
                     "features.18.0", "classifier"],
    "mobilenet_v3_small": ["features.0", "features.1.block.1", "features.4", "features.4.block.2", "features.12",
                           "classifier.0", "classifier.1"],
    "efficientnet_b0": ["features.1.0", "features.2.1", "features.4.0.block.2", "features.4.0.block", "features.8"],
    "convnext_tiny": ["features.0", "features.1.0", "features.1.0.block.0", "features.2", "features.5.3",
                      "features.7.2.block", "features.7.2"],
    "resnet18": ["conv1", "maxpool", "layer1.0", "layer2.0.downsample", "layer2.0", "layer4", "fc"],
}


def outputs(name, modules):
    model = formula.fill(getattr(torchvision.models, name)().double().eval())
    found = {}
    for module_name, module in model.named_modules():
        if module_name in modules:
            # a copy: the activation behind may work in place
            module.register_forward_hook(lambda m, a, out, n=module_name: found.update({n: out.detach().clone()}))
    with torch.no_grad():
        model(torch.from_numpy(formula.images(0, BATCH, SIZE)))
    return [{"model": name, "layer": n, **formula.checksum(found[n].numpy())} for n in modules]


def main():
    rows = [row for name, modules in MODULES.items() for row in outputs(name, modules)]
    formula.save(os.path.join(HERE, "..", "fixtures", "golden", "layers.json"),
                 {"about": "outputs of torchvision's modules in float64; weights and pictures of tests/golden/README.md",
                  "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__},
                  "size": SIZE, "batch": BATCH, "layers": rows})


if __name__ == "__main__":
    main()
