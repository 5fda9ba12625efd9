#!/usr/bin/env python3
"""Forward and gradients of single operations in float64, every input by formula.

Writes ../fixtures/golden/ops.json. Tensors are NCHW and OIHW; "index" is flat and row-major in that order.
Truth is PyTorch; TF's SAME padding is cross-checked against JAX, batch-norm's two conventions against Flax.
SPDX-License-Identifier: Apache-2.0
"""

import math
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import flax.linen
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

import formula

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "golden")

X, W, B, DY = 0, 1, 2, 3  # streams of the formula


def same(size, kernel, stride, dilation):
    """TF's SAME: the odd pixel goes to the bottom and the right."""
    total = max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def leaf(a):
    return torch.from_numpy(np.ascontiguousarray(a)).requires_grad_(True)


def backward(y, leaves):
    """dy by formula, and the gradients of sum(y * dy)."""
    dy = torch.from_numpy(formula.symmetric(DY, tuple(y.shape)))
    return [g.numpy() for g in torch.autograd.grad((y * dy).sum(), leaves)]


def conv_case(n, c, h, w, out, kernel, stride=1, dilation=1, groups=1, padding="torch", bias=True):
    kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    x, k = leaf(formula.symmetric(X, (n, c, h, w))), leaf(formula.symmetric(W, (out, c // groups, kh, kw)))
    b = leaf(formula.symmetric(B, (out,), 0.5))
    if padding == "torch":
        pads = [dilation * (kh - 1) // 2] * 2 + [dilation * (kw - 1) // 2] * 2
    elif padding == "same":
        pads = [*same(h, kh, stride, dilation), *same(w, kw, stride, dilation)]
    else:
        pads = list(padding)
    y = F.conv2d(F.pad(x, (pads[2], pads[3], pads[0], pads[1])), k, b if bias else None, stride, 0, dilation, groups)
    if padding == "same":
        other = jax.lax.conv_general_dilated(x.detach().numpy(), k.detach().numpy(), (stride, stride), "SAME",
                                             rhs_dilation=(dilation, dilation), feature_group_count=groups,
                                             dimension_numbers=("NCHW", "OIHW", "NCHW"))
        other = np.asarray(other) + (b.detach().numpy()[:, None, None] if bias else 0)
        assert other.shape == tuple(y.shape) and np.abs(other - y.detach().numpy()).max() < 1e-12
    grads = backward(y, [x, k, b] if bias else [x, k])
    case = {"x": [n, c, h, w], "w": list(k.shape), "stride": stride, "dilation": dilation, "groups": groups,
            "same": padding == "same", "pad_top_bottom_left_right": pads, "bias": bias,
            "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(grads[0]),
            "dw": formula.checksum(grads[1])}
    if bias:
        case["db"] = formula.checksum(grads[2])
    return case


def conv_cases():
    out = []
    for kernel in (1, 3, 5, 7):
        for stride in (1, 2):
            for padding in ("torch", "same"):
                out.append(conv_case(2, 6, 7, 9, 10, kernel, stride, padding=padding, bias=stride == 1))
                out.append(conv_case(2, 17, 9, 7, 17, kernel, stride, groups=17, padding=padding, bias=stride == 2))
                out.append(conv_case(1, 8, 8, 10, 12, kernel, stride, groups=2 if stride == 1 else 4, padding=padding))
                if kernel > 1:
                    out.append(conv_case(1, 16, 12, 8, 16, kernel, stride, groups=16, padding=padding, bias=False))
    for kernel in (3, 5):
        for stride in (1, 2):
            for padding in ("torch", "same"):
                out.append(conv_case(2, 5, 11, 9, 7, kernel, stride, 2, padding=padding))
                out.append(conv_case(1, 9, 11, 10, 9, kernel, stride, 2, groups=9, padding=padding, bias=False))
    return out + [
        conv_case(1, 3, 33, 31, 32, 3, 2, bias=False),             # a stem, odd picture
        conv_case(2, 3, 32, 32, 32, 3, 2, padding="same", bias=False),
        conv_case(1, 1, 28, 28, 16, 3, 1),                         # one channel
        conv_case(2, 40, 5, 5, 33, 1),                             # tails of every vector width
        conv_case(1, 96, 14, 14, 65, 1, bias=False),
        conv_case(3, 64, 1, 1, 20, 1),                             # one pixel
        conv_case(1, 35, 1, 1, 35, 3, groups=35),                  # kernel larger than the picture
        conv_case(1, 4, 2, 3, 8, 5, 2, padding="same"),
        conv_case(2, 6, 8, 8, 12, 3, groups=6),                    # depthwise with a multiplier of two
        conv_case(1, 4, 6, 7, 6, (1, 3)),
        conv_case(1, 4, 9, 6, 6, (5, 1), 2, padding="same"),
        conv_case(1, 4, 9, 9, 6, 3, 1, padding=(0, 0, 0, 0)),      # no padding
        conv_case(1, 4, 9, 9, 6, 3, 2, padding=(0, 1, 0, 1)),      # one-sided, as MobileNet in Keras pads
        conv_case(1, 4, 4, 4, 6, 3, 1, padding=(3, 2, 0, 4)),      # more than the kernel reaches
        conv_case(1, 8, 10, 10, 8, 3, 3, groups=8),                # stride three
        conv_case(1, 3, 16, 16, 8, 4, 4, padding=(0, 0, 0, 0)),    # patches
        conv_case(5, 24, 3, 3, 8, 1, 2),                           # strided 1x1
    ]


def bn_inputs(shape):
    c = shape[1]
    x = formula.f32(3 * formula.symmetric(X, shape) + (np.arange(c) % 5 - 2.0)[None, :, None, None])
    return (x, formula.f32(1 + 0.2 * (formula.u(W, c) - 0.5)), formula.f32(0.2 * (formula.u(B, c) - 0.5)),
            formula.f32(0.2 * (formula.u(4, c) - 0.5)), formula.f32(1 + 0.5 * formula.u(5, c)))


def batch_norm_case(shape, eps, momentum, train):
    x, gamma, beta, mean, var = bn_inputs(shape)
    xt, gt, bt = leaf(x), leaf(gamma), leaf(beta)
    rm, rv = torch.from_numpy(mean.copy()), torch.from_numpy(var.copy())
    y = F.batch_norm(xt, rm, rv, gt, bt, train, momentum, eps)
    dx, dg, db = backward(y, [xt, gt, bt])
    case = {"x": list(shape), "eps": eps, "momentum": momentum, "train": train,
            "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx), "dgamma": formula.checksum(dg),
            "dbeta": formula.checksum(db)}
    if train:
        fx = flax.linen.BatchNorm(use_running_average=False, momentum=1 - momentum, epsilon=eps,
                                  use_fast_variance=False, dtype=jnp.float64, param_dtype=jnp.float64)
        z, new = fx.apply({"params": {"scale": gamma, "bias": beta}, "batch_stats": {"mean": mean, "var": var}},
                          x.transpose(0, 2, 3, 1), mutable=["batch_stats"])
        assert np.abs(np.asarray(z).transpose(0, 3, 1, 2) - y.detach().numpy()).max() < 1e-10
        assert np.abs(np.asarray(new["batch_stats"]["mean"]) - rm.numpy()).max() < 1e-12
        case.update(running_mean=formula.checksum(rm.numpy()), running_var_torch=formula.checksum(rv.numpy()),
                    running_var_flax=formula.checksum(np.asarray(new["batch_stats"]["var"])))
    return case


def max_pool_case(shape, kernel, stride, padding):
    x = leaf(formula.symmetric(X, shape))
    y = F.max_pool2d(x, kernel, stride, padding)
    (dx,) = backward(y, [x])
    return {"x": list(shape), "kernel": kernel, "stride": stride, "padding": padding,
            "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx)}


def max_pool_ties():
    """All equal: PyTorch's gradient goes to the first of the window, row by row. Padding never wins, even over negatives."""
    x = leaf(np.full((1, 1, 4, 4), -2.0))
    y = F.max_pool2d(x, 3, 2, 1)
    (dx,) = backward(y, [x])
    return {"x": [1, 1, 4, 4], "fill": -2.0, "kernel": 3, "stride": 2, "padding": 1,
            "y": y.detach().reshape(-1).tolist(), "dx": dx.reshape(-1).tolist()}


def pool_case(shape):
    x = leaf(formula.symmetric(X, shape))
    y = F.adaptive_avg_pool2d(x, 1)
    (dx,) = backward(y, [x])
    return {"x": list(shape), "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx)}


def linear_case(n, inner, out, bias):
    x, w, b = leaf(formula.symmetric(X, (n, inner))), leaf(formula.symmetric(W, (out, inner))), \
        leaf(formula.symmetric(B, (out,), 0.5))
    y = F.linear(x, w, b if bias else None)
    grads = backward(y, [x, w, b] if bias else [x, w])
    case = {"x": [n, inner], "w": [out, inner], "bias": bias, "y": formula.checksum(y.detach().numpy()),
            "dx": formula.checksum(grads[0]), "dw": formula.checksum(grads[1])}
    if bias:
        case["db"] = formula.checksum(grads[2])
    return case


def activation_edges():
    """Values in float32 and the gradient for dy = 1. JSON has no NaN or infinity: those are spelled."""
    below, above = float(np.nextafter(np.float32(6), np.float32(0))), float(np.nextafter(np.float32(6), np.float32(7)))
    values = [-7.0, -1.0, -1e-30, -0.0, 0.0, 1e-30, 0.5, 3.0, below, 6.0, above, 7.0, 1e30,
              -math.inf, math.inf, math.nan]

    def spell(v):
        return v if math.isfinite(v) else str(v)

    out = {"x": [spell(v) for v in values]}
    for name, f in (("relu", F.relu), ("relu6", F.relu6)):
        x = torch.tensor(values, dtype=torch.float32, requires_grad=True)
        y = f(x)
        (dx,) = torch.autograd.grad(y.sum(), [x])
        out[name] = {"y": [spell(v) for v in y.tolist()], "dx": [spell(v) for v in dx.tolist()]}
    return out


def relu6_case(shape):
    x = leaf(formula.f32(8 * formula.symmetric(X, shape) + 2))
    y = F.relu6(x)
    (dx,) = backward(y, [x])
    return {"x": list(shape), "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx)}


def dropout_case(shape, p):
    """Inverted dropout with a given mask: kept where u(4,j) >= p."""
    x = leaf(formula.symmetric(X, shape))
    keep = torch.from_numpy((formula.u(4, math.prod(shape)) >= p).reshape(shape))
    y = torch.where(keep, x / (1 - p), torch.zeros_like(x))
    (dx,) = backward(y, [x])
    return {"x": list(shape), "p": p, "kept": int(keep.sum()), "y": formula.checksum(y.detach().numpy()),
            "dx": formula.checksum(dx)}


def layer_norm_case(shape, eps):
    """Over the last axis of (N,C), over the channels of (N,C,H,W)."""
    x = formula.f32(3 * formula.symmetric(X, shape) + 2)
    c = shape[1]
    x, gamma = leaf(x), leaf(formula.f32(1 + 0.2 * (formula.u(W, c) - 0.5)))
    beta = leaf(formula.f32(0.2 * (formula.u(B, c) - 0.5)))
    rows = x.permute(0, 2, 3, 1) if len(shape) == 4 else x
    y = F.layer_norm(rows, (c,), gamma, beta, eps)
    y = y.permute(0, 3, 1, 2) if len(shape) == 4 else y
    dx, dg, db = backward(y, [x, gamma, beta])
    return {"x": list(shape), "eps": eps, "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx),
            "dgamma": formula.checksum(dg), "dbeta": formula.checksum(db)}


def gate_case(shape):
    x, gate = leaf(formula.symmetric(X, shape)), leaf(formula.symmetric(B, shape[:2], 0.5))
    y = x * gate[:, :, None, None]
    dx, dg = backward(y, [x, gate])
    return {"x": list(shape), "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx),
            "dgate": formula.checksum(dg)}


def layer_scale_case(shape):
    x, scale = leaf(formula.symmetric(X, shape)), leaf(formula.symmetric(W, (shape[1], 1, 1)))
    y = x * scale
    dx, ds = backward(y, [x, scale])
    return {"x": list(shape), "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx),
            "dscale": formula.checksum(ds)}


def avg_pool_case(shape, kernel, stride, padding, exclude):
    x = leaf(formula.symmetric(X, shape))
    y = F.avg_pool2d(x, kernel, stride, padding, count_include_pad=not exclude)
    (dx,) = backward(y, [x])
    return {"x": list(shape), "kernel": kernel, "stride": stride, "padding": padding, "exclude_padding": exclude,
            "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx)}


def wrap_pad_case(shape, pads):
    """numpy's mode="wrap" for top, bottom, left, right; flax's CIRCULAR is this and a VALID convolution."""
    x = leaf(formula.symmetric(X, shape))
    _, _, h, w = shape
    rows, columns = ((torch.arange(n + a + b) - a) % n for n, a, b in ((h, *pads[:2]), (w, *pads[2:])))
    y = x[:, :, rows][:, :, :, columns]
    padded = np.pad(x.detach().numpy(), ((0, 0), (0, 0), pads[:2], pads[2:]), mode="wrap")
    assert np.array_equal(y.detach().numpy(), padded)
    (dx,) = backward(y, [x])
    return {"x": list(shape), "pad_top_bottom_left_right": list(pads), "y": formula.checksum(y.detach().numpy()),
            "dx": formula.checksum(dx)}


def wrap_conv_case(shape, kernel, stride, dilation):
    """A depthwise convolution as flax pads it in a circle."""
    n, c, h, w = shape
    x, k = leaf(formula.symmetric(X, shape)), leaf(formula.symmetric(W, (c, 1, kernel, kernel)))
    before = (kernel - 1) * dilation // 2
    after = (kernel - 1) * dilation - before
    rows, columns = ((torch.arange(m + before + after) - before) % m for m in (h, w))
    y = F.conv2d(x[:, :, rows][:, :, :, columns], k, None, stride, 0, dilation, c)
    layer = flax.linen.Conv(c, (kernel, kernel), stride, padding="CIRCULAR", kernel_dilation=dilation,
                            feature_group_count=c, use_bias=False, dtype=jnp.float64, param_dtype=jnp.float64)
    other = layer.apply({"params": {"kernel": jnp.asarray(k.detach().numpy().transpose(2, 3, 1, 0))}},
                        jnp.asarray(x.detach().numpy().transpose(0, 2, 3, 1)))
    assert np.abs(np.asarray(other).transpose(0, 3, 1, 2) - y.detach().numpy()).max() < 1e-12
    dx, dw = backward(y, [x, k])
    return {"x": list(shape), "kernel": kernel, "stride": stride, "dilation": dilation,
            "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx), "dw": formula.checksum(dw)}


def concat_case(shape, other):
    """x, then b of `other` channels, then x again; b is filled in the order (N,H,W,C)."""
    n, _, h, w = shape
    x, b = leaf(formula.symmetric(X, shape)), leaf(formula.symmetric(B, (n, h, w, other), 0.5))
    y = torch.cat([x, b.permute(0, 3, 1, 2), x], 1)
    dx, db = backward(y, [x, b])
    return {"x": list(shape), "other": other, "y": formula.checksum(y.detach().numpy()), "dx": formula.checksum(dx),
            "db": formula.checksum(db)}


def main():
    shapes = ((2, 3, 5, 7), (1, 17, 4, 4), (8, 40, 1, 1), (2, 33, 12, 10))
    out = {"about": "u(k,j) as in README.md. x = 2u(0,j)-1, w = 2u(1,j)-1, bias = 0.5*(2u(2,j)-1), dy = 2u(3,j)-1 over "
                    "the output's shape; gradients are of sum(y*dy). batch_norm: x = 3(2u(0,j)-1) + (c mod 5 - 2), "
                    "gamma = 1+0.2(u(1,c)-0.5), beta = 0.2(u(2,c)-0.5), running mean = 0.2(u(4,c)-0.5), running var = "
                    "1+0.5u(5,c). layer_norm: x = 3(2u(0,j)-1)+2, gamma and beta as batch_norm's. gate and concat's second: "
                    "0.5*(2u(2,j)-1). relu6: x = 8(2u(0,j)-1)+2. Each product in brackets and each result is rounded to "
                    "float32. Tensors NCHW / OIHW, index flat row-major.",
           "versions": {"torch": torch.__version__, "jax": jax.__version__, "flax": flax.__version__},
           "conv2d": conv_cases(),
           "batch_norm": [batch_norm_case(s, e, m, t) for s in shapes for e, m, t in
                          ((1e-5, 0.1, True), (1e-3, 0.01, True), (1e-5, 0.1, False))],
           "max_pool": [max_pool_case(s, *k) for s in ((2, 5, 7, 9), (1, 17, 8, 8), (1, 3, 1, 1))
                        for k in ((3, 2, 1), (3, 1, 1))] + [max_pool_case((1, 4, 6, 6), 2, 2, 0)],
           "max_pool_ties": max_pool_ties(),
           "global_average_pool": [pool_case(s) for s in ((2, 5, 7, 9), (3, 33, 7, 7), (1, 1280, 2, 2), (2, 4, 1, 1))],
           "avg_pool": [avg_pool_case((2, 5, 7, 9), *k, e) for k in ((2, 2, 0), (3, 2, 1), (3, 1, 1)) for e in (False, True)]
                       + [avg_pool_case((1, 17, 8, 8), 2, 2, 1, True), avg_pool_case((2, 33, 5, 4), 4, 3, 2, False),
                          avg_pool_case((1, 3, 3, 3), 3, 1, 0, False)],
           "layer_norm": [layer_norm_case(s, e) for s, e in
                          (((2, 3, 5, 7), 1e-6), ((3, 33, 9, 9), 1e-6), ((1, 96, 4, 4), 1e-5), ((4, 50), 1e-6))],
           "gate": [gate_case(s) for s in ((2, 5, 7, 9), (3, 33, 12, 10), (1, 300, 2, 2))],
           "layer_scale": [layer_scale_case(s) for s in ((2, 5, 7, 9), (2, 33, 12, 10))],
           "concat": [concat_case(s, o) for s, o in (((2, 5, 7, 9), 3), ((1, 17, 40, 30), 40))],
           "wrap_pad": [wrap_pad_case(s, p) for s, p in (((2, 5, 7, 9), (1, 1, 1, 1)), ((1, 33, 8, 6), (0, 2, 3, 1)),
                                                         ((3, 4, 2, 1), (3, 5, 2, 4)), ((1, 1, 3, 3), (0, 0, 0, 0)))],
           "wrap_conv": [wrap_conv_case(s, *k) for s in ((2, 5, 7, 9), (1, 33, 8, 6))
                         for k in ((3, 2, 1), (3, 1, 1), (5, 2, 1), (3, 2, 2), (2, 2, 1))],
           "linear": [linear_case(*a) for a in ((1, 7, 5, True), (3, 40, 33, True), (4, 17, 10, False), (2, 1280, 10, True))],
           "relu6": [relu6_case(s) for s in ((1, 3, 5, 5), (2, 33, 4, 4))],
           "activation_edges": activation_edges(),
           "dropout": [dropout_case(s, p) for s in ((4, 40), (2, 5, 3, 3)) for p in (0.2, 0.5)] + [dropout_case((3, 7), 0.0)]}
    print(len(out["conv2d"]), "convolutions")
    formula.save(os.path.join(FIXTURES, "ops.json"), out)


if __name__ == "__main__":
    main()
