"""MobileNetV2 in training mode, written in JAX from the paper's table: the second opinion beside torchvision.

Parameters and statistics are dicts by torchvision's names, tensors NCHW / OIHW, padding as in torch.
SPDX-License-Identifier: Apache-2.0
"""

import jax
import jax.numpy as jnp

EPS, MOMENTUM = 1e-5, 0.1
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def divisible(v, by=8):
    new = max(by, int(v + by / 2) // by * by)
    return new + by if new < 0.9 * v else new


def conv(x, w, stride, groups=1):
    pad = (w.shape[2] - 1) // 2
    return jax.lax.conv_general_dilated(x, w, (stride, stride), ((pad, pad), (pad, pad)), feature_group_count=groups,
                                        dimension_numbers=("NCHW", "OIHW", "NCHW"),
                                        precision=jax.lax.Precision.HIGHEST)


def norm(p, s, new, name, x):
    """Batch statistics; the running variance takes the unbiased one."""
    n = x.shape[0] * x.shape[2] * x.shape[3]
    mean = x.mean((0, 2, 3))
    d = x - mean[:, None, None]
    var = (d * d).mean((0, 2, 3))
    for key, value in (("running_mean", mean), ("running_var", var * n / (n - 1))):
        new[f"{name}.{key}"] = (1 - MOMENTUM) * s[f"{name}.{key}"] + MOMENTUM * value
    a = p[f"{name}.weight"] / jnp.sqrt(var + EPS)
    return a[:, None, None] * d + p[f"{name}.bias"][:, None, None]


def relu6(x):
    """Gradient 0 at 0 and at 6, as torch has it."""
    return jnp.where((x > 0) & (x < 6), x, jnp.clip(jax.lax.stop_gradient(x), 0, 6))


def forward(p, s, x, width, keep=None):
    """(logits, statistics after this batch). keep: (blocks, N), what stochastic depth multiplies branches with."""
    new = {}

    def conv_norm(x, at, index, stride=1, groups=1):
        return norm(p, s, new, f"{at}.{index + 1}", conv(x, p[f"{at}.{index}.weight"], stride, groups))

    x = relu6(conv_norm(x, "features.0", 0, 2))
    at, channels = 1, x.shape[1]
    for expand, out, count, first in TABLE:
        for i in range(count):
            stride, inner, block, k = (first if i == 0 else 1), channels * expand, f"features.{at}.conv", 0
            y = x
            if expand != 1:
                y, k = relu6(conv_norm(y, f"{block}.0", 0)), 1
            y = relu6(conv_norm(y, f"{block}.{k}", 0, stride, inner))
            y = conv_norm(y, block, k + 1)
            if keep is not None:
                y = y * keep[at - 1][:, None, None, None]
            x = x + y if stride == 1 and channels == divisible(out * width) else y
            channels, at = y.shape[1], at + 1
    x = relu6(conv_norm(x, f"features.{at}", 0))
    return x.mean((2, 3)) @ p["classifier.1.weight"].T + p["classifier.1.bias"], new


def loss(p, s, x, labels, width, smoothing):
    logits, new = forward(p, s, x, width)
    k = logits.shape[1]
    target = (1 - smoothing) * jax.nn.one_hot(labels, k, dtype=logits.dtype) + smoothing / k
    return -(target * jax.nn.log_softmax(logits)).sum(1).mean(), new
