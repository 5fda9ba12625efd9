"""Weights that Keras, timm and Flax themselves hold, through `siskin import`, against those frameworks' own logits.

Every network gets non-trivial weights from a formula (no download), is saved by its framework, imported, and the logits
of two inputs must agree within 1e-4 of the largest. Prints one line a case; exit 1 if any fails.

Needs keras, h5py, timm, flax, torch, numpy. Usage: check_import.py SISKIN [NAME...]
SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
import numpy as np
import torch

SISKIN = sys.argv[1]
WANTED = sys.argv[2:]
torch.set_num_threads(2)
failed = []


def values(shape, kind, seed):
    """Weights of sensible size for a part of a network: activations neither die nor explode."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in shape)
    if kind == "kernel":
        fan_in = max(1, int(np.prod(shape)) // max(shape[-1], 1)) if len(shape) > 1 else 1
        return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)
    if kind == "variance":
        return rng.uniform(0.5, 1.5, shape).astype(np.float32)
    if kind == "small":  # the last norm of a block: many blocks add up
        return rng.uniform(0.1, 0.3, shape).astype(np.float32)
    if kind == "gamma":
        return rng.uniform(0.7, 1.3, shape).astype(np.float32)
    return rng.uniform(-0.2, 0.2, shape).astype(np.float32)


