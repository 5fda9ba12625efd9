"""Formula-made weights and inputs, and the checksums that the golden scripts write.

Every number a test needs as input comes from the integer hash below, so that C can make it again
without reading a file. All of it is rounded to float32 once, so that a float32 engine, a float64
reference and PyTorch start from the very same bits.
SPDX-License-Identifier: Apache-2.0
"""

import json
import math

import numpy as np


def u(k, n):
    """n numbers in [0,1) of stream k: number j is hash(j, k) / 2^32."""
    with np.errstate(over="ignore"):
        h = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32((k + 1) * 2246822519 % 2**32)
        h ^= h >> np.uint32(15)
        h = h * np.uint32(2246822519)
        h ^= h >> np.uint32(13)
    return h.astype(np.float64) / 2.0**32


def f32(a):
    """Rounded to float32, held in float64."""
    return np.asarray(a, np.float64).astype(np.float32).astype(np.float64)


def symmetric(k, shape, scale=1.0):
    """(2u-1) * scale over a shape, row-major."""
    return f32((2 * u(k, math.prod(shape)) - 1) * scale).reshape(shape)


def weight_values(state_dict):
    """[(name, float64 array)] by the fill rule, in state_dict order without num_batches_tracked."""
    out = []
    for name, t in state_dict.items():
        if name.endswith("num_batches_tracked"):
            continue
        shape = tuple(t.shape)
        v = u(len(out), math.prod(shape))
        if name.endswith("running_var"):
            v = 1 + 0.5 * v
        elif len(shape) >= 2:
            v = (2 * v - 1) * math.sqrt(6.0 / math.prod(shape[1:]))
        elif name.endswith("running_mean") or name.endswith("bias"):
            v = 0.2 * (v - 0.5)
        else:
            v = 1 + 0.2 * (v - 0.5)
        out.append((name, f32(v).reshape(shape)))
    return out


def fill(model):
    """Fill a torch model's state_dict by the rule."""
    import torch

    state = model.state_dict()
    with torch.no_grad():
        for name, v in weight_values(state):
            state[name].copy_(torch.from_numpy(v))
    return model


def images(first, count, size):
    """(count, 3, size, size) float64: pictures number first … first+count-1."""
    i, y, x, c = np.meshgrid(np.arange(first, first + count), np.arange(size), np.arange(size), np.arange(3),
                             indexing="ij")
    p = ((37 * y + 91 * x + 53 * c + 7 * x * y + 11 * y * y + 29 * i) % 256) / 255.0
    p = (p - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return f32(np.ascontiguousarray(p.transpose(0, 3, 1, 2)))


def picks(n, count):
    """Up to count distinct flat indices: the first, the last, and hashed ones between."""
    out = [0, n - 1]
    j = 0
    while len(out) < count and j < 64:
        out.append((j * 2654435761 + 40503 * n) % 2**32 * n >> 32)
        j += 1
        out = list(dict.fromkeys(out))
    return sorted(set(out))[:count]


def checksum(a, count=6):
    """shape, sum, l2 and a few entries by flat row-major index, all float64."""
    a = np.asarray(a, np.float64)
    flat = a.reshape(-1)
    index = picks(flat.size, count)
    return {"shape": list(a.shape), "sum": float(math.fsum(flat)), "l2": math.sqrt(math.fsum(flat * flat)),
            "index": index, "value": [float(flat[i]) for i in index]}


def save(path, data):
    """One member a line at the top two levels: small, and a readable diff."""
    def line(v):
        return json.dumps(v, separators=(",", ":"), allow_nan=False)

    parts = []
    for key, value in data.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            body = "[\n" + ",\n".join(line(v) for v in value) + "]"
        elif isinstance(value, dict) and len(line(value)) > 200:
            body = "{\n" + ",\n".join(f"{json.dumps(k)}:{line(v)}" for k, v in value.items()) + "}"
        else:
            body = line(value)
        parts.append(f"{json.dumps(key)}:{body}")
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    json.loads(text)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    print(f"{path}: {len(text)} bytes")
