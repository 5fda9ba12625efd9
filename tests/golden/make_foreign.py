"""Weights of Keras and Flax for tests/files/test_keras_h5.c and test_msgpack.c: tiny, by the frameworks' own writers, each
beside the same tensors as .safetensors; and hostile ones. Also the fuzz corpus of msgpack.

Run with keras (any backend), h5py, flax and safetensors installed: python make_foreign.py
SPDX-License-Identifier: Apache-2.0
"""
import os
import struct
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")
import flax.serialization
import h5py
import jax.numpy as jnp
import keras
import ml_dtypes
import msgpack
import numpy as np
from safetensors.numpy import save_file

TESTS = Path(__file__).resolve().parent.parent
GOOD = TESTS / "fixtures/files/good"
HOSTILE = TESTS / "fixtures/files/hostile"
CORPUS = TESTS / "fuzz/corpus/msgpack"


def formula(shape, start):
    n = int(np.prod(shape))
    return ((np.arange(start, start + n) * 37 % 101 - 50) / 32).astype(np.float32).reshape(shape)


# ---- Keras ----


def tiny_model():
    x = inputs = keras.Input((8, 8, 3))
    x = keras.layers.Normalization(name="pixels")(x)
    x = keras.layers.Conv2D(4, 3, use_bias=False, name="stem")(x)
    x = keras.layers.BatchNormalization(name="stem_bn")(x)
    for i in range(11):  # more than ten, so that alphabetical order is wrong
        x = keras.layers.Conv2D(4, 1, name=f"mix_{i}")(x)
    x = keras.layers.DepthwiseConv2D(3, use_bias=False, name="depth")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(2, name="head")(x)
    model = keras.Model(inputs, x)
    start = 0
    for w in model.weights:
        if w.path.endswith("count"):
            continue
        w.assign(formula(w.shape, start))
        start += 17
    return model


def named(model, rename=lambda path: path):
    return {rename(w.path): np.asarray(w.value) for w in model.weights}


def keras_files():
    model = tiny_model()
    path = GOOD / "keras3.weights.h5"
    model.save_weights(path)
    save_file(named(model), GOOD / "keras3.safetensors")

    # Before Keras wrote names: the attribute is taken away.
    classes = {"pixels": "normalization", "stem": "conv2d", "stem_bn": "batch_normalization",
               "depth": "depthwise_conv2d", "head": "dense"}
    classes |= {f"mix_{i}": f"conv2d_{i + 1}" for i in range(11)}
    unnamed = GOOD / "keras3_unnamed.weights.h5"
    unnamed.write_bytes(path.read_bytes())
    with h5py.File(unnamed, "r+") as f:
        for layer in f["layers"].values():
            layer["vars"].attrs.pop("name", None)
    save_file(named(model, lambda p: classes[p.split("/")[0]] + "/" + p.split("/")[1]),
              GOOD / "keras3_unnamed.safetensors")

    # A whole model as Keras 3 saves it; and one as Keras 2 did: fixed-length names with ":0", lists split, deflate,
    # an optimizer's state, a half-precision dataset.
    legacy = GOOD / "keras_model.h5"
    model.save(legacy)
    with h5py.File(legacy, "r+") as f:
        del f.attrs["model_config"]
    save_file(named(model), GOOD / "keras_model.safetensors")
    with h5py.File(GOOD / "keras2.h5", "w") as f:
        root = f.create_group("model_weights")
        layers = [l.name for l in model.layers if l.weights and l.name != "pixels"]
        root.attrs["layer_names0"] = np.array([n.encode() for n in layers[:3]])
        root.attrs["layer_names1"] = np.array([n.encode() for n in layers[3:]])
        for name in layers:
            group = root.create_group(name)
            paths = []
            for w in model.get_layer(name).weights:
                variable = w.path.split("/")[1]
                if name == "depth":
                    variable = "depthwise_" + variable
                paths.append(f"{name}/{variable}:0")
                group.create_dataset(paths[-1], data=np.asarray(w.value), compression="gzip", shuffle=True)
            group.attrs["weight_names"] = np.array([p.encode() for p in paths])
        f.create_group("optimizer_weights").create_dataset("iterations:0", data=np.int64(7))
    tensors = named(model, lambda p: p.replace("depth/kernel", "depth/depthwise_kernel"))
    save_file({k: v for k, v in tensors.items() if not k.startswith("pixels")}, GOOD / "keras2.safetensors")


