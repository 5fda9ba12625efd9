"""torchvision's and timm's policies: their lists, sets, strings, and runs with what was drawn -> fixtures/augment/policies.json.

Run: python make_policies.py. SPDX-License-Identifier: Apache-2.0"""
import json, math, pathlib, random, zlib
import numpy as np
import torch
from PIL import Image
from timm.data import auto_augment as ta
from torchvision.transforms import ColorJitter, InterpolationMode, autoaugment as tv
import photos

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/policies.json"
FILL = (124, 116, 104)
PICTURE = photos.photos()["wide"]
W, H = PICTURE.size
FACTORS = ("Brightness", "Color", "Contrast", "Sharpness")
HPARAMS = dict(translate_const=100, img_mean=FILL)


def digest(image):
    return f"{zlib.crc32(np.ascontiguousarray(np.asarray(image)).tobytes()):08x}"


def plain(name):
    return name.replace("Increasing", "").replace("Original", "").replace("Rel", "").replace("BlurRand", "Blur").replace("Desaturate", "Color")


def timm_argument(name, level, draw):
    """As this project keeps arguments: shifts in pixels, desaturation as a colour factor. `draw`: what random() gives."""
    fn = ta.LEVEL_TO_ARG[name]
    ta.random.random = lambda: draw
    value = float(fn(level, dict(translate_const=100, translate_pct=0.45))[0]) if fn else 0.0
    if name.startswith("TranslateX"):
        value *= W
    if name.startswith("TranslateY"):
        value *= H
    if name == "Desaturate":
        value = min(1.0, max(0.0, 1.0 - value))
    return 0.0 if name == "GaussianBlurRand" else value


def timm_lists():
    for name in ("v0", "v0r", "original", "originalr", "3a"):
        rows = [[dict(op=plain(o.name), p=o.prob, plus=timm_argument(o.name, o.magnitude, 0.1), minus=timm_argument(o.name, o.magnitude, 0.9)) for o in sub]
                for sub in ta.auto_augment_policy(name, HPARAMS)]
        yield dict(words=name, rows=rows)


def torchvision_lists():
    for name in ("imagenet", "cifar10", "svhn"):
        aa = tv.AutoAugment(tv.AutoAugmentPolicy(name))
        space = aa._augmentation_space(10, (H, W))
        rows = []
        for sub in aa.policies:
            row = []
            for op, p, bin in sub:
                magnitudes, signed = space[op]
                value = float(magnitudes[bin].item()) if bin is not None else 0.0
                one = 1.0 if op in FACTORS else 0.0
                row.append(dict(op=op, p=p, plus=one + value, minus=one - value if signed else one + value))
            rows.append(row)
        yield dict(list=name, rows=rows)


WORDS = ["rand-m9-mstd0.5-inc1", "rand-m9-n3-mstd0.5", "rand-m7-mmax12-p0.25-inc1", "rand-mstd1-tweights", "rand-m15-mmax20-mstd101-n2-inc0", "rand",
         "rand-t3a", "rand-n2-t3aw-m5", "rand-m6-n4-mmax0", "augmix", "augmix-m5-w4-d2", "augmix-m3-w2-a0.5-b1-mstd0.7"]


def timm_words():
    for words in WORDS:
        hparams = dict(HPARAMS)
        if words.startswith("augmix"):
            t = ta.augment_and_mix_transform(words, hparams)
            more = dict(width=t.width, depth=max(t.depth, 0), alpha=t.alpha, blended=t.blended)
        else:
            t = ta.rand_augment_transform(words, hparams)
            more = dict(layers=t.num_layers)
            if t.choice_weights is not None:
                more["weights"] = [float(w) for w in t.choice_weights]
        o = t.ops[0]
        std = o.magnitude_std
        yield dict(words=words, ops=[plain(o.name) for o in t.ops], probability=o.prob, magnitude=o.magnitude, uniform=math.isinf(std),
                   std=0 if math.isinf(std) else std, max=o.magnitude_max or 10, **more)


