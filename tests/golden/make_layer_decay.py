"""tests/fixtures/train/layer_decay.json: what timm's param_groups_layer_decay gives each parameter of its networks.

Names become torchvision's by position, as in make_names.py. Needs timm, torchvision. Usage: make_layer_decay.py
SPDX-License-Identifier: Apache-2.0
"""
import json
from pathlib import Path

import timm
import torchvision
from timm.optim import param_groups_layer_decay

OUT = Path(__file__).resolve().parent.parent / "fixtures/train/layer_decay.json"
RUNS = [("convnext_tiny", "convnext_tiny", 0.75, 0, None), ("efficientnet_b1", "efficientnet_b1", 0.8, 0, None),
        ("mobilenet_v2", "mobilenetv2_100", 0.9, 0.3, None), ("mobilenet_v3_large", "mobilenetv3_large_100", 0.7, 0, 0.05),
        ("mobilenet_v3_small", "mobilenetv3_small_100", 0.65, 0, None), ("resnet50", "resnet50", 0.7, 0, 0.01),
        ("resnet18", "resnet18", 0.5, 0.02, None), ("efficientnet_lite0", "efficientnet_lite0", 0.85, 0, None)]


def names(ours):
    """Of the parameters, as torchvision has them; Lite's are B0's without squeeze-excite."""
    lite = ours.startswith("efficientnet_lite")
    net = torchvision.models.get_model("efficientnet_b0" if lite else ours, weights=None)
    return [n for n, _ in net.named_parameters() if not (lite and ".fc" in n)]


def lite_blocks(name):
    """Without squeeze-excite the projection stands one place earlier."""
    parts = name.split(".")
    if len(parts) > 4 and parts[3] == "block":
        parts[4] = str(min(int(parts[4]), 1 if parts[1] == "1" else 2))
    return ".".join(parts)


def main():
    out = []
    for ours, theirs, decay, low, stop in RUNS:
        net = timm.create_model(theirs, pretrained=False)
        mine = names(ours)
        if "lite" in ours:
            mine = [lite_blocks(n) for n in mine]
        at = {id(p): n for n, (_, p) in zip(mine, net.named_parameters(), strict=True)}
        groups = param_groups_layer_decay(net, 0.05, layer_decay=decay, min_scale=low, no_opt_scale=stop)
        factors = {at[id(p)]: g["lr_scale"] for g in groups for p in g["params"]}
        out.append({"model": ours, "layer_decay": decay, "min_scale": low, "no_opt_scale": stop or 0,
                    "factors": {n: factors.get(n, 0) for n in mine}})
    text = ",\n".join(json.dumps(run, separators=(",", ":")) for run in out)
    OUT.write_text('{"runs": [\n' + text + "\n]}\n")


main()
