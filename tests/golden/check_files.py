"""check_files.py - reads with torch, safetensors and NumPy what siskin wrote, and compares every byte.

Also takes torchvision's MobileNetV2 and V3 through siskin: load_state_dict(strict=True) must accept them.
usage: check_files.py <the test program test_weights> tests/fixtures/files

SPDX-License-Identifier: Apache-2.0
"""
import os, subprocess, sys, tempfile, zipfile
import numpy as np
import torch, torchvision
from safetensors import safe_open
from safetensors.torch import load_file

program, fixtures = os.path.abspath(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)


def raw(t):
    return (t.dtype, tuple(t.shape), t.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if t.numel() else b"")


def same(name, found, expected):
    assert list(found) == list(expected) or name.endswith(".safetensors"), name + ": order"
    assert set(found) == set(expected), name + ": names"
    bad = [k for k in expected if raw(found[k]) != raw(expected[k])]
    assert not bad, (name, bad)
    print(name, len(expected), "tensors equal")


def run(folder):
    subprocess.run([program], env={**os.environ, "SISKIN_KEEP": folder}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_pth(path):
    with zipfile.ZipFile(path) as z:
        assert z.testzip() is None
    return torch.load(path, weights_only=True), torch.load(path, weights_only=True, mmap=True)


with tempfile.TemporaryDirectory() as folder:
    for maker in (torchvision.models.mobilenet_v2, torchvision.models.mobilenet_v3_small):
        for legacy in (False, True):
            model = maker(weights=None)
            with torch.no_grad():
                for b in model.buffers():
                    b.copy_(torch.randint(1, 9, b.shape) + (2**40 if b.dtype == torch.int64 else 0))
            torch.save(model.state_dict(), os.path.join(folder, "input.pth"), _use_new_zipfile_serialization=not legacy)
            run(folder)
            loaded, mapped = check_pth(os.path.join(folder, "output.pth"))
            same("output.pth", loaded, model.state_dict())
            same("output.pth mapped", mapped, model.state_dict())
            print(maker.__name__, "strict:", maker(weights=None).load_state_dict(loaded, strict=True))
            same("output.safetensors", load_file(os.path.join(folder, "output.safetensors")), model.state_dict())
    for name in ("types", "views", "module_state"):
        expected = torch.load(os.path.join(fixtures, "good", name + ".pth"), weights_only=True)
        for found in check_pth(os.path.join(folder, "siskin_%s.pth" % name)):
            same(name + ".pth", found, expected)
        path = os.path.join(folder, "siskin_%s.safetensors" % name)
        same(name + ".safetensors", load_file(path), expected)
        with safe_open(path, "pt") as file:
            assert file.metadata() == {"made by": "siskin ü"}
    found, expected = np.load(os.path.join(folder, "siskin_fortran.npy")), np.load(os.path.join(fixtures, "good", "fortran.npy"))
    assert found.dtype == expected.dtype and found.shape == expected.shape and (found == expected).all()
    print("fortran.npy equal")
