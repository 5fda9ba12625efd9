"""Small shards for tests/data/test_shards.c: tar by Python's tarfile, TFRecord by TensorFlow, ImageNet's archives in
miniature. What lies in them is told in FOLDER/expected.txt, one picture a line: part, name, label, SHA-256 of its bytes,
as the same libraries read it back.

    make_shards.py OUT          (OUT = tests/fixtures/data/shards)

SPDX-License-Identifier: Apache-2.0
"""
import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile

import numpy as np
import scipy.io
import tensorflow as tf
from PIL import Image

OUT = sys.argv[1]
SYNSETS = ["n01440764", "n01443537", "n02123045", "n03995372"]


def picture(number, size=(12, 10), kind="JPEG"):
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.BILINEAR).save(file, kind, **({"quality": 60} if kind == "JPEG" else {}))
    return file.getvalue()


def sha(data):
    return hashlib.sha256(data).hexdigest()


def fresh(name):
    path = os.path.join(OUT, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def expect(path, classes, lines):
    with open(os.path.join(path, "expected.txt"), "w") as file:
        file.write("classes " + " ".join(classes) + "\n")
        for line in lines:
            file.write(" ".join(str(item) for item in line) + "\n")


def add(tar, name, data, **more):
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in more.items():
        setattr(member, key, value)
    tar.addfile(member, io.BytesIO(data))


def tar_bytes(members, form=tarfile.USTAR_FORMAT):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as tar:
        for name, data in members:
            add(tar, name, data)
    return file.getvalue()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def tar_lines(path, part, shard, label_of):
    """What Python's tarfile finds: pictures in order."""
    with tarfile.open(os.path.join(path, shard)) as tar:
        members = {m.name.removeprefix("./"): m for m in tar.getmembers() if m.isfile()}
        for name, member in members.items():
            if name.lower().endswith((".jpg", ".png", ".jpeg")) and ".seg." not in name and "._" not in name:
                yield part, f"{shard}/{name}", label_of(name, lambda n: tar.extractfile(members[n]).read()), sha(
                    tar.extractfile(member).read())


# ---- tar: numbers in .cls, three dialects of tar ----
def make_numbers():
    path = fresh("tar_cls")
    long = "a_folder_with_a_name_so_long_that_it_needs_more_than_one_hundred_characters/" + "x" * 60
    shards = [("train-000000.tar", tarfile.USTAR_FORMAT, 0, 7), ("train-000001.tar", tarfile.PAX_FORMAT, 7, 12),
              ("val-000000.tar", tarfile.GNU_FORMAT, 12, 16)]
    lines = []
    for shard, form, first, last in shards:
        members = []
        for i in range(first, last):
            key = f"{long}/{'é' if form == tarfile.PAX_FORMAT else ''}{i:06d}" if i % 3 == 0 else f"./{i:06d}"
            kind, extension = ("PNG", "PNG") if i % 5 == 4 else ("JPEG", "jpg")
            files = [(key + ".cls", f"{i % 4}\n".encode()), (key + "." + extension, picture(i, kind=kind)),
                     (key + ".txt", b"a caption"), (key + ".seg.png", picture(99, kind="PNG"))]
            members += files if i % 2 else files[1:2] + files[:1] + files[2:]
        if form == tarfile.GNU_FORMAT:
            members.append(("._rubbish.jpg", b"not a picture"))
        write(os.path.join(path, shard), tar_bytes(members, form))
        part = "train" if "train" in shard else "val"
        lines += tar_lines(path, part, shard, lambda n, read: int(read(n.rsplit(".", 1)[0] + ".cls")))
    expect(path, "0123", lines)


# ---- tar: words in .json, keys in folders ----
def make_words():
    path = fresh("tar_json")
    words = ["tabby", "goldfish", "tench"]
    for part, first, last in (("train", 20, 29), ("val", 29, 32)):
        members = []
        for i in range(first, last):
            members += [(f"{i}.json", json.dumps({"width": 12, "label": words[i % 3]}).encode()),
                        (f"{i}.jpeg", picture(i))]
        write(os.path.join(path, part, "0.tar"), tar_bytes(members))
    order = sorted(words)
    lines = []
    for part in ("train", "val"):
        lines += tar_lines(path, part, part + "/0.tar",
                           lambda n, read: order.index(json.loads(read(n.rsplit(".", 1)[0] + ".json"))["label"]))
    expect(path, order, lines)


# ---- tar: the folder is the class ----
def make_folders():
    path = fresh("tar_folders")
    members = [(f"{SYNSETS[i % 3]}/{SYNSETS[i % 3]}_{i}.JPEG", picture(i)) for i in range(40, 49)]
    write(os.path.join(path, "all.tar"), tar_bytes(members))
    expect(path, SYNSETS[:3], tar_lines(path, "train", "all.tar", lambda n, read: SYNSETS.index(n.split("/")[0])))


# ---- TFRecord ----
def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def write_records(path, examples):
    with tf.io.TFRecordWriter(path) as writer:
        for example in examples:
            features = {key: feature(value) for key, value in example.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(
                deterministic=True))


def record_lines(path, part, shard, image, label, name, shift):
    for record in tf.data.TFRecordDataset(os.path.join(path, shard)):
        f = tf.train.Example.FromString(record.numpy()).features.feature
        yield (part, shard + "/" + f[name].bytes_list.value[0].decode(), f[label].int64_list.value[0] - shift,
               sha(f[image].bytes_list.value[0]))


def make_tfds():
    path = fresh("tfds")
    lines, number = [], 60
    for split, shards, each in (("train", 3, 4), ("validation", 2, 3)):
        for s in range(shards):
            examples = [{"image": picture(number + i), "label": (number + i) % 4,
                         "file_name": f"{SYNSETS[(number + i) % 4]}_{number + i}.JPEG".encode()} for i in range(each)]
            number += each
            shard = f"imagenet2012-{split}.tfrecord-{s:05d}-of-{shards:05d}"
            write_records(os.path.join(path, shard), examples)
            lines += record_lines(path, "train" if split == "train" else "val", shard, "image", "label", "file_name", 0)
    with open(os.path.join(path, "label.labels.txt"), "w") as file:
        file.write("\n".join(SYNSETS) + "\n")
    with open(os.path.join(path, "features.json"), "w") as file:
        json.dump({"featuresDict": {"features": {"label": {"classLabel": {"numClasses": "4"}}}}}, file)
    expect(path, SYNSETS, lines)


def make_classic():
    path = fresh("classic")
    lines, number = [], 80
    for split, shards, each in (("train", 2, 5), ("validation", 1, 4)):
        for s in range(shards):
            examples = []
            for i in range(number, number + each):
                examples.append({"image/height": 10, "image/width": 12, "image/colorspace": b"RGB", "image/channels": 3,
                                 "image/class/label": i % 4 + 1, "image/class/synset": SYNSETS[i % 4].encode(),
                                 "image/class/text": b"a word", "image/object/bbox/xmin": 0.25, "image/format": b"JPEG",
                                 "image/filename": f"{SYNSETS[i % 4]}_{i}.JPEG".encode(), "image/encoded": picture(i)})
            number += each
            shard = f"{split}-{s:05d}-of-{shards:05d}"
            write_records(os.path.join(path, shard), examples)
            lines += record_lines(path, "train" if split == "train" else "val", shard, "image/encoded",
                                  "image/class/label", "image/filename", 1)
    expect(path, SYNSETS, lines)


# ---- ImageNet's own archives ----
IDS = {"n01440764": 3, "n01443537": 1, "n02123045": 4, "n03995372": 2}  # in another order than the names


def devkit(compressed):
    rows = [(IDS[s], s, f"words of {s}", "a gloss", 0, np.zeros((0, 0)), 0, 3) for s in sorted(IDS, key=IDS.get)]
    rows += [(5, "n00001740", "entity", "all", 2, np.array([[1.0, 2.0]]), 1, 0), (6, "n00001930", "more", "all", 2,
                                                                                   np.array([[3.0, 4.0]]), 1, 0)]
    names = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children", "children", "wordnet_height", "num_train_images"]
    table = np.zeros((len(rows), 1), dtype=[(name, "O") for name in names])
    for i, row in enumerate(rows):
        table[i, 0] = tuple(np.array([[v]], dtype=np.float64 if v > 255 else np.uint8) if isinstance(v, int) else v
                            for v in row)
    file = io.BytesIO()
    scipy.io.savemat(file, {"synsets": table}, do_compression=compressed)
    return file.getvalue()


def leaves(meta):
    """As torchvision reads it."""
    rows = scipy.io.loadmat(io.BytesIO(meta), squeeze_me=True)["synsets"]
    return {int(row[0]): str(row[1]) for row in rows if row[4] == 0}


def make_imagenet():
    truth = [2, 4, 1, 3, 3, 1]  # of validation pictures 1 to 6, as ILSVRC2012_ID
    text = "".join(f"{t}\n" for t in truth).encode()
    train = {s: [(f"{s}_{i}.JPEG", picture(100 + 10 * n + i)) for i in range(3)] for n, s in enumerate(SYNSETS)}
    val = [(f"ILSVRC2012_val_{i + 1:08d}.JPEG", picture(200 + i)) for i in range(len(truth))]
    kit = "ILSVRC2012_devkit_t12/data/"
    # as it is downloaded
    path = fresh("imagenet_tar")
    meta = devkit(True)
    of_id = leaves(meta)
    write(os.path.join(path, "ILSVRC2012_img_train.tar"),
          tar_bytes([(s + ".tar", tar_bytes(files, tarfile.GNU_FORMAT)) for s, files in train.items()]))
    write(os.path.join(path, "ILSVRC2012_img_val.tar"), tar_bytes(val))
    write(os.path.join(path, "ILSVRC2012_devkit_t12.tar.gz"),
          gzip.compress(tar_bytes([(kit + "meta.mat", meta), (kit + "ILSVRC2012_validation_ground_truth.txt", text),
                                   (kit + "readme.txt", b"more")]), mtime=0))
    lines = [("train", f"ILSVRC2012_img_train.tar/{s}/{n}", SYNSETS.index(s), sha(d))
             for s, files in train.items() for n, d in files]
    lines += [("val", f"ILSVRC2012_img_val.tar/{n}", SYNSETS.index(of_id[t]), sha(d)) for (n, d), t in zip(val, truth)]
    expect(path, SYNSETS, lines)
    # unpacked, the validation pictures flat
    path = fresh("imagenet_flat")
    for s, files in train.items():
        for name, data in files:
            write(os.path.join(path, "train", s, name), data)
    for name, data in val:
        write(os.path.join(path, "val", name), data)
    write(os.path.join(path, kit, "meta.mat"), devkit(False))
    write(os.path.join(path, kit, "ILSVRC2012_validation_ground_truth.txt"), text)
    lines = [("train", f"train/{s}/{n}", SYNSETS.index(s), sha(d)) for s, files in train.items() for n, d in files]
    lines += [("val", f"val/{n}", SYNSETS.index(of_id[t]), sha(d)) for (n, d), t in zip(val, truth)]
    expect(path, SYNSETS, lines)


make_numbers()
make_words()
make_folders()
make_tfds()
make_classic()
make_imagenet()
