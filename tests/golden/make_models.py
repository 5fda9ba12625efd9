#!/usr/bin/env python3
"""Logits of every classification network, and gradients of one small member of each family, in float64.

Writes ../fixtures/golden/models.json, model_gradients.json and model_counts.json (parameters, multiply-adds that
torchvision publishes, a hash of all names and shapes): torchvision's networks, and timm's where torchvision has
none (TF padding, fixed heads, minimal forms, Lite), with weights and pictures by formula. The member `args` of a case are
siskin's model arguments. Training cases hold two runs: dropout and stochastic depth off, and on with siskin's own
masks, which are computed here again from Philox's definition.
SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import sys

import numpy as np
import timm
import timm.models.efficientnet
import torch
import torchvision
from torchvision.models import convnext, mobilenetv3, resnet
from torchvision.models import efficientnet as tv_efficientnet

import formula

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "golden")
CLASSES, BATCH, SMOOTHING, SEED = 10, 4, 0.1, 7

TV = torchvision.models

# ---- logits: name of the source, siskin's arguments, whether it is left to the long tests ----

V3_ROWS = [[3, 16, 16, 0, "RE", 1], [5, 72, 24, 1, "HS", 2], [3, 88, 24, 0, "relu", 1], [3, 120, 40, 1, "HS", 2, 2]]
V2_ROWS = [[1, 16, 1, 1], [6, 24, 2, 2], [4, 40, 2, 2]]


def v3_custom():
    acts = {"HS": "HS", "RE": "RE", "relu": "RE"}
    rows, channels = [], 16
    for k, expanded, out, squeeze, act, stride, *dilation in V3_ROWS:
        rows.append(mobilenetv3.InvertedResidualConfig(channels, k, expanded, out, bool(squeeze), acts[act], stride,
                                                       dilation[0] if dilation else 1, 1.0))
        channels = out
    return TV.MobileNetV3(rows, 1280)


def v3(kind, **kw):
    rows, last = mobilenetv3._mobilenet_v3_conf(f"mobilenet_v3_{kind}", **kw)
    return TV.MobileNetV3(rows, last)


def narrow_resnet50(classes=CLASSES, dilate=(False, False, False, False)):
    """A quarter of the channels, as width_mult 0.25."""
    model = TV.resnet50(num_classes=classes)
    model.dilation = 1
    model.inplanes = 16
    model.conv1 = torch.nn.Conv2d(3, 16, 7, 2, 3, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(16)
    for i, (planes, n) in enumerate(zip((16, 32, 64, 128), (3, 4, 6, 3))):
        setattr(model, f"layer{i + 1}", model._make_layer(resnet.Bottleneck, planes, n, 1 if i == 0 else 2,
                                                            dilate[i]))
    model.fc = torch.nn.Linear(512, classes)
    return model


def small_convnext(**kw):
    """A quarter of Tiny's channels, a third of its depths."""
    rows = [convnext.CNBlockConfig(24, 48, 1), convnext.CNBlockConfig(48, 96, 1), convnext.CNBlockConfig(96, 192, 3),
            convnext.CNBlockConfig(192, None, 1)]
    return convnext.ConvNeXt(rows, **kw)


def small_efficientnet(**kw):
    rows, last = tv_efficientnet._efficientnet_conf("efficientnet_b0", width_mult=0.35, depth_mult=0.5)
    return tv_efficientnet.EfficientNet(rows, last_channel=last, **kw)


def with_gelu_tanh():
    model = small_convnext(num_classes=1000)
    for m in model.modules():
        for name, child in m.named_children():
            if isinstance(child, torch.nn.GELU):
                setattr(m, name, torch.nn.GELU("tanh"))
    return model