def siskin(*arguments):
    done = subprocess.run([SISKIN, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout or json.dumps({"error": done.stderr})


def preprocess_of(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["siskin.preprocess"])


def check(name, path, x, y, *arguments, pixels=None):
    """x (N,H,W,C) as the network gets it, y its logits; pixels: the mean and deviation that the model file must say."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", np.ascontiguousarray(x, np.float32))
        np.save(f"{folder}/y.npy", np.ascontiguousarray(y, np.float32))
        code, text = siskin("import", path, "-o", f"{folder}/m.safetensors", "--json", "--verify", f"{folder}/x.npy",
                            f"{folder}/y.npy", *arguments)
        if code == 0 and pixels:
            said = preprocess_of(f"{folder}/m.safetensors")
            if not np.allclose([said["mean"], said["std"]], pixels, atol=1e-6):
                code, text = 1, json.dumps({"error": f"pixels are prepared by {said}"})
    answer, ok = json.loads(text), code == 0
    if not ok:
        failed.append(name)
    said = f"{answer['difference']:.2g}" if ok else answer.get("error", "?")
    print(f"{'ok  ' if ok else 'FAIL'} {name:44} {said}", flush=True)


def chosen(name):
    return not WANTED or any(w in name for w in WANTED)


# ---- Keras ----


def keras_cases(folder):
    import h5py
    import keras

    A = keras.applications
    half, size = "half", 96
    cases = {
        "keras MobileNetV2": (A.MobileNetV2, "mobilenet_v2", half, {}, []),
        "keras MobileNetV2 alpha 0.5": (A.MobileNetV2, "mobilenet_v2", half, {"alpha": 0.5}, ["model.width_mult=0.5"]),
        "keras MobileNetV2 alpha 1.4": (A.MobileNetV2, "mobilenet_v2", half, {"alpha": 1.4}, ["model.width_mult=1.4"]),
        "keras MobileNetV3Large": (A.MobileNetV3Large, "mobilenet_v3_large", half, {}, []),
        "keras MobileNetV3Small": (A.MobileNetV3Small, "mobilenet_v3_small", half, {}, []),
        "keras MobileNetV3Large alpha 0.75": (A.MobileNetV3Large, "mobilenet_v3_large", half, {"alpha": 0.75},
                                              ["model.width_mult=0.75"]),
        "keras MobileNetV3Small minimalistic": (A.MobileNetV3Small, "mobilenet_v3_small", half, {"minimalistic": True},
                                                ["model.minimal=true"]),
        "keras EfficientNetB0": (A.EfficientNetB0, "efficientnet_b0", "unit", {}, []),
        "keras EfficientNetB3": (A.EfficientNetB3, "efficientnet_b3", "unit", {}, []),
        "keras ConvNeXtTiny": (A.ConvNeXtTiny, "convnext_tiny", "convnext", {}, []),
    }
    for name, (make, model, pixels, more, keys) in cases.items():
        if not chosen(name):
            continue
        keras.utils.clear_session()
        net = make(weights=None, input_shape=(size, size, 3), classifier_activation=None, **more)
        for i, w in enumerate(net.weights):
            leaf = w.path.split("/")[-1]
            if "normalization" in w.path and leaf in ("mean", "variance", "count"):
                if leaf != "count":
                    w.assign(np.array([0.4, 0.5, 0.45] if leaf == "mean" else [0.05, 0.06, 0.07], np.float32))
                continue
            kind = {"kernel": "kernel", "gamma": "gamma", "moving_variance": "variance"}.get(leaf, "shift")
            if leaf == "gamma" and "project" in w.path:
                kind = "small"
            new = values(w.shape, kind, i)
            if "depthwise" in w.path and leaf == "kernel":
                new = values(w.shape, "shift", i) * 3
            if leaf.startswith("variable"):  # a layer scale
                new = values(w.shape, "gamma", i) * 0.3
            w.assign(new)
        raw = np.random.default_rng(5).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
        feed = raw
        if pixels == "half":
            x = raw / 127.5 - 1
            if "V2" in name:
                feed = x  # V2 has no scaling inside
        elif pixels == "unit":
            x = (raw / 255 - np.array([0.4, 0.5, 0.45])) / np.sqrt(np.array([0.05, 0.06, 0.07]))
        else:
            x = (raw - np.array([0.485, 0.456, 0.406]) * 255) / (np.array([0.229, 0.224, 0.225]) * 255)
        y = net.predict(feed, verbose=0)
        options = ["--model", model, f"model.input_size={size}", *keys]
        prepared = {"half": ([0.5] * 3, [0.5] * 3), "convnext": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
                    "unit": ([0.4, 0.5, 0.45], list(np.sqrt([0.05, 0.06, 0.07])))}[pixels]
        new = f"{folder}/k.weights.h5"
        net.save_weights(new)
        check(name + " .weights.h5", new, x, y, *options, pixels=prepared)
        if "EfficientNetB0" in name or "V2" in name or "V3Large" in name:
            with h5py.File(new, "r+") as f:
                for layer in f["layers"].values():
                    layer["vars"].attrs.pop("name", None)
            check(name + " .weights.h5 without names", new, x, y, *options)
        whole = f"{folder}/k.h5"
        net.save(whole)
        check(name + " .h5", whole, x, y, *options, pixels=prepared)


# ---- timm ----


def torch_weights(net):
    for i, (name, t) in enumerate(net.state_dict().items()):
        if name.endswith("num_batches_tracked"):
            continue
        kind = "variance" if name.endswith("running_var") else "shift"
        if name.endswith("weight"):
            kind = "kernel" if t.dim() > 1 else "small" if name.endswith("bn3.weight") else "gamma"
        new = values(t.shape if t.dim() != 4 else t.permute(2, 3, 1, 0).shape, kind, i)
        if t.dim() == 4:
            new = new.transpose(3, 2, 0, 1)
        if t.dim() == 2:
            new = values((t.shape[1], t.shape[0]), kind, i).T
        if name.endswith("gamma"):
            new = values(t.shape, "gamma", i) * 0.3
        t.copy_(torch.from_numpy(np.ascontiguousarray(new)))


def timm_cases(folder):
    import timm
    from safetensors.torch import save_file

    names = ["mobilenetv2_100", "mobilenetv2_050", "mobilenetv2_110d", "mobilenetv3_large_100", "mobilenetv3_small_075",
             "tf_mobilenetv3_large_100", "tf_mobilenetv3_large_075", "tf_mobilenetv3_small_minimal_100",
             "efficientnet_b0", "tf_efficientnet_b0", "efficientnet_b5", "tf_efficientnet_lite0", "efficientnet_lite0",
             "convnext_tiny", "convnext_small", "resnet18", "resnet50"]
    ours = {"mobilenetv2_100": "mobilenet_v2", "mobilenetv3_large_100": "mobilenet_v3_large"}
    for name in names:
        if not chosen("timm " + name):
            continue
        net = timm.create_model(name, pretrained=False).eval()
        with torch.no_grad():
            torch_weights(net)
            x = torch.rand(2, 3, 97, 97, generator=torch.Generator().manual_seed(3)) * 2 - 1
            y = net(x).numpy()
        state = {k: v.contiguous() for k, v in net.state_dict().items()}
        save_file(state, f"{folder}/t.safetensors")
        check("timm " + name + " .safetensors", f"{folder}/t.safetensors", x.numpy(), y, "--model", name,
              "model.input_size=97")
        if name in ours:
            torch.save(state, f"{folder}/t.pth")
            check("timm " + name + " .pth as " + ours[name], f"{folder}/t.pth", x.numpy(), y, "--model", ours[name],
                  "model.input_size=97")


# ---- Flax: jax_examples' names, our own restatement of MobileNetV2 and of a ConvNeXt block in Flax ----


def flax_cases(folder):
    if not chosen("flax"):
        return
    import flax.serialization
    import jax
    import jax.numpy as jnp
    from flax import linen as nn

    class InvertedResBlock(nn.Module):
        out: int
        stride: int
        t: int
        norm: object

        @nn.compact
        def __call__(self, x):
            skip, wide = x, x.shape[-1] * self.t
            if self.t > 1:
                x = nn.relu(self.norm()(nn.Conv(wide, (1, 1), use_bias=False, name="Expand_Conv")(x)))
            x = nn.Conv(wide, (3, 3), self.stride, feature_group_count=wide, use_bias=False, name="DepthWise_Conv",
                        padding="CIRCULAR" if self.stride == 2 else "SAME")(x)
            x = nn.relu(self.norm()(x))
            x = self.norm()(nn.Conv(self.out, (1, 1), use_bias=False, name="Project_Conv")(x))
            return x + skip if self.stride == 1 and skip.shape == x.shape else x

    class MobileNetV2Backbone(nn.Module):
        norm: object

        @nn.compact
        def __call__(self, x):
            x = nn.Conv(32, (3, 3), 2, use_bias=False, name="Stem_Conv")(x)
            x = nn.relu(self.norm()(x))
            for t, c, n, s in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                               (6, 320, 1, 1)]:
                for i in range(n):
                    x = InvertedResBlock(c, s if i == 0 else 1, t, self.norm)(x)
            return nn.relu(self.norm()(nn.Conv(1280, (1, 1), use_bias=False)(x)))

    class MobileNetV2(nn.Module):
        @nn.compact
        def __call__(self, x):
            def norm():
                return nn.BatchNorm(use_running_average=True, epsilon=1e-3)

            x = MobileNetV2Backbone(norm)(x)
            return nn.Dense(1000, name="Head")(jnp.mean(x, axis=(1, 2)))

    net = MobileNetV2()
    x = np.random.default_rng(5).uniform(-1, 1, (2, 96, 96, 3)).astype(np.float32)
    tree = jax.device_get(net.init(jax.random.PRNGKey(0), x))
    flat, structure = jax.tree_util.tree_flatten_with_path(tree)
    new = []
    for i, (path, leaf) in enumerate(flat):
        kind = {"kernel": "kernel", "scale": "gamma", "var": "variance"}.get(path[-1].key, "shift")
        new.append(values(leaf.shape, kind, i))
    tree = jax.tree_util.tree_unflatten(structure, new)
    y = np.asarray(net.apply(tree, x))
    Path(f"{folder}/f.msgpack").write_bytes(flax.serialization.to_bytes(tree))
    check("flax MobileNetV2 variables", f"{folder}/f.msgpack", x, y, "--model", "mobilenet_v2", "model.input_size=96")
    state = {"step": 100, "opt_state": {"0": {"mu": tree["params"], "count": np.int32(3)}}, **tree}
    Path(f"{folder}/f.msgpack").write_bytes(flax.serialization.to_bytes(state))
    check("flax MobileNetV2 train state", f"{folder}/f.msgpack", x, y, "--model", "mobilenet_v2", "model.input_size=96",
          "--from", "flax")


with tempfile.TemporaryDirectory() as scratch:
    timm_cases(scratch)
    keras_cases(scratch)
    flax_cases(scratch)
if failed:
    print("failed:", ", ".join(failed))
    sys.exit(1)
print("all agree within 1e-4 of the largest logit")
