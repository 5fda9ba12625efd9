"""tests/fixtures/names/*.tsv: what each source calls the tensors of a network, beside torchvision's names of the same.

Which is which comes from positions, not from names: all frameworks list a network's parts in the order in which they
work. tests/files/test_names.c holds the tables of src/files/names_*.def to it. The first line says family and source,
the second the network.

Needs torchvision, timm, keras, flax; for Flax's names also a clone of github.com/NobuoTsukamoto/jax_examples.
Usage: make_names.py [JAX_EXAMPLES]
SPDX-License-Identifier: Apache-2.0
"""
import os
import re
import sys
import types
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "torch")
import torchvision

OUT = Path(__file__).resolve().parent.parent / "fixtures/names"


def torch_names(network):
    net = torchvision.models.get_model(network, weights=None)
    return [n for n in net.state_dict() if not n.endswith("num_batches_tracked")]


def write(family, source, network, foreign, names=None):
    names = names or torch_names(network)
    assert len(foreign) == len(names), (network, source, len(foreign), len(names))
    OUT.mkdir(parents=True, exist_ok=True)
    lines = [f"{family}\t{source}", network] + [f"{a}\t{b}" for a, b in zip(foreign, names)]
    (OUT / f"{source}.{network}.tsv").write_text("\n".join(lines) + "\n")


def timm_files():
    import timm

    for family, theirs, ours in [("mobilenet_v2", "mobilenetv2_100", "mobilenet_v2"),
                                 ("mobilenet_v3", "mobilenetv3_large_100", "mobilenet_v3_large"),
                                 ("mobilenet_v3", "mobilenetv3_small_100", "mobilenet_v3_small"),
                                 ("efficientnet", "efficientnet_b1", "efficientnet_b1"),
                                 ("convnext", "convnext_tiny", "convnext_tiny")]:
        net = timm.create_model(theirs, pretrained=False)
        write(family, "timm", ours, [n for n in net.state_dict() if not n.endswith("num_batches_tracked")])


def authors_files():
    """ConvNeXt's authors list all layers between the stages first; torchvision by turns."""
    depths, names = [3, 3, 9, 3], []
    both = ("weight", "bias")
    for stage, depth in enumerate(depths):
        for i in range(2):
            names += [f"downsample_layers.{stage}.{i}.{leaf}" for leaf in both]
        for block in range(depth):
            at = f"stages.{stage}.{block}."
            names += [at + "gamma"] + [f"{at}{part}.{leaf}" for part in ("dwconv", "norm", "pwconv1", "pwconv2") for leaf in both]
    names += [f"{part}.{leaf}" for part in ("norm", "head") for leaf in both]
    write("convnext", "facebook", "convnext_tiny", names)


def lite_files():
    """The order of efficientnet_pytorch's state_dict, for B0; Lite leaves out squeeze-excite."""
    norm = ("weight", "bias", "running_mean", "running_var")
    names = ["_conv_stem.weight"] + [f"_bn0.{leaf}" for leaf in norm]
    for block in range(16):
        at = f"_blocks.{block}."
        if block > 0:
            names += [at + "_expand_conv.weight"] + [f"{at}_bn0.{leaf}" for leaf in norm]
        names += [at + "_depthwise_conv.weight"] + [f"{at}_bn1.{leaf}" for leaf in norm]
        names += [f"{at}_se_{part}.{leaf}" for part in ("reduce", "expand") for leaf in ("weight", "bias")]
        names += [at + "_project_conv.weight"] + [f"{at}_bn2.{leaf}" for leaf in norm]
    names += ["_conv_head.weight"] + [f"_bn1.{leaf}" for leaf in norm] + ["_fc.weight", "_fc.bias"]
    write("efficientnet", "efficientnet_pytorch", "efficientnet_b0", names)


def scale_first(paths, is_scale, is_start):
    """torchvision lists a block's layer scale first, Keras and Flax last."""
    order, start = [], 0
    for path in paths:
        if is_start(path):
            start = len(order)
        order.insert(start if is_scale(path) else len(order), path)
    return order


