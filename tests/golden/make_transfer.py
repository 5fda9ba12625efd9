"""Weighted cross-entropy with label smoothing, loss and gradient, from PyTorch in float64.

Writes tests/fixtures/golden/class_weights.json. SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib

import torch

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "golden" / "class_weights.json"
N, CLASSES = 6, 4


def case(smoothing, weights):
    torch.manual_seed(len(weights or []) + int(100 * smoothing))
    logits = torch.randn(N, CLASSES, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 1, 3, 3, 3])
    weight = torch.tensor(weights, dtype=torch.float64) if weights else None
    loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)(logits, labels)
    loss.backward()
    return {"smoothing": smoothing, "weights": weights or [], "labels": labels.tolist(),
            "logits": logits.detach().flatten().tolist(), "loss": loss.item(),
            "gradient": logits.grad.flatten().tolist()}


cases = [case(s, w) for s in (0.0, 0.1) for w in (None, [0.5, 2.0, 1.0, 0.25])]
OUT.write_text(json.dumps({"classes": CLASSES, "cases": cases}, indent=1) + "\n")
