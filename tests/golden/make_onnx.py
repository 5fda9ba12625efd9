#!/usr/bin/env python3
"""What onnx's own library reads in files that `siskin export` writes, as text: inputs, outputs, tensors, nodes.

    make_onnx.py build/release/siskin

Writes ../fixtures/train/NAME.onnx.txt. check_onnx.py is what says that the files compute the right numbers; these texts hold
their structure. SPDX-License-Identifier: Apache-2.0
"""

import os
import subprocess
import sys
import tempfile

import onnx

HERE = os.path.dirname(os.path.abspath(__file__))

# File, and the command line behind `export`.
FILES = {
    "mobilenet_v2": ["mobilenet_v2", "model.width_mult=0.1", "model.input_size=64"],
    "mobilenet_v3_small": ["mobilenet_v3_small", "model.width_mult=0.1", "model.input_size=64"],
    "efficientnet_b0": ["efficientnet_b0", "model.width_mult=0.1", "model.depth_mult=0.3", "model.input_size=65",
                        "model.same_padding=true"],
    "convnext_tiny": ["convnext_tiny", "model.width_mult=0.1", "model.depth_mult=0.3", "model.input_size=64"],
    "resnet18": ["resnet18", "model.width_mult=0.1", "model.input_size=64"],
    "mobilenet_v2_wrapped": ["mobilenet_v2", "model.width_mult=0.1", "model.input_size=64", "model.wrap_padding=true"],
    "mobilenet_v2_options": ["mobilenet_v2", "model.width_mult=0.1", "model.input_size=32", "preprocess.order=bgr",
                             "preprocess.resize=0", "preprocess.crop=32", "--preprocess", "--softmax", "--batch=4",
                             "--no-fold-norm"],
}


def port(p):
    t = p.type.tensor_type
    dims = ",".join(d.dim_param or str(d.dim_value) for d in t.shape.dim)
    return f"{p.name} {t.elem_type} [{dims}]"


def attribute(a):
    kind = onnx.AttributeProto.AttributeType.Name(a.type)
    if kind == "FLOAT":
        return f"{a.name}={a.f:.9g}"
    return f"{a.name}={a.i}" if kind == "INT" else f"{a.name}=[{','.join(map(str, a.ints))}]"


def text(model):
    g = model.graph
    yield f"ir {model.ir_version} opset {model.opset_import[0].version} {g.name}"
    yield from (f"input {port(p)}" for p in g.input)
    yield from (f"output {port(p)}" for p in g.output)
    for t in g.initializer:
        yield f"tensor {t.name} {t.data_type} [{','.join(map(str, t.dims))}] {len(t.raw_data)}"
    for n in g.node:
        assert n.name == n.output[0] and len(n.output) == 1
        yield " ".join([f"{n.op_type}({', '.join(n.input)}) -> {n.name}", *map(attribute, n.attribute)])


def main():
    for name, words in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "m.onnx")
            subprocess.run([sys.argv[1], "export", *words, "-o", path], check=True)
            onnx.checker.check_model(path, full_check=True)
            out = os.path.join(HERE, "..", "fixtures", "train", name + ".onnx.txt")
            with open(out, "w", encoding="utf-8") as f:
                f.write("\n".join(text(onnx.load(path))) + "\n")
            print(out, os.path.getsize(out))


if __name__ == "__main__":
    main()
