#!/usr/bin/env python3
"""One contestant of compare_data.py: pictures in folders to batches of normalised crops, by one framework's loader.

Started by compare_data.py, once per contestant. It answers on stdout with one JSON object a line: first
{"ready": true, "version": …}, then {"images_per_s": …, "images": …} for each line of seconds. What each does is what its
documentation shows for training on ImageNet: random resized crop to 224, flip, mean and std, batches of 64.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import contextlib
import glob
import json
import os
import sys
import time

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SIDE, WARM = 224, 8  # batches, more than are ready ahead


def torch_batches(a, dataset):
    import torch

    torch.set_num_threads(1)
    loader = torch.utils.data.DataLoader(dataset, a.batch, shuffle=True, num_workers=a.workers, drop_last=True,
                                         persistent_workers=True)
    while True:
        for images, _ in loader:
            yield images.shape[0]


def torchvision_pillow(a):
    import PIL
    import torchvision
    from torchvision import transforms as t

    steps = t.Compose([t.RandomResizedCrop(SIDE), t.RandomHorizontalFlip(), t.ToTensor(), t.Normalize(MEAN, STD)])
    dataset = torchvision.datasets.ImageFolder(os.path.join(a.data, "train"), steps)
    return torch_batches(a, dataset), f"{torchvision.__version__}, Pillow {PIL.__version__}"


def torchvision_jpeg(a):
    """torchvision's own decoder, bytes as tensors, the newer transforms."""
    import torch
    import torchvision
    from torchvision import io
    from torchvision.transforms import v2 as t

    steps = t.Compose([t.RandomResizedCrop(SIDE, antialias=True), t.RandomHorizontalFlip(),
                       t.ToDtype(torch.float32, scale=True), t.Normalize(MEAN, STD)])

    def load(path):
        return io.decode_jpeg(io.read_file(path), io.ImageReadMode.RGB)

    dataset = torchvision.datasets.ImageFolder(os.path.join(a.data, "train"), steps, loader=load)
    return torch_batches(a, dataset), torchvision.__version__


def tf_data(a):
    """The crop is drawn first and decoded alone, as TensorFlow's own ImageNet pipelines do."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(a.workers)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    paths = sorted(glob.glob(os.path.join(a.data, "train", "*", "*.jpg")))
    labels = [hash(os.path.dirname(p)) % 1000 for p in paths]
    mean, std = tf.constant(MEAN) * 255, tf.constant(STD) * 255

    def load(path, label):
        data = tf.io.read_file(path)
        begin, size, _ = tf.image.sample_distorted_bounding_box(
            tf.image.extract_jpeg_shape(data), tf.zeros([1, 0, 4]), area_range=(0.08, 1.0),
            aspect_ratio_range=(3 / 4, 4 / 3), max_attempts=10, use_image_if_no_bounding_boxes=True)
        window = tf.stack([begin[0], begin[1], size[0], size[1]])
        image = tf.image.decode_and_crop_jpeg(data, window, channels=3)
        image = tf.image.random_flip_left_right(tf.image.resize(image, (SIDE, SIDE)))
        return (image - mean) / std, label

    dataset = tf.data.Dataset.from_tensor_slices((paths, labels)).shuffle(len(paths)).repeat()
    dataset = dataset.map(load, num_parallel_calls=a.workers).batch(a.batch, drop_remainder=True).prefetch(2)
    options = tf.data.Options()
    options.threading.private_threadpool_size = a.workers
    return (images.shape[0] for images, _ in dataset.with_options(options)), tf.__version__


ENGINES = {"torchvision-pillow": torchvision_pillow, "torchvision-jpeg": torchvision_jpeg, "tf.data": tf_data}


def measure(batches, seconds):
    """Pictures per second, and pictures in all."""
    warm = sum(next(batches) for _ in range(WARM))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        count += next(batches)
    return {"images_per_s": count / (time.perf_counter() - start), "images": warm + count}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("engine", choices=ENGINES)
    p.add_argument("--data", required=True)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--workers", type=int, default=2)
    a = p.parse_args()
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        batches, version = ENGINES[a.engine](a)
        next(batches)
        print(json.dumps({"ready": True, "version": version}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(measure(batches, float(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
