"""Pictures by formula, the same here and in tests/augment/noise.h: no source pictures need to be kept.

SPDX-License-Identifier: Apache-2.0"""
import numpy as np


def noise(height, width, channels, seed, extreme=False):
    """Uniform bytes, or only 0 and 255."""
    j = np.arange(height * width * channels, dtype=np.uint64)
    h = (j * 2654435761 + (seed + 1) * 2246822519) & 0xFFFFFFFF
    h ^= h >> 15
    h = (h * 2246822519) & 0xFFFFFFFF
    h ^= h >> 13
    value = (h >> 31) * 255 if extreme else h >> 24
    return value.astype(np.uint8).reshape(height, width, channels)


def fnv(data):
    """FNV-1a, 64 bits, of an array's bytes as a hexadecimal string."""
    h = 0xCBF29CE484222325
    for byte in data.tobytes():
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{h:016x}"
