"""A folder of photographs with planted faults, for `siskin data check`; and what must be found.

Writes fixtures/data/faults/* and fixtures/data/faults.json. Crops of scikit-image's photographs, 48 pixels a side.
Run: python make_faults.py. SPDX-License-Identifier: Apache-2.0"""
import io, json, pathlib, shutil, struct, zlib
import numpy as np
import skimage.data
from PIL import Image, ImageEnhance

ROOT = pathlib.Path(__file__).parent.parent / "fixtures/data"
FOLDER = ROOT / "faults"
shutil.rmtree(FOLDER, ignore_errors=True)
expected = []
SIDE = 48


def crops():
    """Ever new pieces of photographs, none like another."""
    photos = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()]
    step = 0
    while True:
        photo = photos[step % len(photos)]
        k = step // len(photos)
        across = (photo.shape[1] - 96) // 96
        y, x = 96 * (k // across), 96 * (k % across)
        yield Image.fromarray(photo[y:y + 96, x:x + 96]).resize((SIDE, SIDE), Image.LANCZOS)
        step += 1


photo = crops()


def saved(image, *args, **kwargs):
    out = io.BytesIO()
    image.save(out, *args, **kwargs)
    return out.getvalue()


def jpeg(image=None, **kwargs):
    return saved(image or next(photo), "JPEG", quality=85, **kwargs)


def put(path, data, *checks):
    """A file; each of `checks` is what must be found about it."""
    target = FOLDER / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    for check in checks:
        expected.append({"check": check, "path": path})


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(width, height):
    """Grey of one bit; a checkered first row so that it is not of one colour."""
    rows = bytearray(b"\0" + b"\xaa" * ((width + 7) // 8)) + bytes((height - 1) * (1 + (width + 7) // 8))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


# ---- what is fine: ten times as many of "cat" as of "axolotl", plus one
for i in range(11):
    put(f"train/cat/{i:02d}.jpg", jpeg())
for i in range(2):
    put(f"train/dog/{i:02d}.jpg", jpeg())
    put(f"val/cat/{i:02d}.jpg", jpeg())
    put(f"val/dog/{i:02d}.jpg", jpeg())
put("train/dog/nested/deeper/fine.png", saved(next(photo), "PNG"))
put("README.txt", b"These are photographs.\n")

# ---- the classes
put("train/axolotl/0.jpg", jpeg())
expected.append({"check": "imbalance", "path": "train/axolotl"})
put("val/axolotl/0.jpg", jpeg())
put("val/eel/0.jpg", jpeg())
expected.append({"check": "class_missing", "path": "train/eel"})
(FOLDER / "train/newt").mkdir(parents=True)
put("train/newt/.keep", b"", "hidden")  # git keeps no empty folders
expected.append({"check": "class_empty", "path": "train/newt"})
put("val/newt/0.jpg", jpeg())

# ---- what cannot be read
whole = jpeg()
put("train/cat/broken.jpg", whole.replace(b"\xff\xdb", b"\xff\xe9"), "unreadable")
put("train/cat/text.jpg", b"<html>not found</html>\n", "unreadable")
put("train/cat/cut.jpg", jpeg()[:-200], "truncated")
put("train/cat/cut.png", saved(next(photo), "PNG")[:-500], "truncated")
put("train/cat/empty.jpg", b"", "empty")
put("train/cat/enormous.png", flat_png(14000, 13000), "too_large")
put("train/dog/phone.heic", b"\0\0\0\x1cftypheic\0\0\0\0mif1heic" + bytes(64), "format")
put("train/dog/phone's scan.tif", saved(next(photo), "TIFF"), "format")
put("train/dog/old.bmp", saved(next(photo).resize((8, 8)), "BMP"), "format")
put("train/dog/moving.gif", saved(next(photo), "GIF"), "format")

# ---- what can be read
put("train/dog/tiny.jpg", jpeg(next(photo).resize((7, 9))), "tiny")
put("train/dog/blank.png", saved(Image.new("RGB", (SIDE, SIDE), (255, 255, 255)), "PNG"), "blank")
exif = Image.Exif()
exif[0x0112] = 6
put("train/dog/lying.jpg", jpeg(exif=exif), "orientation")
put("train/dog/grey.jpg", jpeg(next(photo).convert("L")), "grey")
put("train/dog/inks.jpg", jpeg(next(photo).convert("CMYK")), "inks")
see_through = next(photo).convert("RGBA")
see_through.putalpha(Image.linear_gradient("L").resize((SIDE, SIDE)))
put("train/dog/alpha.png", saved(see_through, "PNG"), "alpha")
put("train/dog/name.png", jpeg(), "extension")

# ---- the same picture again
again = next(photo)
put("train/dog/twin_a.jpg", jpeg(again))
put("train/dog/twin_b.jpg", jpeg(again), "twins")
put("val/dog/leak.jpg", (FOLDER / "train/dog/00.jpg").read_bytes(), "leaked")
put("train/dog/cat_too.jpg", (FOLDER / "train/cat/00.jpg").read_bytes(), "two_labels")
again = next(photo)
put("train/dog/near_a.jpg", jpeg(again))
put("train/dog/near_b.jpg", saved(ImageEnhance.Brightness(again).enhance(1.06).resize((40, 40)), "JPEG", quality=60), "near")
again = next(photo)
put("train/dog/near_leak_a.jpg", jpeg(again))
put("val/dog/near_leak_b.png", saved(again.resize((64, 64), Image.BICUBIC), "PNG"), "near_leaked")

# ---- what lies where it does not belong
put("train/dog/notes.docx", b"PK\3\4 a list of dogs", "foreign")
put("train/dog/.DS_Store", b"\0\0\0\1Bud1", "hidden")
put("train/stray.jpg", jpeg(), "outside")
put("validation/cat/0.jpg", jpeg())
expected.append({"check": "outside", "path": "validation"})

expected.sort(key=lambda e: (e["check"], e["path"]))
(ROOT / "faults.json").write_text("[\n" + ",\n".join(json.dumps(e) for e in expected) + "\n]\n")
print(len(expected), "faults,", sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()), "bytes")
