"""Small JPEG, PNG and WebP files of every kind, what Pillow decodes from them, and broken ones.

Writes fixtures/data/pictures/* and fixtures/data/pictures.json. Run: python make_pictures.py.
SPDX-License-Identifier: Apache-2.0"""
import io, json, pathlib, struct, zlib
import numpy as np
import PIL
from PIL import Image, ImageOps, features
from noise import noise, fnv

ROOT = pathlib.Path(__file__).parent.parent / "fixtures/data"
FOLDER = ROOT / "pictures"
FOLDER.mkdir(parents=True, exist_ok=True)
good, bad = [], []


def scene(h, w):
    """Smooth colours, an edge and some noise: every part of a decoder has something to do."""
    y, x = np.mgrid[0:h, 0:w]
    rgb = np.stack([x * 255 / max(w - 1, 1), y * 255 / max(h - 1, 1), 128 + 90 * np.sin(x / 3 + y / 5)], 2)
    rgb[(x + y) % 29 < 4] = (250, 20, 30)
    return np.clip(rgb + noise(h, w, 3, 1).astype(float) / 8 - 16, 0, 255).astype(np.uint8)


def keep(name, data):
    (FOLDER / name).write_bytes(data)
    for exif in ("ignore", "apply"):
        image = Image.open(io.BytesIO(data))
        if exif == "apply":
            upright = ImageOps.exif_transpose(image)
            if upright is None or upright.tobytes() == image.tobytes() and upright.size == image.size:
                continue
            image = upright
        rgb = np.asarray(image.convert("RGB"))
        good.append({"file": name, "exif": exif, "height": rgb.shape[0], "width": rgb.shape[1], "fnv": fnv(rgb),
                     "first": rgb.reshape(-1)[:6].tolist()})


def saved(image, *args, **kwargs):
    out = io.BytesIO()
    image.save(out, *args, **kwargs)
    return out.getvalue()


def broken(name, data, says):
    (FOLDER / name).write_bytes(data)
    bad.append({"file": name, "says": says})


def png(width, height, depth, colour, rows, extra=b"", interlace=0):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows, 9))
            + chunk(b"IEND", b"")), chunk


rgb = Image.fromarray(scene(47, 61))
alpha = Image.fromarray(noise(47, 61, 1, 9)[:, :, 0])
rgba = rgb.copy()
rgba.putalpha(alpha)
wide = Image.fromarray(scene(20, 32))

# ---- JPEG
for sub in (0, 1, 2):
    keep(f"rgb_sub{sub}.jpg", saved(rgb, "JPEG", quality=85, subsampling=sub))
keep("grey.jpg", saved(rgb.convert("L"), "JPEG", quality=80))
keep("cmyk.jpg", saved(rgb.convert("CMYK"), "JPEG", quality=90))
keep("progressive.jpg", saved(rgb, "JPEG", quality=75, progressive=True))
keep("progressive_grey.jpg", saved(rgb.convert("L"), "JPEG", quality=60, progressive=True))
keep("restart.jpg", saved(rgb, "JPEG", quality=70, restart_marker_blocks=2))
keep("one.jpg", saved(Image.fromarray(scene(1, 1)), "JPEG"))
keep("strip.jpg", saved(Image.fromarray(scene(3, 200)), "JPEG", quality=50))
keep("large.jpg", saved(Image.fromarray(scene(300, 401)), "JPEG", quality=40))
cmyk = bytearray(saved(rgb.convert("CMYK"), "JPEG", quality=90))
adobe = cmyk.find(b"Adobe")
cmyk[adobe + 11] = 2  # the same data read as YCCK
keep("ycck.jpg", bytes(cmyk))
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    keep(f"turned{orientation}.jpg", saved(wide, "JPEG", quality=85, exif=exif))
big = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
keep("turned_big_endian.jpg", saved(wide, "JPEG", quality=85, exif=big))

# ---- PNG
keep("rgb.png", saved(rgb, "PNG"))
keep("grey.png", saved(rgb.convert("L"), "PNG"))
keep("one_bit.png", saved(rgb.convert("1"), "PNG"))
keep("grey_alpha.png", saved(rgba.convert("LA"), "PNG"))
keep("rgba.png", saved(rgba, "PNG"))
for colours in (2, 4, 16, 200):
    keep(f"palette{colours}.png", saved(rgb.quantize(colours), "PNG"))
