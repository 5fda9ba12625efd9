"""What each published entry's own transforms make of nine awkward pictures -> fixtures/augment/published*.

Run: python make_transforms.py (after make_published.py). The pictures are opened as torchvision's pil_loader does,
Image.open(path).convert("RGB"), so EXIF orientation is ignored; results are CRC-32 sums of the f32 numbers in (H,W,C).
SPDX-License-Identifier: Apache-2.0"""
import json, pathlib, re, zlib
import numpy as np
import PIL, timm, torchvision
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models import get_pretrained_cfg
from torchvision import transforms as T
from torchvision.models import get_model_weights
from noise import noise

TESTS = pathlib.Path(__file__).resolve().parents[1]
FOLDER = TESTS / "fixtures/augment/published"
FOLDER.mkdir(exist_ok=True)
IMAGENET = dict(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


def scene(h, w, grain=8):
    """Smooth colours, edges and a little noise, so that filters and rounding have something to do."""
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 / max(w - 1, 1), y * 255 / max(h - 1, 1), 128 + 90 * np.sin(x / 7 + y / 11)], 2)
    rgb[(x + y) % 61 < 7] = (250, 20, 30)
    rgb[(x // 13 + y // 17) % 9 == 0] = (5, 240, 250)
    return np.clip(rgb + (noise(h, w, 3, 1).astype(float) - 128) * grain / 128, 0, 255).astype(np.uint8)


def pictures():
    turned = Image.Exif()
    turned[0x0112] = 6
    rgba = Image.fromarray(scene(97, 131, 0))
    rgba.putalpha(Image.fromarray(scene(97, 131, 0)[:, :, 2]))
    wide = scene(150, 211)[:, :, 2].astype(np.uint16) * 3  # Pillow clips 16-bit grey at 255
    Image.fromarray(scene(331, 487)).save(FOLDER / "odd.jpg", quality=70)
    Image.fromarray(scene(301, 225)).convert("L").save(FOLDER / "grey.jpg", quality=70)
    Image.fromarray(scene(251, 333)).convert("CMYK").save(FOLDER / "cmyk.jpg", quality=60)
    Image.fromarray(scene(255, 191)).quantize(48).save(FOLDER / "palette.png", transparency=3)
    rgba.save(FOLDER / "alpha.png")
    Image.fromarray(scene(240, 321)).save(FOLDER / "turned.jpg", quality=70, exif=turned)
    Image.fromarray(wide).save(FOLDER / "grey16.png")
    Image.fromarray(scene(23, 31)).save(FOLDER / "tiny.png")
    Image.fromarray(scene(97, 601)).save(FOLDER / "wide.webp", quality=70)
    return ["odd.jpg", "grey.jpg", "cmyk.jpg", "palette.png", "alpha.png", "turned.jpg", "grey16.png", "tiny.png",
            "wide.webp"]


def transform_of(source, model, entry):
    if source == "TORCHVISION":
        return get_model_weights(model)[entry].transforms()
    if source == "TIMM":
        return create_transform(**resolve_data_config({}, pretrained_cfg=get_pretrained_cfg(entry).to_dict()))
    side = {"efficientnet_lite0": 224, "efficientnet_lite1": 240, "efficientnet_lite2": 260}[model]
    # its README: Resize, ToTensor, Normalize, of a square picture; others are cut square
    return T.Compose([T.Resize(side), T.CenterCrop(side), T.ToTensor(), T.Normalize(**IMAGENET)])


names = pictures()
opened = [Image.open(FOLDER / name).convert("RGB") for name in names]
rows, known = [], {}
text = (TESTS.parent / "src/files/published.def").read_text()
for source, model, entry in re.findall(r'^PUBLISHED\((\w+), (\w+),\s+"([^"]+)"', text, re.M):
    transform = transform_of(source, model, entry)
    if repr(transform) not in known:
        known[repr(transform)] = [f"{zlib.crc32(transform(p).permute(1, 2, 0).contiguous().numpy().tobytes()):08x}"
                                  for p in opened]
    rows.append({"model": model, "entry": entry, "crc": known[repr(transform)]})
versions = {"torchvision": torchvision.__version__, "timm": timm.__version__, "pillow": PIL.__version__}
(TESTS / "fixtures/augment/published.json").write_text('{"versions": %s,\n"pictures": %s,\n"entries": [\n%s\n]}\n' % (
    json.dumps(versions), json.dumps(names), ",\n".join(map(json.dumps, rows))))
print(len(rows), "entries,", len(known), "different;", sum(f.stat().st_size for f in FOLDER.iterdir()), "bytes of pictures")