def hostile_h5():
    good = (GOOD / "keras3.weights.h5").read_bytes()
    (HOSTILE / "cut.h5").write_bytes(good[: len(good) // 3])
    (HOSTILE / "magic_alone.h5").write_bytes(good[:8])
    (HOSTILE / "zeroed.h5").write_bytes(good[:96] + bytes(len(good) - 96))
    with h5py.File(HOSTILE / "not_keras.h5", "w") as f:
        f["x"] = np.zeros(3, np.float32)
    with h5py.File(HOSTILE / "empty_group.h5", "w") as f:
        f.create_group("layers")
    with h5py.File(HOSTILE / "soft_link.h5", "w") as f:
        f["layers/conv2d/vars/0"] = np.zeros(3, np.float32)
        f["layers/dense"] = h5py.SoftLink("/layers/conv2d")
    with h5py.File(HOSTILE / "external_link.h5", "w") as f:
        f["layers/dense"] = h5py.ExternalLink("/etc/passwd", "/x")
    with h5py.File(HOSTILE / "cycle.h5", "w") as f:
        group = f.create_group("layers/a")
        group["again"] = f["layers"]
    with h5py.File(HOSTILE / "external_storage.h5", "w") as f:
        f.create_dataset("layers/dense/vars/0", shape=(4,), dtype="f4", external=[("/etc/passwd", 0, 16)])
    with h5py.File(HOSTILE / "huge.h5", "w") as f:  # a terabyte that was never written
        f.create_dataset("layers/dense/vars/0", shape=(1 << 38,), dtype="f4", chunks=(1 << 20,), compression="gzip")
    with h5py.File(HOSTILE / "bomb.h5", "w") as f:  # 16 MiB of zeros in a few hundred bytes a chunk
        f.create_dataset("layers/dense/vars/0", data=np.zeros(4 << 20, np.float32), chunks=(1 << 20,),
                         compression="gzip", compression_opts=9)
    with h5py.File(HOSTILE / "nested.h5", "w") as f:
        f.create_group("/".join("a" * 40))
    with h5py.File(HOSTILE / "ranks.h5", "w") as f:
        f["layers/dense/vars/0"] = np.zeros((1,) * 9, np.float32)
    with h5py.File(HOSTILE / "lost_weight.h5", "w") as f:
        f.attrs["layer_names"] = ["stem"]
        f.create_group("stem").attrs["weight_names"] = ["stem/kernel"]
    with h5py.File(HOSTILE / "twice.h5", "w") as f:
        for group in ("layers/dense/vars", "layers/dense_1/vars"):
            f[group + "/0"] = np.zeros(2, np.float32)
            f[group].attrs["name"] = "head"


# ---- Flax ----


def flax_files():
    tree = {
        "params": {"Net_0": {"Stem": {"kernel": formula((3, 3, 3, 4), 0)}, "Norm": {"scale": formula((4,), 5)}},
                   "Head": {"kernel": formula((4, 2), 9), "bias": formula((2,), 3)}},
        "batch_stats": {"Net_0": {"Norm": {"mean": formula((4,), 7), "var": formula((4,), 8) + 2}}},
        "step": 17,
    }
    (GOOD / "flax.msgpack").write_bytes(flax.serialization.to_bytes(tree))
    flat = {}

    def walk(prefix, node):
        for key, value in node.items():
            if isinstance(value, dict):
                walk(prefix + key + "/", value)
            elif not isinstance(value, int):
                flat[prefix + key] = value

    walk("", tree)
    save_file(flat, GOOD / "flax.safetensors")
    types = {name: np.arange(6).reshape(2, 3).astype(name)
             for name in ("float32", "float64", "float16", "uint8", "int8", "int16", "int32", "int64", "bool")}
    types["bfloat16"] = np.asarray(jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3))
    types["scalar"] = np.float32(2.5)
    types["empty"] = np.zeros((0, 4), np.float32)
    # left aside: what is no weight
    more = types | {"key": np.array([1, 2], np.uint32), "z": np.complex64(1j), "word": "text", "none": None,
                    "list": [1, 2.5, True]}
    (GOOD / "flax_types.msgpack").write_bytes(flax.serialization.msgpack_serialize(more))
    save_file({k: np.asarray(v) for k, v in types.items()}, GOOD / "flax_types.safetensors")
    # Arrays above a limit are cut: the limit is made small here.
    limit = flax.serialization.MAX_CHUNK_SIZE
    flax.serialization.MAX_CHUNK_SIZE = 64
    (GOOD / "flax_chunks.msgpack").write_bytes(flax.serialization.to_bytes({"a": {"b": formula((5, 9), 1)}}))
    flax.serialization.MAX_CHUNK_SIZE = limit
    save_file({"a/b": formula((5, 9), 1)}, GOOD / "flax_chunks.safetensors")


def ext(code, *body):
    return msgpack.ExtType(code, msgpack.packb(body[0] if len(body) == 1 else list(body), use_bin_type=True))


def hostile_msgpack():
    def put(name, data):
        (HOSTILE / f"{name}.msgpack").write_bytes(data)

    pack = msgpack.packb
    good = (GOOD / "flax.msgpack").read_bytes()
    four = struct.pack("<4f", 1, 2, 3, 4)
    put("cut", good[: len(good) // 2])
    put("trailing", good + b"\0")
    put("list", pack([1, 2]))
    put("no_arrays", pack({"a": 1}))
    put("integer_key", b"\x81\x01\x02")
    put("twice", b"\x82" + pack("a") + b"\x01" + pack("a") + b"\x02")
    put("same_name", pack({"a/b": ext(1, [4], "float32", four), "a": {"b": ext(1, [4], "float32", four)}}))
    put("deep", b"".join(b"\x81\xa1a" for _ in range(70)) + b"\x01")
    put("deep_list", b"\x81\xa1a" + b"\x91" * 100 + b"\x01")
    put("huge_map", b"\xdf\xff\xff\xff\xff")
    put("huge_list", b"\x81\xa1a\xdd\xff\xff\xff\xff\0\0")
    put("huge_bytes", b"\x81\xa1a\xc6\xff\xff\xff\xff\0\0")
    put("huge_extension", b"\x81\xa1a\xc9\xff\xff\xff\xff\x01\0")
    put("other_extension", pack({"a": ext(5, 1)}))
    put("reserved", b"\x81\xa1a\xc1")
    put("negative", pack({"a": ext(1, [-4], "float32", four)}))
    put("overflow", pack({"a": ext(1, [1 << 40, 1 << 40], "float32", four)}))
    put("size", pack({"a": ext(1, [5], "float32", four)}))
    put("ranks", pack({"a": ext(1, [1] * 9, "float32", four)}))
    put("shape_text", pack({"a": ext(1, "4", "float32", four)}))
    put("body", pack({"a": ext(1, [4], "float32")}))
    put("body_trailing", pack({"a": msgpack.ExtType(1, pack([[4], "float32", four]) + b"\0")}))
    put("bad_utf8", b"\x81\xa1\xff\x01")
    put("chunk_order", pack({"a": {"__msgpack_chunked_array__": True, "shape": {"0": 4}, "chunks": {
        "1": ext(1, [4], "float32", four)}}}))
    put("chunk_count", pack({"a": {"__msgpack_chunked_array__": True, "shape": {"0": 5}, "chunks": {
        "0": ext(1, [4], "float32", four)}}}))
    put("chunk_none", pack({"a": {"__msgpack_chunked_array__": True, "shape": {"0": 5}, "chunks": {}}}))
    CORPUS.mkdir(parents=True, exist_ok=True)
    for path in [*HOSTILE.glob("*.msgpack"), *GOOD.glob("*.msgpack")]:
        (CORPUS / path.stem).write_bytes(path.read_bytes())


if __name__ == "__main__":
    keras_files()
    hostile_h5()
    flax_files()
    hostile_msgpack()
    print(ml_dtypes.__version__ and "written", file=sys.stderr)
