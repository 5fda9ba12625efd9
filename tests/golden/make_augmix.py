"""torchvision's AugMix: its operations on tensors, its magnitudes, and whole runs with what was drawn -> fixtures/augment/augmix.json.

Run: python make_augmix.py. SPDX-License-Identifier: Apache-2.0"""
import json, pathlib, zlib
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment as tv
from noise import noise
import photos

OUT = pathlib.Path(__file__).resolve().parents[1] / "fixtures/augment/augmix.json"
FILL = (124, 116, 104)
FACTORS = ("Brightness", "Color", "Contrast", "Sharpness")
apply_op = tv._apply_op


def digest(pixels):
    return f"{zlib.crc32(np.ascontiguousarray(np.asarray(pixels)).tobytes()):08x}"


def pictures():
    """The wide photograph, then noise of height, width, channels and seed."""
    yield "wide", photos.photos()["wide"]
    for shape in ([51, 60, 1, 4], [64, 64, 3, 5], [2, 3, 3, 6], [1, 1, 1, 7], [224, 224, 3, 8]):
        pixels = noise(*shape)
        yield shape, Image.fromarray(pixels[..., 0] if shape[2] == 1 else pixels)


def own_argument(op, magnitude):
    return 1.0 + magnitude if op in FACTORS else magnitude


def fill_for(picture, filled):
    return list(FILL[: len(picture.getbands())]) if filled else None


def single():
    """Each operation at three magnitudes."""
    for named, picture in pictures():
        w, h = picture.size
        augmix = tv.AugMix()
        for op, (magnitudes, signed) in augmix._augmentation_space(10, (h, w)).items():
            moves = op.startswith(("Shear", "Translate", "Rotate"))
            for bin in (1, 2, 9) if magnitudes.ndim else (0,):
                for sign in (1, -1) if signed else (1,):
                    for filter in ("nearest", "bilinear") if moves else ("nearest",):
                        for filled in (False, True) if moves and bin == 2 else (False,):
                            if max(w, h) > 100 and (bin == 9 or filter == "nearest" and moves):
                                continue
                            magnitude = sign * float(magnitudes[bin]) if magnitudes.ndim else 0.0
                            tensor = torch.from_numpy(np.array(picture).reshape(h, w, -1).transpose(2, 0, 1).copy())
                            out = apply_op(tensor, op, magnitude, InterpolationMode(filter), fill_for(picture, filled))
                            yield dict(picture=named, op=op, argument=own_argument(op, magnitude), filter=filter, filled=filled,
                                       sum=digest(out.permute(1, 2, 0)))


def spaces():
    """Every magnitude, for pictures of several sizes: [bins 0 to 9, then with the other sign]."""
    for h, w in ((56, 83), (224, 224), (31, 500)):
        rows = []
        for op, (magnitudes, signed) in tv.AugMix()._augmentation_space(10, (h, w)).items():
            plus = [own_argument(op, float(m)) for m in magnitudes] if magnitudes.ndim else [0.0] * 10
            minus = [own_argument(op, -float(m)) for m in magnitudes] if signed else plus
            rows.append(dict(op=op, plus=plus, minus=minus))
        yield dict(height=h, width=w, rows=rows)


class Recorded(tv.AugMix):
    """Keeps the weights, and where chains end."""

    def _sample_dirichlet(self, params):
        self.drawn.append(super()._sample_dirichlet(params))
        return self.drawn[-1]


def runs():
    torch.manual_seed(12)
    steps, ends = [], []

    def recorded(image, name, magnitude, interpolation, fill):
        steps.append(dict(op=name, argument=own_argument(name, magnitude), filter=interpolation.value))
        return apply_op(image, name, magnitude, interpolation, fill)

    tv._apply_op = recorded
    settings = [dict(), dict(severity=10, chain_depth=2, mixture_width=4), dict(alpha=0.3, all_ops=False, fill=list(FILL)),
                dict(severity=5, chain_depth=6, mixture_width=2, interpolation=InterpolationMode.NEAREST), dict(mixture_width=1, chain_depth=1)]
    for setting in settings:
        for named, picture in pictures():
            if len(picture.getbands()) == 1 and "fill" in setting:
                continue
            for _ in range(4 if named == "wide" else 2):
                augmix = Recorded(**setting)
                augmix.drawn = []
                steps.clear(), ends.clear()
                add = torch.Tensor.add_
                torch.Tensor.add_ = lambda *a, **k: (ends.append(len(steps)), add(*a, **k))[1]
                out = augmix(picture)
                torch.Tensor.add_ = add
                m, weights = augmix.drawn
                combined = (weights * m[:, 1].view(1, -1))[0]
                yield dict(picture=named, filled="fill" in setting, kept=float(m[0, 0]), share=float(m[0, 1]), weights=[float(x) for x in combined],
                           steps=list(steps), ends=list(ends), sum=digest(out))
    tv._apply_op = apply_op


parts = dict(spaces=list(spaces()), single=list(single()), runs=list(runs()))
with open(OUT, "w") as f:
    f.write(json.dumps(dict(fill=FILL))[:-1])
    for name, part in parts.items():
        f.write(f',\n"{name}": [\n' + ",\n".join(json.dumps(r) for r in part) + "]")
    f.write("}\n")
print({k: len(v) for k, v in parts.items()}, OUT.stat().st_size, "bytes")