class SameConv2d(torch.nn.Conv2d):
    """TF's SAME: the odd pixel after."""

    def forward(self, x):
        pads = [max((-(-n // 2) - 1) * 2 + 3 - n, 0) for n in (x.shape[3], x.shape[2])]
        x = torch.nn.functional.pad(x, [v for n in pads for v in (n // 2, n - n // 2)])
        return torch.nn.functional.conv2d(x, self.weight, None, 2, 0, 1, self.groups)


def wrapped_v2(**kw):
    """MobileNetV2 as jax_examples runs it: relu, depthwise convolutions of stride 2 in a circle, SAME in the stem."""
    model = TV.MobileNetV2(norm_layer=lambda c: torch.nn.BatchNorm2d(c, eps=1e-3), **kw)
    for m in model.modules():
        for name, child in list(m.named_children()):
            if isinstance(child, torch.nn.ReLU6):
                setattr(m, name, torch.nn.ReLU())
            elif isinstance(child, torch.nn.Conv2d) and child.stride == (2, 2) and child.groups > 1:
                c = child.in_channels
                setattr(m, name, torch.nn.Conv2d(c, c, 3, 2, 1, groups=c, bias=False, padding_mode="circular"))
            elif isinstance(child, torch.nn.Conv2d) and child.stride == (2, 2):
                setattr(m, name, SameConv2d(3, child.out_channels, 3, 2, bias=False))
    return model


class SamePool(torch.nn.MaxPool2d):
    def forward(self, x):
        pads = [max((-(-n // 2) - 1) * 2 + 3 - n, 0) for n in (x.shape[3], x.shape[2])]
        x = torch.nn.functional.pad(x, [v for n in pads for v in (n // 2, n - n // 2)], value=-float("inf"))
        return torch.nn.functional.max_pool2d(x, 3, 2)


def same_resnet(model):
    """TF's SAME in the 3x3 convolutions and the max pool, not in the stem: jax_examples."""
    model.maxpool = SamePool(3, 2)
    for m in model.modules():
        for name, child in list(m.named_children()):
            if isinstance(child, torch.nn.Conv2d) and child.stride == (2, 2) and child.kernel_size == (3, 3):
                setattr(m, name, SameConv2d(child.in_channels, child.out_channels, 3, 2, bias=False))
    return model


SAME_RESNET = {"name": "resnet50", "same_padding": True, "width_mult": 0.25}
WRAPPED = {"name": "mobilenet_v2", "wrap_padding": True, "same_padding": True, "activation": "relu", "norm_eps": 1e-3}


def timm_of(name):
    return lambda: timm.create_model(name, pretrained=False)


SHORT, LONG = False, True
NETWORKS = [
    ("torchvision", lambda: v3("large"), {"name": "mobilenet_v3_large"}, SHORT),
    ("torchvision reduced_tail", lambda: v3("large", reduced_tail=True),
     {"name": "mobilenet_v3_large", "reduced_tail": True}, LONG),
    ("torchvision dilated", lambda: v3("large", dilated=True), {"name": "mobilenet_v3_large", "dilated": True}, LONG),
    ("torchvision", lambda: v3("large", width_mult=0.75), {"name": "mobilenet_v3_large", "width_mult": 0.75}, LONG),
    ("torchvision", lambda: v3("large", width_mult=0.5), {"name": "mobilenet_v3_large", "width_mult": 0.5}, LONG),
    ("torchvision", lambda: v3("small"), {"name": "mobilenet_v3_small"}, SHORT),
    ("torchvision", lambda: v3("small", reduced_tail=True, dilated=True, width_mult=0.75),
     {"name": "mobilenet_v3_small", "width_mult": 0.75, "reduced_tail": True, "dilated": True}, SHORT),
    ("torchvision", lambda: v3("small", width_mult=0.5), {"name": "mobilenet_v3_small", "width_mult": 0.5}, LONG),
    ("torchvision rows", v3_custom, {"name": "mobilenet_v3_large", "blocks": V3_ROWS, "strides": [1, 2, 1, 2]}, SHORT),
    ("torchvision rows", lambda: TV.MobileNetV2(inverted_residual_setting=V2_ROWS),
     {"name": "mobilenet_v2", "blocks": V2_ROWS, "strides": [1, 2, 2]}, SHORT),
    ("timm mobilenetv3_large_075", timm_of("mobilenetv3_large_075"),
     {"name": "mobilenet_v3_large", "width_mult": 0.75, "fixed_head": True, "norm_eps": 1e-5}, LONG),
    ("timm tf_mobilenetv3_large_100", timm_of("tf_mobilenetv3_large_100"),
     {"name": "mobilenet_v3_large", "same_padding": True}, LONG),
    ("timm tf_mobilenetv3_small_100", timm_of("tf_mobilenetv3_small_100"),
     {"name": "mobilenet_v3_small", "same_padding": True}, SHORT),
    ("timm tf_mobilenetv3_small_minimal_100", timm_of("tf_mobilenetv3_small_minimal_100"),
     {"name": "mobilenet_v3_small", "same_padding": True, "minimal": True}, LONG),
    ("timm mobilenetv2_110d", timm_of("mobilenetv2_110d"),
     {"name": "mobilenet_v2", "width_mult": 1.1, "depth_mult": 1.2, "fixed_head": True}, LONG),
    ("torchvision, wrapped around", wrapped_v2, WRAPPED, SHORT),
    *[("torchvision", getattr(TV, f"efficientnet_b{i}"), {"name": f"efficientnet_b{i}"}, i > 0) for i in range(8)],
    ("timm tf_efficientnet_b0", timm_of("tf_efficientnet_b0"),
     {"name": "efficientnet_b0", "same_padding": True, "norm_eps": 1e-3}, LONG),
    ("timm efficientnet_lite0", timm_of("efficientnet_lite0"),
     {"name": "efficientnet_lite0", "same_padding": False, "norm_eps": 1e-5}, LONG),
    *[(f"timm tf_efficientnet_lite{i}", timm_of(f"tf_efficientnet_lite{i}"), {"name": f"efficientnet_lite{i}"}, i > 0)
      for i in range(5)],
    *[("torchvision", getattr(TV, f"convnext_{k}"), {"name": f"convnext_{k}"}, LONG)
      for k in ("tiny", "small", "base", "large")],
    ("torchvision, a quarter as wide", lambda: small_convnext(num_classes=1000),
     {"name": "convnext_tiny", "width_mult": 0.25, "depth_mult": 1 / 3}, SHORT),
    ("torchvision, GELU by tanh", with_gelu_tanh,
     {"name": "convnext_tiny", "width_mult": 0.25, "depth_mult": 1 / 3, "activation": "gelu_tanh"}, SHORT),
    *[("torchvision", getattr(TV, f"resnet{n}"), {"name": f"resnet{n}"}, n > 18) for n in (18, 34, 50, 101, 152)],
    ("torchvision dilated", lambda: TV.resnet50(replace_stride_with_dilation=[False, True, True]),
     {"name": "resnet50", "dilated": True}, LONG),
    ("torchvision dilated, a quarter as wide", lambda: narrow_resnet50(1000, (False, False, True, True)),
     {"name": "resnet50", "dilated": True, "width_mult": 0.25}, SHORT),
    ("torchvision, SAME, a quarter as wide", lambda: same_resnet(narrow_resnet50(1000)), SAME_RESNET, SHORT),
]


def logits_case(source, make, args, long):
    model = formula.fill(make().double().eval())
    rows = []
    for size, batch in ((64, 2), (97 if long else 65, 1)):
        y = model(torch.from_numpy(formula.images(0, batch, size)))
        index = [i * y.shape[1] // 16 for i in range(16)]
        rows.append({"source": source, "args": args, "long": long, "size": size, "batch": batch, "index": index,
                     "images": [{"argmax": int(r.argmax()), "max_abs": float(r.abs().max()),
                                 "value": [float(r[i]) for i in index]} for r in y]})
        print(source, args, size, rows[-1]["images"][0]["value"][:2], flush=True)
    return rows


# ---- gradients ----


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def draws(number, row, count):
    """The first numbers of the dropout stream (4) of random node `number`, at step 0, for one row of the batch."""
    seed = (SEED + 0x9E3779B97F4A7C15 * (number + 1)) & (2**64 - 1)
    out, block = [], 0
    while len(out) < count:
        out += philox((block, row, 0, 4), (seed & 0xFFFFFFFF, seed >> 32))
        block += 1
    return np.array([(v >> 8) * 2.0**-24 for v in out[:count]])


def apply_masks(model):
    """Replace what is random by siskin's masks, numbered in the order of the forward pass, rates of 0 left out."""
    numbers = {}

    def forward(self, x):
        if self.p == 0 or not self.training:
            return x
        number = numbers.setdefault(id(self), len(numbers))
        rows = isinstance(self, torchvision.ops.StochasticDepth)
        count = 1 if rows else x[0].numel()
        keep = np.stack([draws(number, i, count) >= self.p for i in range(x.shape[0])])
        keep = torch.from_numpy(keep).to(x.dtype).reshape(x.shape[0], *([1] * (x.dim() - 1) if rows else x.shape[1:]))
        return x * keep / (1 - self.p)

    for m in model.modules():
        if isinstance(m, (torch.nn.Dropout, torchvision.ops.StochasticDepth)):
            m.forward = forward.__get__(m)
    return model


def lite(**kw):
    return timm.models.efficientnet._gen_efficientnet_lite("tf_efficientnet_lite0", channel_multiplier=0.35,
                                                           depth_multiplier=0.5, pad_type="same", bn_eps=1e-3, **kw)


def resnet18():
    return TV.resnet18(num_classes=CLASSES)


def drop_branches(model, blocks, rates):
    """Stochastic depth where torchvision has none: before the sum of each residual block."""

    def inverted(self, x):
        return x + self.drop((self.conv if hasattr(self, "conv") else self.block)(x))

    def basic(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(self.drop(y) + (self.downsample(x) if self.downsample is not None else x))

    for block, rate in zip(blocks, rates):
        block.drop = torchvision.ops.StochasticDepth(rate, "row")
        if isinstance(block, resnet.BasicBlock):
            block.forward = basic.__get__(block)
        elif block.use_res_connect:
            block.forward = inverted.__get__(block)
    return model


def by_stage(rate, repeats):
    return [rate * (i + 2) / (len(repeats) + 1) for i, n in enumerate(repeats) for _ in range(n)]


def dropping_v2(p, d):
    model = wrapped_v2(width_mult=0.35, num_classes=CLASSES, dropout=p)
    blocks = [m for m in model.features if hasattr(m, "use_res_connect")]
    return drop_branches(model, blocks, [d * i / len(blocks) for i in range(len(blocks))])


def dropping_v3(p, d):
    model = v3_small(p)
    return drop_branches(model, [m for m in model.features if hasattr(m, "use_res_connect")], by_stage(d, (1, 2, 3, 2, 3)))


def dropping_resnet18(p, d):
    model = resnet18()
    model.fc = torch.nn.Sequential(torch.nn.Dropout(p), model.fc)
    return drop_branches(model, [m for m in model.modules() if isinstance(m, resnet.BasicBlock)], by_stage(d, (2, 2, 2, 2)))


def dropping_convnext(p, d):
    model = small_convnext(num_classes=CLASSES)
    model.classifier.insert(2, torch.nn.Dropout(p))
    for m, rate in zip([m for m in model.modules() if isinstance(m, convnext.CNBlock)], by_stage(d, (1, 1, 3, 1))):
        m.stochastic_depth = torchvision.ops.StochasticDepth(rate, "row")
    return model


# What is made without and with dropout and stochastic depth; siskin's arguments for both.
TRAINED = [
    ("mobilenet_v3", 64, lambda p, d: v3_small(p), {"name": "mobilenet_v3_small", "width_mult": 0.5}, (0.2, 0)),
    ("efficientnet", 64, lambda p, d: small_efficientnet(dropout=p, stochastic_depth_prob=d, num_classes=CLASSES),
     {"name": "efficientnet_b0", "width_mult": 0.35, "depth_mult": 0.5}, (0.3, 0.6)),
    ("efficientnet_lite", 65, lambda p, d: lite(num_classes=CLASSES),
     {"name": "efficientnet_lite0", "width_mult": 0.35, "depth_mult": 0.5}, None),
    ("convnext", 64, lambda p, d: small_convnext(stochastic_depth_prob=d, num_classes=CLASSES),
     {"name": "convnext_tiny", "width_mult": 0.25, "depth_mult": 1 / 3}, (0, 0.6)),
    ("resnet", 64, lambda p, d: narrow_resnet50(), {"name": "resnet50", "width_mult": 0.25}, None),
    ("resnet", 33, lambda p, d: resnet18(), {"name": "resnet18"}, None),
    ("resnet", 56, lambda p, d: same_resnet(resnet18()), {"name": "resnet18", "same_padding": True}, None),
    ("mobilenet_v2", 64, dropping_v2, {**WRAPPED, "width_mult": 0.35}, (0.2, 0.5)),
    ("mobilenet_v3", 64, dropping_v3,
     {"name": "mobilenet_v3_small", "width_mult": 0.5, "stochastic_depth_by_stage": True}, (0.2, 0.5)),
    ("resnet", 33, dropping_resnet18, {"name": "resnet18", "stochastic_depth_by_stage": True}, (0.2, 0.5)),
    ("convnext", 64, dropping_convnext,
     {"name": "convnext_tiny", "width_mult": 0.25, "depth_mult": 1 / 3, "stochastic_depth_by_stage": True}, (0.2, 0.5)),
]


def v3_small(p):
    rows, last = mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small", width_mult=0.5)
    return TV.MobileNetV3(rows, last, num_classes=CLASSES, dropout=p)


def gradient_run(model, size, dtype):
    model = model.to(dtype)
    x = torch.from_numpy(formula.images(0, BATCH, size)).to(dtype)
    labels = torch.from_numpy((7 * np.arange(BATCH) + 3) % CLASSES)
    loss = torch.nn.functional.cross_entropy(model(x), labels, label_smoothing=SMOOTHING)
    loss.backward()
    return float(loss.detach()), {n: p.grad.double().numpy() for n, p in model.named_parameters()}


def gradient_case(family, size, make, args, rates):
    cases = []
    for dropout, depth in [(0, 0)] + ([rates] if rates else []):
        loss, g = gradient_run(apply_masks(formula.fill(make(dropout, depth).double().train())), size, torch.float64)
        loss32, g32 = gradient_run(apply_masks(formula.fill(make(dropout, depth).double().train())), size, torch.float32)
        scale = max(float(np.abs(v).max()) for v in g.values())
        norm = lambda a: float(np.sqrt((a.astype(np.float64) ** 2).sum()))
        total = np.sqrt(sum(norm(v) ** 2 for v in g.values()))
        far = max(norm(g32[n] - v) / max(norm(v), 1e-3 * total) for n, v in g.items())
        rows = [{"name": n, **formula.checksum(v, 4)} for n, v in g.items()]
        cases.append({"family": family, "size": size, "batch": BATCH, "seed": SEED, "loss": loss, "l2": float(total),
                      "torch_f32_loss": abs(loss32 - loss), "torch_f32_gradients": far,
                      "args": {**args, "num_classes": CLASSES, "dropout": dropout, "stochastic_depth": depth},
                      "gradients": rows})
        print(family, size, (dropout, depth), "loss", loss, "l2", total, "f32", far, "largest", scale, flush=True)
    return cases


# ---- counts ----


def fnv(lines):
    """FNV-1a, 64 bits, of lines that end in a newline."""
    h = 0xCBF29CE484222325
    for byte in "".join(line + "\n" for line in lines).encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def counts_case(source, make, args):
    with torch.device("meta"):
        model = make()
    state = model.state_dict()
    case = {"source": source, "args": args, "parameters": sum(p.numel() for p in model.parameters()),
            "statistics": sum(t.numel() for n, t in state.items() if "running_" in n), "tensors": len(state)}
    if source.startswith("torchvision"):
        case["names"] = fnv(f"{n} {'x'.join(map(str, t.shape))}" for n, t in state.items())
    if source == "torchvision" and len(args) == 1:
        metas = [w.meta for w in TV.get_model_weights(args["name"])]
        assert all(m["num_params"] == case["parameters"] for m in metas)
        sizes = {w.transforms.keywords["crop_size"]: w.meta["_ops"] for w in TV.get_model_weights(args["name"])}
        case["gmacs"] = [[size, ops] for size, ops in sizes.items()]
    return case


COUNTED = [
    *[("torchvision", lambda w=w: TV.mobilenet_v2(width_mult=w), {"name": "mobilenet_v2", "width_mult": w})
      for w in (0.25, 0.5, 0.75, 1.4)],
    ("torchvision", TV.mobilenet_v2, {"name": "mobilenet_v2"}),
    ("timm mobilenetv2_035", timm_of("mobilenetv2_035"), {"name": "mobilenet_v2", "width_mult": 0.35}),
    ("timm mobilenetv2_120d", timm_of("mobilenetv2_120d"),
     {"name": "mobilenet_v2", "width_mult": 1.2, "depth_mult": 1.4, "fixed_head": True}),
    ("timm mobilenetv3_small_075", timm_of("mobilenetv3_small_075"),
     {"name": "mobilenet_v3_small", "width_mult": 0.75, "fixed_head": True}),
    ("timm mobilenetv3_small_050", timm_of("mobilenetv3_small_050"),
     {"name": "mobilenet_v3_small", "width_mult": 0.5, "fixed_head": True}),
    ("timm tf_mobilenetv3_large_minimal_100", timm_of("tf_mobilenetv3_large_minimal_100"),
     {"name": "mobilenet_v3_large", "minimal": True}),
    ("torchvision", lambda: v3("small", reduced_tail=True), {"name": "mobilenet_v3_small", "reduced_tail": True}),
    ("torchvision", lambda: v3("small", dilated=True), {"name": "mobilenet_v3_small", "dilated": True}),
    ("torchvision", lambda: v3("small", width_mult=0.75), {"name": "mobilenet_v3_small", "width_mult": 0.75}),
    ("torchvision", lambda: v3("large", width_mult=1.25), {"name": "mobilenet_v3_large", "width_mult": 1.25}),
    *[(source, make, args) for source, make, args, _ in NETWORKS],
]


def main():
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__}
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    if only in ("", "counts"):
        formula.save(os.path.join(FIXTURES, "model_counts.json"),
                     {"about": "names: FNV-1a of every 'name shape' line of the state_dict; gmacs: [input size, published]",
                      "versions": versions, "cases": [counts_case(*row) for row in COUNTED]})
    if only in ("", "gradients"):
        cases = [case for row in TRAINED for case in gradient_case(*row)]
        formula.save(os.path.join(FIXTURES, "model_gradients.json"),
                     {"about": "loss and gradients in training mode; names are the source's, in its state_dict order",
                      "versions": versions, "cases": cases})
    if only in ("", "logits"):
        cases = []
        with torch.no_grad():
            for row in NETWORKS:
                cases += logits_case(*row)
        formula.save(os.path.join(FIXTURES, "models.json"),
                     {"about": "logits in evaluation mode", "versions": versions, "cases": cases})


if __name__ == "__main__":
    main()