class Recorder:
    """Stands before timm's operations and writes down what they are given."""

    def __init__(self):
        self.steps = []
        for name, fn in list(ta.NAME_TO_OP.items()):
            ta.NAME_TO_OP[name] = self.wrap(name, fn)

    def wrap(self, name, fn):
        def call(image, *args, **kwargs):
            value = float(args[0]) if args else 0.0
            if name == "GaussianBlurRand":  # draws inside: do it here
                value = random.uniform(0.1, 2.0 * value)
                self.steps.append(dict(op="GaussianBlur", argument=value))
                return ta.gaussian_blur(image, value)
            kwargs["resample"] = random.choice((Image.BILINEAR, Image.BICUBIC))
            if plain(name) == "Posterize" and value == 0:
                self.steps.append(dict(op="Posterize", argument=0.0))
                return Image.new(image.mode, image.size)
            out = fn(image, *args, **kwargs)
            value *= W if name == "TranslateXRel" else H if name == "TranslateYRel" else 1
            value = min(1.0, max(0.0, 1.0 - value)) if name == "Desaturate" else value
            self.steps.append(dict(op=plain(name), argument=value, filter="bilinear" if kwargs["resample"] == Image.BILINEAR else "bicubic"))
            return out

        return call


def timm_runs(recorder):
    random.seed(3), np.random.seed(3)
    ta.random.random = random.Random(5).random
    for words in ["rand-m9-mstd0.5-inc1", "rand-m10-n4-p1", "rand-n3-tweights-p1", "v0", "original-mstd0.5", "originalr", "3a"]:
        make = ta.rand_augment_transform if words.startswith("rand") else ta.auto_augment_transform
        policy = make(words, dict(HPARAMS))
        for _ in range(12):
            recorder.steps = []
            out = policy(PICTURE)
            yield dict(of="timm", steps=recorder.steps, sum=digest(out))


def mix_runs(recorder):
    for words in ["augmix-m5", "augmix-w4-d3-m7", "augmix-b1-m6"]:
        policy = ta.augment_and_mix_transform(words, dict(HPARAMS, translate_pct=0.3))
        for _ in range(6):
            recorder.steps, ends, kept = [], [], {}
            choice, dirichlet, beta = np.random.choice, np.random.dirichlet, np.random.beta
            np.random.choice = lambda *a, **k: (ends.append(len(recorder.steps)), choice(*a, **k))[1]
            np.random.dirichlet = lambda a: kept.setdefault("w", dirichlet(a))
            np.random.beta = lambda a, b: kept.setdefault("m", beta(a, b))
            out = policy(PICTURE)
            np.random.choice, np.random.dirichlet, np.random.beta = choice, dirichlet, beta
            weights, share = np.float32(kept["w"]), np.float32(kept["m"])
            if policy.blended:
                weights = policy._calc_blended_weights(weights, share)
            yield dict(of="timm", steps=recorder.steps, ends=ends[1:] + [len(recorder.steps)], weights=[float(w) for w in weights], share=float(share),
                       blended=policy.blended, sum=digest(out))


def torchvision_runs():
    torch.manual_seed(11)
    apply = tv._apply_op
    steps = []

    def recorded(image, name, magnitude, interpolation, fill):
        steps.append(dict(op=name, argument=1.0 + magnitude if name in FACTORS else magnitude, filter=interpolation.value))
        return apply(image, name, magnitude, interpolation, fill)

    tv._apply_op = recorded
    for policy in (tv.RandAugment(3, 14, interpolation=InterpolationMode.BILINEAR, fill=list(FILL)), tv.TrivialAugmentWide(fill=list(FILL)),
                   tv.AutoAugment(interpolation=InterpolationMode.BILINEAR, fill=list(FILL))):
        for _ in range(12):
            steps.clear()
            out = policy(PICTURE)
            yield dict(of="torchvision", steps=list(steps), sum=digest(out))
    tv._apply_op = apply


def jitter_runs():
    """The four factors in their order."""
    names = ["Brightness", "Contrast", "Color", "Hue"]
    jitter = ColorJitter(0.4, 0.5, 0.6, 0.2)
    for seed in range(16):
        torch.manual_seed(seed)
        order, *factors = ColorJitter.get_params(jitter.brightness, jitter.contrast, jitter.saturation, jitter.hue)
        torch.manual_seed(seed)
        yield dict(of="torchvision", steps=[dict(op=names[i], argument=factors[i]) for i in order.tolist()], sum=digest(jitter(PICTURE)))


parts = dict(lists=list(timm_lists()) + list(torchvision_lists()), words=list(timm_words()))
recorder = Recorder()
parts["runs"] = list(timm_runs(recorder)) + list(mix_runs(recorder)) + list(torchvision_runs()) + list(jitter_runs())
with open(OUT, "w") as f:
    f.write(json.dumps(dict(picture="wide", fill=FILL))[:-1])
    for name, part in parts.items():
        f.write(f',\n"{name}": [\n' + ",\n".join(json.dumps(r) for r in part) + "]")
    f.write("}\n")
print({k: len(v) for k, v in parts.items()}, OUT.stat().st_size, "bytes")
