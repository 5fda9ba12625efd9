"""How many rows of the picture an inner pixel of the last feature map depends on: by torch's gradient, not by a formula.

Activations, norms and squeeze-excite gates are taken out and weights made positive, so that the gradient of one output pixel
is positive exactly where it looks. Writes fixtures/golden/receptive.json. Run: python make_receptive.py.
SPDX-License-Identifier: Apache-2.0"""
import json, pathlib
import torch, torchvision
from torch import nn

ROWS, COLUMNS = 2048, 32
DROP = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.Hardsigmoid, nn.SiLU, nn.GELU, nn.BatchNorm2d, nn.Dropout,
        torchvision.ops.misc.SqueezeExcitation, torchvision.ops.StochasticDepth)


def strip(module):
    for name, child in module.named_children():
        norm = isinstance(child, nn.LayerNorm)
        if isinstance(child, DROP) or norm:
            setattr(module, name, nn.Identity())
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        else:
            strip(child)


def ends(features):
    strip(features)
    features.double().eval()
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1.0 / (module.weight[0].numel() * 0.5))
        if isinstance(module, nn.Linear):
            nn.init.constant_(module.weight, 1.0 / module.in_features)
    x = torch.ones(1, 3, ROWS, COLUMNS, dtype=torch.float64, requires_grad=True)
    y = features(x)
    rows = []
    for at in (y.shape[2] // 2, y.shape[2] // 2 + 1):
        (gradient,) = torch.autograd.grad(y[0, 0, at].sum(), x, retain_graph=True)
        seen = (gradient.abs().sum((0, 1, 3)) != 0).nonzero().flatten()
        rows.append((int(seen[0]), int(seen[-1])))
    assert rows[0][0] > 0 and rows[1][1] < ROWS - 1
    return rows[0][1] - rows[0][0] + 1, rows[1][0] - rows[0][0]


def resnet(name):
    net = getattr(torchvision.models, name)()
    return nn.Sequential(*list(net.children())[:-2])


cases = {name: (lambda name=name: getattr(torchvision.models, name)().features)
         for name in ("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "efficientnet_b0", "efficientnet_b2", "convnext_tiny")}
cases |= {name: (lambda name=name: resnet(name)) for name in ("resnet18", "resnet50", "resnet101")}
lines = []
for name, features in cases.items():
    field, jump = ends(features())
    lines.append(json.dumps({"model": name, "field": field, "jump": jump}))
    print(lines[-1], flush=True)
path = pathlib.Path(__file__).parent.parent / "fixtures/golden/receptive.json"
path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
