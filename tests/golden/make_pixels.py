"""torchvision's and timm's operations on real photographs, at every magnitude -> fixtures/augment/pixels.json.

Run: python make_pixels.py [photos]; with the word, the photographs are made anew. Each row is one operation of one set of
policy_ops.def; `arguments` are the source's own, per level and sign; `sums` are CRC-32 of the result's bytes. SPDX-License-Identifier: Apache-2.0"""
import json, pathlib, sys, zlib
import numpy as np
import PIL, timm, torch, torchvision
from PIL import Image
from timm.data import auto_augment as ta
from torchvision.transforms import InterpolationMode, autoaugment as tv, functional as F
import photos

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/pixels.json"
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
MOVES = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")
FACTORS = ("Brightness", "Color", "Contrast", "Sharpness")
FILL = (124, 116, 104)


def digest(image):
    return f"{zlib.crc32(np.ascontiguousarray(np.asarray(image)).tobytes()):08x}"


def signs(name):
    return (False, True) if name in MOVES or name in FACTORS else (False,)


def torchvision_rows(picture, image, which, bins):
    w, h = image.size
    space = tv.RandAugment()._augmentation_space(bins, (h, w)) if which == "TORCHVISION" else tv.TrivialAugmentWide()._augmentation_space(bins)
    for name, (magnitudes, signed) in space.items():
        levels = range(bins) if magnitudes.ndim else [0]
        for filter in FILTERS if name in MOVES else ["nearest"]:
            arguments, sums = [], []
            for level in levels:
                for negative in (False, True) if signed else (False,):
                    value = float(magnitudes[level].item()) if magnitudes.ndim else 0.0
                    value = -value if negative else value
                    fill = list(FILL) if image.mode == "RGB" else FILL[0]
                    out = tv._apply_op(image, name, value, InterpolationMode(filter), fill)
                    arguments.append(1.0 + value if name in FACTORS else value)
                    sums.append(digest(out))
            yield dict(set=which, picture=picture, op=name, filter=filter, bins=bins, levels=len(levels), arguments=arguments, sums=sums)


TIMM = {"TIMM": ta._RAND_TRANSFORMS, "TIMM_INCREASING": ta._RAND_INCREASING_TRANSFORMS, "TIMM_3A": ta._RAND_3A, "LIST_ORIGINAL": ["PosterizeOriginal"]}


def timm_rows(picture, image, which):
    w, h = image.size
    steps = [i / 2 for i in range(21)] + [3.3, 8.75, 9.61803398875]
    for name in TIMM[which]:
        level_fn, op = ta.LEVEL_TO_ARG[name], ta.NAME_TO_OP[name]
        base = name.replace("Increasing", "").replace("Original", "").replace("Rel", "").replace("Desaturate", "Color")
        signed = base in MOVES or (base in FACTORS and "Increasing" in name)
        for filter in ("bilinear", "bicubic") if base in MOVES else ["bilinear"]:
            arguments, sums = [], []
            for level in steps if level_fn else [0]:
                for negative in (False, True) if signed else (False,):
                    ta.random.random = lambda: 0.9 if negative else 0.1
                    args = level_fn(level, dict(translate_const=100)) if level_fn else ()
                    kw = dict(fillcolor=FILL if image.mode == "RGB" else FILL[0], resample=FILTERS[filter])
                    if base == "Posterize" and args[0] == 0:
                        out = Image.new(image.mode, image.size)  # black, as in Pillow before 12, which refuses no bits
                    else:
                        out = op(image, *args, **kw)
                    value = float(args[0]) if args else 0.0
                    if name.startswith("Translate"):
                        value *= w if name.startswith("TranslateX") else h
                    if name == "Desaturate":
                        value = min(1.0, max(0.0, 1.0 - value))
                    arguments.append(value)
                    sums.append(digest(out))
            levels = steps if level_fn else [0]
            yield dict(set=which, picture=picture, op=base, filter=filter, levels=levels, arguments=arguments, sums=sums)