def keras_files():
    import keras

    A = keras.applications
    for family, make, ours in [("mobilenet_v2", A.MobileNetV2, "mobilenet_v2"),
                               ("mobilenet_v3", A.MobileNetV3Large, "mobilenet_v3_large"),
                               ("mobilenet_v3", A.MobileNetV3Small, "mobilenet_v3_small"),
                               ("efficientnet", A.EfficientNetB0, "efficientnet_b0"),
                               ("convnext", A.ConvNeXtTiny, "convnext_tiny")]:
        keras.utils.clear_session()
        net = make(weights=None)
        paths = [w.path for w in net.weights if not w.path.startswith("normalization")]
        paths = ["/".join(p.split("/")[-2:]) for p in paths]
        paths = [re.sub(r"/variable.*", "/gamma", p) for p in paths]
        if family == "convnext":
            paths = scale_first(paths, lambda p: "layer_scale" in p, lambda p: p.endswith("depthwise_conv/kernel"))
        write(family, "keras", ours, paths)
        if family == "convnext":
            continue
        if ours == "mobilenet_v3_small":  # as Keras 2 called them
            old = [re.sub("_bn/", "/BatchNorm/", p) for p in paths]
            old = [re.sub(r"^(expanded_conv(_\d+)?)_(squeeze_excite)_conv", r"\1/\3/Conv", p) for p in old]
            old = [re.sub(r"^(expanded_conv(_\d+)?)_([a-z])", r"\1/\3", p) for p in old]
            old = [re.sub(r"/depthwise/kernel", "/depthwise/depthwise_kernel", p) for p in old]
            old = [re.sub(r"^conv", "Conv", re.sub(r"^logits", "Logits", p)) for p in old]
            write(family, "keras", ours, old)
            (OUT / f"keras.{ours}.tsv").rename(OUT / f"keras.{ours}.old.tsv")
        counts, numbered, last = {}, [], None
        for w in net.weights:
            if w.path.startswith("normalization"):
                continue
            layer, leaf = w.path.split("/")[-2:]
            kind = keras.src.utils.naming.to_snake_case(type(net.get_layer(layer)).__name__)
            if layer != last:
                counts[kind] = counts.get(kind, -1) + 1
                last = layer
            n = counts[kind]
            numbered.append(f"{kind}_{n}/{leaf}" if n else f"{kind}/{leaf}")
        write(family, "keras", ours, numbered)
        (OUT / f"keras.{ours}.tsv").rename(OUT / f"keras.{ours}.numbered.tsv")
        write(family, "keras", ours, paths)


def flax_files(repo):
    import jax
    import jax.numpy as jnp

    def load(path, name):
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(compile((Path(repo) / path).read_text(), path, "exec"), module.__dict__)
        return module

    load("common/common_layer.py", "common_layer")
    for name in ("stochastic_depth", "layer_scale"):
        load(f"common/{name}.py", name)
    implements = "classification/implements/"
    v2 = load(implements + "mobilenet_v2.py", "mobilenet_v2")
    v3 = load(implements + "mobilenet_v3.py", "mobilenet_v3")
    efficient = load(implements + "efficientnet.py", "efficientnet")
    resnet = load(implements + "resnet_v1.py", "resnet_v1")
    convnext = load(implements + "convnext.py", "convnext")
    common = sys.modules["common_layer"]
    cases = [
        ("mobilenet_v2", "mobilenet_v2", v2.MobileNetV2(alpha=1.0, num_classes=1000)),
        ("mobilenet_v3", "mobilenet_v3_large",
         v3.MobileNetV3(layers=v3.Large, last_block_filters=1280, alpha=1.0, num_classes=1000)),
        ("mobilenet_v3", "mobilenet_v3_small",
         v3.MobileNetV3(layers=v3.Small, last_block_filters=1024, alpha=1.0, num_classes=1000)),
        ("efficientnet", "efficientnet_b0", efficient.EfficientNet(num_classes=1000)),
        ("resnet", "resnet50", resnet.ResNet(stage_sizes=[3, 4, 6, 3], num_filters=[64, 128, 256, 512],
                                             block_cls=common.BottleneckResNetBlock, num_classes=1000)),
        ("convnext", "convnext_tiny", convnext.ConvNeXt(stage_sizes=[3, 3, 9, 3], num_filters=[96, 192, 384, 768],
                                                        block_cls=common.BottleneckConvNeXtBlock, num_classes=1000)),
    ]
    for family, ours, net in cases:
        order = []  # modules in the order in which they make their variables

        def note(next_call, args, kwargs, context):
            path = "/".join(context.module.path)
            if context.method_name == "__call__" and path not in order:
                order.append(path)
            return next_call(*args, **kwargs)

        import flax.linen as nn

        with nn.intercept_methods(note):
            tree = jax.eval_shape(lambda key: net.init(key, jnp.zeros((1, 64, 64, 3)), train=False), jax.random.PRNGKey(0))
        flat = {"/".join(k.key for k in path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}
        leaves = [("params", "kernel"), ("params", "scale"), ("params", "bias"), ("batch_stats", "mean"), ("batch_stats", "var")]
        names = [f"{c}/{m}/{leaf}" for m in order for c, leaf in leaves if f"{c}/{m}/{leaf}" in flat]
        assert len(names) == len(flat), (ours, len(names), len(flat))
        if family == "convnext":
            names = scale_first(names, lambda p: "LayerScale" in p, lambda p: p.endswith("DepthWise_Conv_0/kernel"))
        write(family, "flax", ours, names)


if __name__ == "__main__":
    timm_files()
    authors_files()
    lite_files()
    keras_files()
    if len(sys.argv) > 1:
        flax_files(sys.argv[1])
