"""A small ConvNeXt in training mode, written in JAX from the paper: the second opinion beside torchvision.

Parameters are a dict by torchvision's names, tensors NCHW / OIHW. SPDX-License-Identifier: Apache-2.0
"""

import jax

EPS = 1e-6


def conv(x, p, name, stride=1, pad=0, groups=1):
    y = jax.lax.conv_general_dilated(x, p[f"{name}.weight"], (stride, stride), ((pad, pad), (pad, pad)),
                                     feature_group_count=groups, dimension_numbers=("NCHW", "OIHW", "NCHW"),
                                     precision=jax.lax.Precision.HIGHEST)
    return y + p[f"{name}.bias"][:, None, None]


def norm(x, p, name):
    """Over the last dimension."""
    d = x - x.mean(-1, keepdims=True)
    return d / ((d * d).mean(-1, keepdims=True) + EPS) ** 0.5 * p[f"{name}.weight"] + p[f"{name}.bias"]


def norm2d(x, p, name):
    return norm(x.transpose(0, 2, 3, 1), p, name).transpose(0, 3, 1, 2)


def linear(x, p, name):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def forward(p, x, depths, keep):
    """keep: (blocks, N), what stochastic depth multiplies each picture's branch with."""
    x = norm2d(conv(x, p, "features.0.0", 4), p, "features.0.1")
    at = 0
    for stage, depth in enumerate(depths):
        if stage:
            x = conv(norm2d(x, p, f"features.{2 * stage}.0"), p, f"features.{2 * stage}.1", 2)
        for i in range(depth):
            name = f"features.{2 * stage + 1}.{i}"
            y = conv(x, p, f"{name}.block.0", 1, 3, x.shape[1]).transpose(0, 2, 3, 1)
            y = linear(norm(y, p, f"{name}.block.2"), p, f"{name}.block.3")
            y = linear(jax.nn.gelu(y, approximate=False), p, f"{name}.block.5").transpose(0, 3, 1, 2)
            x = x + p[f"{name}.layer_scale"] * y * keep[at][:, None, None, None]
            at += 1
    return linear(norm(x.mean((2, 3)), p, "classifier.0"), p, "classifier.2")


def loss(p, x, target, depths, keep):
    return -(target * jax.nn.log_softmax(forward(p, x, depths, keep))).sum(1).mean()
