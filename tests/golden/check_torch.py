#!/usr/bin/env python3
"""The program beside torchvision: import .pth and .safetensors, run, export, of models as PyTorch makes them.

    check_torch.py build/release/siskin [--quick]

First every family: what export writes loads into torchvision's module with strict=True, and gives every tensor back bit for
bit. Then mobilenet_v2 in depth: logits within 1e-4 of torchvision's float64, relative to the largest, for widths 1.0, 0.5,
1.4 x 224, 160 px x batch 1, 3 x every SISKIN_ISA of this machine; both formats in and out.
Exit code 1 if anything failed.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import safetensors.torch
import torch
import torchvision

TOLERANCE = 1e-4


class Tally:
    """Counts, and says each failure where it happens."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, ok, what):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {what}", flush=True)
        return ok


def levels():
    """SISKIN_ISA levels this machine can run."""
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        flags = next((set(v.split()) for k, _, v in (line.partition(":") for line in f)
                      if k.strip() in ("flags", "Features")), set())
    out = ["plain"]
    if "asimd" in flags:
        out.append("neon")
    if {"avx2", "fma"} <= flags:
        out.append("avx2")
    if {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags:
        out.append("avx512")
    return out


def siskin(tally, program, *args, isa=None):
    env = dict(os.environ, **({"SISKIN_ISA": isa} if isa else {}))
    run = subprocess.run([program, *args], capture_output=True, text=True, env=env, check=False)
    if run.returncode != 0:
        tally.check(False, f"siskin {' '.join(args)}: exit {run.returncode}: {run.stderr.strip()[-300:]}")
    return run.returncode == 0


def random_model(width):
    """PyTorch's initialisation; norms as if trained, so that swapping or skipping one shows."""
    torch.manual_seed(int(width * 10))
    model = torchvision.models.mobilenet_v2(width_mult=width).eval()
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            with torch.no_grad():
                m.weight.uniform_(0.7, 1.3)
                m.bias.uniform_(-0.2, 0.2)
                m.running_mean.uniform_(-0.2, 0.2)
                m.running_var.uniform_(0.6, 1.4)
                m.num_batches_tracked.fill_(5)
    with torch.no_grad():
        model.classifier[1].bias.uniform_(-0.1, 0.1)
    return model


def same_tensors(tally, what, got, want, strict_model):
    try:
        strict_model.load_state_dict(got, strict=True)
    except RuntimeError as error:
        tally.check(False, f"{what}: load_state_dict(strict=True): {str(error).splitlines()[-1].strip()}")
        return
    wrong = [n for n, t in want.items() if not n.endswith("num_batches_tracked") and
             (n not in got or got[n].dtype != t.dtype or not torch.equal(got[n], t))]
    counters = [n for n, t in want.items() if n.endswith("num_batches_tracked") and
                (n not in got or int(got[n]) != int(t))]
    tally.check(not wrong, f"{what}: {len(want)} tensors, strict, bit-equal{'' if not wrong else ': not ' + wrong[0]}")
    if counters:
        print(f"note {what}: num_batches_tracked differs or is missing for {len(counters)} norms")


def round_trip(tally, program, folder, width, model):
    """Both imports agree, and both exports give back what PyTorch wrote. Returns the model file."""
    want = model.state_dict()
    pth, tensors = os.path.join(folder, "w.pth"), os.path.join(folder, "w.safetensors")
    torch.save(want, pth)
    safetensors.torch.save_file({n: t.contiguous() for n, t in want.items()}, tensors)
    files = {}
    for source in (pth, tensors):
        kind = source.rsplit(".", 1)[1]
        out = os.path.join(folder, f"from-{kind}.safetensors")
        if not siskin(tally, program, "import", source, "--model", "mobilenet_v2", f"model.width_mult={width}", "-o", out):
            continue
        files[kind] = out
        for target in ("pth", "safetensors"):
            back = os.path.join(folder, f"back.{target}")
            if siskin(tally, program, "export", out, "-o", back):
                got = torch.load(back, weights_only=True) if target == "pth" else safetensors.torch.load_file(back)
                same_tensors(tally, f"width {width}: {kind} -> siskin -> {target}", got, want,
                             torchvision.models.mobilenet_v2(width_mult=width))
                os.remove(back)
    if len(files) == 2:
        a, b = (safetensors.torch.load_file(f) for f in files.values())
        tally.check(a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a),
                    f"width {width}: the imports of .pth and .safetensors hold the same tensors")
    return next(iter(files.values()), None)


def logits(tally, program, folder, model, file, width, size, batch):
    x = np.random.default_rng(size + batch).standard_normal((batch, 3, size, size)).astype(np.float32)
    inp, out = os.path.join(folder, "x.npy"), os.path.join(folder, "y.npy")
    np.save(inp, x)
    with torch.no_grad():
        truth = model(torch.from_numpy(x).double()).numpy()
    for isa in levels():
        if os.path.exists(out):
            os.remove(out)
        if not siskin(tally, program, "run", file, "--input", inp, "--output", out, isa=isa):
            continue
        y = np.load(out)
        ok = y.shape == truth.shape and y.dtype == np.float32
        far = float(np.abs(y - truth).max() / np.abs(truth).max()) if ok else float("inf")
        tally.check(far <= TOLERANCE, f"width {width}, {size} px, batch {batch}, {isa}: {far:.2e} of the largest logit"
                                      + ("" if ok else f" (shape {y.shape} {y.dtype})"))


# One of each published size that has names of its own; the others are longer rows of the same tables.
FAMILIES = ("mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_b3", "convnext_tiny",
            "convnext_small", "resnet18", "resnet34", "resnet50", "resnet101")


def families(tally, program, quick):
    """torchvision -> siskin -> torchvision, strict and bit-equal."""
    for number, name in enumerate(FAMILIES[:4] if quick else FAMILIES):
        torch.manual_seed(number)
        maker = getattr(torchvision.models, name)
        want = maker().state_dict()
        for t in want.values():
            if t.is_floating_point():
                t.uniform_(0.5, 1.5)
        with tempfile.TemporaryDirectory() as folder:
            source, file, back = (os.path.join(folder, n) for n in ("w.pth", "m.safetensors", "back.safetensors"))
            torch.save(want, source)
            if siskin(tally, program, "import", source, "--model", name, "-o", file) and \
                    siskin(tally, program, "export", file, "-o", back):
                same_tensors(tally, f"{name}: torchvision -> siskin -> torchvision", safetensors.torch.load_file(back), want,
                             maker())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("siskin", help="the program")
    p.add_argument("--quick", action="store_true", help="four families; width 0.5 alone")
    a = p.parse_args()
    program = os.path.abspath(a.siskin)
    if not os.access(program, os.X_OK):
        sys.exit(f"check_torch: no program at {program}")
    torch.set_num_threads(1)
    tally = Tally()
    families(tally, program, a.quick)
    for width in ((0.5,) if a.quick else (1.0, 0.5, 1.4)):
        with tempfile.TemporaryDirectory() as folder:
            model = random_model(width)
            file = round_trip(tally, program, folder, width, model)
            double = model.double()
            for size in (224, 160):
                for batch in (1, 3):
                    if file:
                        logits(tally, program, folder, double, file, width, size, batch)
    print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed or not tally.passed else 0


if __name__ == "__main__":
    sys.exit(main())