def hue_rows(picture, image):
    turns = [-0.5, -0.31, -0.1, -0.004, 0.0, 0.003, 0.05, 0.17, 0.25, 1 / 3, 0.499, 0.5]
    yield dict(picture=picture, op="Hue", arguments=turns, sums=[digest(F.adjust_hue(image, t)) for t in turns])
    blurs = [0.1, 0.3, 0.57, 1.0, 1.5, 2.0, 3.7, 20.0]
    yield dict(picture=picture, op="GaussianBlur", arguments=blurs, sums=[digest(ta.gaussian_blur(image, b)) for b in blurs])
    turns = [0, 90, 180, 270, -90, -180, 360, 45, 33.3, 137.5]
    yield dict(picture=picture, op="Rotate", arguments=turns,
               sums=[digest(image.rotate(t, Image.BICUBIC, fillcolor=FILL if image.mode == "RGB" else FILL[0])) for t in turns])


def small_rows():
    """The 8x8 picture by formula: (rules, operation, argument, filter, fill) -> bytes."""
    image = photos.formula()
    cases = dict(ShearX=[.3, -.3], ShearY=[.3], TranslateX=[3.7, -3.7], TranslateY=[2.0], Rotate=[30.0, -30.0], Brightness=[.5, -.5],
                 Color=[.9, -.9], Contrast=[.9, -.9], Sharpness=[.9, -.9], Posterize=[4, 1], Solarize=[128.0, 25.5], AutoContrast=[0.],
                 Equalize=[0.], Invert=[0.])
    for name, values in cases.items():
        for value in values:
            for filter in ("nearest", "bilinear") if name in MOVES else ("nearest",):
                out = tv._apply_op(image, name, value, InterpolationMode(filter), None)
                yield dict(rules="torchvision", op=name, argument=1.0 + value if name in FACTORS else value, filter=filter, fill=[0, 0, 0], sum=digest(out))
    cases = dict(ShearX=.27, ShearY=-.27, TranslateXRel=.405, TranslateYRel=-.405, Rotate=27.0, PosterizeIncreasing=1, SolarizeIncreasing=26,
                 SolarizeAdd=99, ColorIncreasing=1.81, ContrastIncreasing=.19, BrightnessIncreasing=1.81, SharpnessIncreasing=.19,
                 AutoContrast=None, Equalize=None, Invert=None)
    for name, value in cases.items():
        args = () if value is None else (value,)
        out = ta.NAME_TO_OP[name](image, *args, fillcolor=FILL, resample=Image.BICUBIC)
        value = 0 if value is None else value * 8 if name.endswith("Rel") else value
        yield dict(rules="timm", op=name.replace("Increasing", "").replace("Rel", ""), argument=value, filter="bicubic", fill=FILL, sum=digest(out))


def main():
    if sys.argv[1:] == ["photos"]:
        photos.make()
    rows, others = [], []
    for name, image in photos.photos().items():
        rows += torchvision_rows(name, image, "TORCHVISION", 31)
        rows += torchvision_rows(name, image, "TRIVIAL", 31)
        if name != "grey":
            rows += torchvision_rows(name, image, "TORCHVISION", 10)
        for which in TIMM:
            rows += timm_rows(name, image, which)
        others += hue_rows(name, image)
    versions = dict(pillow=PIL.__version__, torchvision=torchvision.__version__, torch=torch.__version__, timm=timm.__version__)
    with open(OUT, "w") as f:
        f.write(json.dumps(dict(versions=versions, fill=FILL))[:-1] + ',\n"rows": [\n')
        f.write(",\n".join(json.dumps(r) for r in rows) + '],\n"others": [\n')
        f.write(",\n".join(json.dumps(r) for r in others) + '],\n"small": [\n')
        f.write(",\n".join(json.dumps(r) for r in small_rows()) + "]}\n")
    print(len(rows), "rows,", OUT.stat().st_size, "bytes")


main()
