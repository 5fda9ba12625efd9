#!/usr/bin/env python3
"""siskin export FILE.onnx beside PyTorch: the file is valid, and ONNX Runtime and OpenVINO give torchvision's logits.

    check_onnx.py build/release/siskin [MODEL ...]

For every model that both know: random weights with norms as if trained, written by torch, imported, exported with norms
folded and kept, for two sizes. Each file must pass onnx.checker in full; both runtimes' logits, and our own, must lie
within 1e-4 of torchvision's float64, relative to the largest, at batch 1 and 3 of one file. Then the options --batch,
--softmax, --preprocess, and variants that torchvision has no name for. Exit code 1 if anything failed. SPDX-License-Identifier: Apache-2.0
"""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
import openvino
import torch
import torchvision

from check_torch import TOLERANCE, Tally, siskin

MODELS = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_b2", "resnet18",
          "resnet50", "convnext_tiny", "convnext_small")
SIZES = (224, 129)


def randomise(model, seed):
    """Every kind of parameter away from its initial value, with sizes that neither vanish nor explode."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for m in model.modules():
            if isinstance(m, (torch.nn.BatchNorm2d, torch.nn.LayerNorm)):
                m.weight.uniform_(0.7, 1.3)
                m.bias.uniform_(-0.2, 0.2)
            if isinstance(m, torch.nn.BatchNorm2d):
                m.running_mean.uniform_(-0.2, 0.2)
                m.running_var.uniform_(0.6, 1.4)
            elif isinstance(m, (torch.nn.Conv2d, torch.nn.Linear)) and m.bias is not None:
                m.bias.uniform_(-0.1, 0.1)
        for name, p in model.named_parameters():
            if name.endswith("layer_scale"):
                p.uniform_(0.3, 0.7)
    return model.eval()


def far(got, truth):
    """The greatest difference, relative to the largest number."""
    return float(np.abs(got - truth).max() / np.abs(truth).max()) if got.shape == truth.shape else float("inf")


def by_onnxruntime(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda a: session.run(None, {"image": a})


def by_openvino(path):
    core = openvino.Core()
    # f32 is asked for: on some processors the default is bf16
    model = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda a: [model([a])[i] for i in range(len(model.outputs))]


RUNTIMES = {"ONNX Runtime": by_onnxruntime, "OpenVINO": by_openvino}


def inputs(size, batch):
    return np.random.default_rng(size + batch).standard_normal((batch, 3, size, size)).astype(np.float32)


def compare_ours(tally, program, folder, file, size, truth, name):
    inp, out = os.path.join(folder, "x.npy"), os.path.join(folder, "y.npy")
    np.save(inp, inputs(size, 3))
    if siskin(tally, program, "run", file, "--input", inp, "--output", out):
        d = far(np.load(out), truth[3])
        tally.check(d <= TOLERANCE, f"{name}, {size} px, siskin run: {d:.2e}")


def compare(tally, program, folder, file, name, model):
    for size in SIZES:
        with torch.no_grad():
            truth = {b: model(torch.from_numpy(inputs(size, b)).double()).numpy() for b in (1, 3)}
        compare_ours(tally, program, folder, file, size, truth, name)
        for fold in ([], ["--no-fold-norm"]):
            path = os.path.join(folder, "m.onnx")
            if not siskin(tally, program, "export", file, f"model.input_size={size}", "-o", path, *fold):
                continue
            what = f"{name}, {size} px, {'norms kept' if fold else 'norms folded'}"
            try:
                onnx.checker.check_model(path, full_check=True)
            except Exception as error:  # pylint: disable=broad-except
                tally.check(False, f"{what}: onnx.checker: {error}")
                continue
            for runtime, load in RUNTIMES.items():
                run = load(path)
                d = [far(run(inputs(size, b))[0], truth[b]) for b in (1, 3)]
                tally.check(max(d) <= TOLERANCE, f"{what}, {runtime}: {d[0]:.2e} at batch 1, {d[1]:.2e} at batch 3")
    kinds = {}
    for node in onnx.load(path).graph.node:
        kinds[node.op_type] = kinds.get(node.op_type, 0) + 1
    print(f"note {name}, norms kept: " + ", ".join(f"{k} {n}" for k, n in sorted(kinds.items())))


def options(tally, program, folder, file, model):
    """--preprocess: whole bytes in, the normalisation inside; --softmax; --batch."""
    path = os.path.join(folder, "o.onnx")
    picture = np.random.default_rng(1).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for order in ("rgb", "bgr"):
        if not siskin(tally, program, "export", file, "model.input_size=96", "preprocess.resize=0", "preprocess.crop=96",
                      f"preprocess.order={order}", "-o", path, "--preprocess", "--softmax", "--batch", "2"):
            continue
        onnx.checker.check_model(path, full_check=True)
        pixels = picture / 255.0
        x = (pixels[..., ::-1] if order == "bgr" else pixels) - mean
        with torch.no_grad():
            truth = model(torch.from_numpy((x / std).transpose(0, 3, 1, 2).copy())).numpy()
        shares = np.exp(truth - truth.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        for runtime, load in RUNTIMES.items():
            logits, probabilities = load(path)(picture)[:2]
            d = far(logits, truth), far(probabilities, shares)
            tally.check(max(d) <= TOLERANCE, f"--preprocess ({order}) --softmax --batch 2, {runtime}: logits {d[0]:.2e}, "
                                             f"probabilities {d[1]:.2e}")


# What torchvision has no name for: asymmetric padding, the other activations, dilation. Truth: our own references.
VARIANTS = (
    ("efficientnet_b0", "model.same_padding=true", "model.width_mult=0.5", "model.input_size=95"),
    ("mobilenet_v3_small", "model.same_padding=true", "model.dilated=true", "model.input_size=96"),
    ("mobilenet_v2", "model.activation=gelu", "model.width_mult=0.35", "model.input_size=65"),
    ("mobilenet_v2", "model.wrap_padding=true", "model.same_padding=true", "model.activation=relu",
     "model.width_mult=0.35", "model.input_size=96"),
    ("convnext_tiny", "model.activation=gelu_tanh", "model.layer_scale=0.5", "model.input_size=64"),
    ("resnet18", "model.activation=silu", "model.input_size=64"),
    ("efficientnet_lite0", "model.input_size=96"),
)


def variants(tally, program, folder, wanted):
    inp, out, path = (os.path.join(folder, n) for n in ("x.npy", "y.npy", "v.onnx"))
    for name, *keys in VARIANTS:
        if name not in wanted:
            continue
        x = inputs(int(keys[-1].split("=")[1]), 2)
        np.save(inp, x)
        for fold in ([], ["--no-fold-norm"]):
            if not siskin(tally, program, "run", name, *keys, "--input", inp, "--output", out, "--reference") or \
                    not siskin(tally, program, "export", name, *keys, "-o", path, *fold):
                continue
            onnx.checker.check_model(path, full_check=True)
            for runtime, load in RUNTIMES.items():
                d = far(load(path)(x)[0], np.load(out))
                tally.check(d <= TOLERANCE, f"{name} {' '.join(keys + fold)}, {runtime}: {d:.2e}")


def main():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        sys.exit(__doc__)
    program, wanted = os.path.abspath(sys.argv[1]), sys.argv[2:] or MODELS
    torch.set_num_threads(2)
    tally = Tally()
    for number, name in enumerate(wanted):
        known = subprocess.run([program, "summary", name, "model.input_size=64"], capture_output=True, check=False)
        if known.returncode == 2:
            print(f"skip {name}: this siskin does not know it")
            continue
        with tempfile.TemporaryDirectory() as folder:
            model = randomise(getattr(torchvision.models, name)(), number)
            source, file = os.path.join(folder, "w.pth"), os.path.join(folder, "m.safetensors")
            torch.save(model.state_dict(), source)
            if not siskin(tally, program, "import", source, "--model", name, "-o", file):
                continue
            compare(tally, program, folder, file, name, model.double())
            if name == "mobilenet_v2":
                options(tally, program, folder, file, model)
    with tempfile.TemporaryDirectory() as folder:
        variants(tally, program, folder, [*wanted, *(["efficientnet_lite0"] if wanted is MODELS else [])])
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
