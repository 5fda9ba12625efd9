"""TF Model Garden's operations on real photographs, at every magnitude -> fixtures/augment/pixels_tf.json.

Run in an environment with tensorflow, with the unpacked tf-models-official 2.19.1 as argument: python make_pixels_tf.py
FOLDER. Operations run in graph mode, as in a tf.data pipeline; the rest as make_pixels.py. SPDX-License-Identifier: Apache-2.0"""
import importlib.util, json, os, pathlib, sys, types, zlib

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
import tensorflow as tf
import photos

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/pixels_tf.json"
LEVELS = [i / 2 for i in range(21)] + [3.3, 8.75]
CUTOUT, TRANSLATE = 40.0, 100.0
SIGNED = ("Rotate", "ShearX", "ShearY", "TranslateX", "TranslateY")
FILL = [128] * 3


def augment(folder):
    """official/vision/ops/augment.py alone, without what it imports for detection."""
    sys.modules["tf_keras"] = types.ModuleType("tf_keras")
    for name in ("official", "official.vision", "official.vision.ops", "official.vision.configs"):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = []
    for parent, child in (("official.vision.configs", "common"), ("official.vision.ops", "box_ops")):
        module = sys.modules[f"{parent}.{child}"] = types.ModuleType(f"{parent}.{child}")
        setattr(sys.modules[parent], child, module)
    sys.modules["official.vision.configs.common"].SSDRandomCropParam = object
    spec = importlib.util.spec_from_file_location("augment", pathlib.Path(folder) / "official/vision/ops/augment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ag = augment(sys.argv[1])


def digest(tensor):
    return f"{zlib.crc32(np.ascontiguousarray(tensor.numpy()).tobytes()):08x}"


def graph(fn):
    """In graph mode, of pictures whose size is not known before: known, equal sides would be folded into one."""
    return tf.function(fn, input_signature=[tf.TensorSpec([None, None, 3], tf.uint8)])


def run(name, pixels, argument):
    """One operation by its argument; moves get it as the float32 tensor that a drawn sign makes of it."""
    fn = ag.NAME_TO_FUNC[name]
    args = [] if argument is None else [tf.constant(argument, tf.float32) if name in SIGNED else argument]
    if name in SIGNED:
        args.append(FILL)
    return graph(lambda image: fn(image, *args))(tf.constant(pixels))


def cutout(pixels, half, row, column):
    return graph(lambda image: ag._fill_rectangle(image, column, row, half, half, 128))(tf.constant(pixels))


def rows(picture, pixels):
    table = ag.level_to_arg(CUTOUT, TRANSLATE)
    for name in ag.RandAugment().available_ops:
        if name == "Cutout":
            continue
        plain = name in ("AutoContrast", "Equalize", "Invert")
        arguments, sums = [], []
        for level in [0] if plain else LEVELS:
            for negative in (False, True) if name in SIGNED else (False,):
                ag._randomly_negate_tensor = lambda t: -t if negative else t
                value = table[name](level)
                value = value[0] if value else None
                arguments.append(0.0 if value is None else float(value))
                sums.append(digest(run(name, pixels, value)))
        yield dict(set="TF", picture=picture, op=name, filter="nearest", levels=[0] if plain else LEVELS, arguments=arguments, sums=sums)


def small():
    pixels = np.asarray(photos.formula())
    for name, value in [("AutoContrast", None), ("Equalize", None), ("Invert", None), ("Rotate", 27.0), ("Rotate", -27.0), ("Posterize", 3),
                        ("Posterize", 0), ("Solarize", 230), ("SolarizeAdd", 99), ("Color", 1.72), ("Contrast", 1.72), ("Brightness", 1.72),
                        ("Sharpness", 1.72), ("Color", 0.28), ("ShearX", 0.27), ("ShearY", -0.27), ("TranslateX", 3.0), ("TranslateY", -2.0)]:
        yield dict(rules="tf", op=name, argument=0 if value is None else value, filter="nearest", fill=FILL, sum=digest(run(name, pixels, value)))


def cutouts(picture, pixels):
    h, w = pixels.shape[:2]
    for half, row, column in ((0, 3, 4), (5, 0, 0), (5, h - 1, w - 1), (12, 20, 31), (36, h // 2, 2), (100, 7, 9)):
        yield dict(picture=picture, half=half, row=row, column=column, sum=digest(cutout(pixels, half, row, column)))


pictures = {name: np.asarray(image) for name, image in photos.photos().items() if name != "grey"}
parts = dict(rows=[r for n, p in pictures.items() for r in rows(n, p)], small=list(small()), cutouts=[r for n, p in pictures.items() for r in cutouts(n, p)])
with open(OUT, "w") as f:
    f.write(json.dumps(dict(versions=dict(tensorflow=tf.__version__, models="2.19.1"), fill=FILL))[:-1])
    for name, part in parts.items():
        f.write(f',\n"{name}": [\n' + ",\n".join(json.dumps(r) for r in part) + "]")
    f.write("}\n")
print(sum(len(r["sums"]) for r in parts["rows"]), "results,", OUT.stat().st_size, "bytes")