keep("palette_transparent.png", saved(rgb.quantize(30), "PNG", transparency=3))
keep("rgb_transparent.png", saved(rgb, "PNG", transparency=(250, 20, 30)))
keep("grey16.png", saved(Image.fromarray((noise(9, 7, 1, 2)[:, :, 0].astype(np.uint16) * 3)), "PNG"))
data = noise(9, 7 * 8 + 1, 1, 4)[:, :, 0]
data[:, 0] = [0, 1, 2, 3, 4, 0, 1, 2, 3]  # a filter type in front of each row
for name, depth, colour, size in (("grey2", 2, 0, 2), ("grey4", 4, 0, 4), ("rgb16", 16, 2, 42), ("la16", 16, 4, 28),
                                  ("rgba16", 16, 6, 56)):
    keep(f"{name}.png", png(7, 9, depth, colour, data[:, :size + 1].tobytes())[0])
# Adam7: 7 x 9 pixels need passes of these (width, height)
passes = [(1, 2), (1, 2), (2, 1), (2, 3), (4, 2), (3, 5), (7, 4)]
rows = b"".join(noise(h, w * 3 + 1, 1, 20 + i)[:, :, 0].tobytes() for i, (w, h) in enumerate(passes) if w and h)
fixed, at = bytearray(rows), 0
for w, h in passes:
    for _ in range(h):
        fixed[at] %= 5
        at += w * 3 + 1
keep("interlaced.png", png(7, 9, 8, 2, bytes(fixed), interlace=1)[0])
exif = Image.Exif()
exif[0x0112] = 6
keep("turned6.png", saved(wide, "PNG", exif=exif))

# ---- WebP
keep("lossy.webp", saved(rgb, "WEBP", quality=70))
keep("lossless.webp", saved(rgb, "WEBP", lossless=True))
keep("lossy_alpha.webp", saved(rgba, "WEBP", quality=70))
keep("lossless_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True))
keep("turned6.webp", saved(wide, "WEBP", quality=70, exif=exif))

# ---- broken
whole = saved(rgb, "JPEG", quality=85)
broken("truncated.jpg", whole[:len(whole) * 2 // 3], "end before the picture is complete")
broken("header_only.jpg", whole[:20], "end before the picture is complete")
progressive = saved(rgb, "JPEG", quality=75, progressive=True)
broken("truncated_progressive.jpg", progressive[:len(progressive) // 2], "end before the picture is complete")
sof = whole.find(b"\xff\xc0")
broken("huge.jpg", whole[:sof + 5] + b"\xff\xdc\xff\xdc" + whole[sof + 9:], "at most")
broken("no_tables.jpg", whole.replace(b"\xff\xdb", b"\xff\xe9"), "broken JPEG")
whole = saved(rgb, "PNG")
broken("truncated.png", whole[:len(whole) // 2], "end before the picture is complete")
broken("crc.png", whole[:len(whole) // 2] + b"?" + whole[len(whole) // 2 + 1:], "broken PNG")
broken("huge.png", png(60000, 60000, 8, 2, b"")[0], "at most")
broken("zero.png", png(0, 5, 8, 2, b"")[0], "broken PNG")
whole = saved(rgb, "WEBP", quality=70)
broken("truncated.webp", whole[:len(whole) // 2], "broken WebP")
broken("animated.webp", saved(rgb, "WEBP", save_all=True, append_images=[wide.resize(rgb.size)]), "animated")
broken("gif.jpg", saved(wide.quantize(4), "GIF"), "this is a GIF picture")
broken("bmp.png", saved(Image.fromarray(scene(2, 2)), "BMP"), "this is a BMP picture")
broken("text.jpg", b"this is no picture\n", "not a picture")
broken("empty.jpg", b"", "the file is empty")

lines = lambda items: ",\n".join(map(json.dumps, items))
versions = {"pillow": PIL.__version__, **{k: features.version(k) for k in ("libjpeg_turbo", "webp", "zlib")}}
(ROOT / "pictures.json").write_text('{"versions": %s,\n"good": [\n%s\n],\n"bad": [\n%s\n]}\n' % (
    json.dumps(versions), lines(good), lines(bad)))
print(len(good), "decoded,", len(bad), "broken,", sum(f.stat().st_size for f in FOLDER.iterdir()), "bytes")
