#!/usr/bin/env python3
"""Gradients and ten training steps of a small MobileNetV2: PyTorch and Optax in float64, and PyTorch's own f32 distance.

Writes ../fixtures/golden/training_v2.json (32 px) and training_v2_64.json (64 px). The network is torchvision's with
width_mult 0.35, ten classes, batch 8, dropout 0, label smoothing 0.1; step t sees pictures 8t … 8t+7, picture n has
label (7n+3) mod 10. At 32 px the last norms see eight numbers a channel, and the ten steps magnify rounding so much
that PyTorch's float64 misses itself by f64_floor = 2e-7; at 64 px by 5e-13. Hence both.
SPDX-License-Identifier: Apache-2.0
"""

import math
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import flax
import flax.linen
import jax.numpy as jnp
import numpy as np
import optax
import torch
import torchvision

import formula
import jax_mobilenet_v2

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "golden")

WIDTH, CLASSES, BATCH, STEPS, SMOOTHING = 0.35, 10, 8, 10, 0.1
SIZE = 32  # main() makes 64 as well
LR, DECAY = 1e-3, 1e-5
TORCH = {"alpha": 0.9, "eps": 0.0316, "momentum": 0.9}
OPTAX = {"decay": 0.9, "eps": 0.002, "initial_scale": 1.0, "eps_in_sqrt": True, "momentum": 0.9}


def labels(step):
    return (7 * np.arange(step * BATCH, (step + 1) * BATCH) + 3) % CLASSES


def pictures(step):
    return formula.images(step * BATCH, BATCH, SIZE)


def new_model(dtype=torch.float64):
    model = torchvision.models.mobilenet_v2(width_mult=WIDTH, num_classes=CLASSES, dropout=0.0)
    return formula.fill(model.double()).to(dtype).train()


def decayed(name, shape):
    """Convolution and linear weights, but not depthwise ones (OIHW with I = 1), biases and norms."""
    return len(shape) == 2 or (len(shape) == 4 and shape[1] > 1)


def torch_loss(model, step, dtype, layout=torch.contiguous_format):
    x = torch.from_numpy(pictures(step)).to(dtype).contiguous(memory_format=layout)
    return torch.nn.functional.cross_entropy(model(x), torch.from_numpy(labels(step)), label_smoothing=SMOOTHING)


def torch_gradients(dtype):
    model = new_model(dtype)
    loss = torch_loss(model, 0, dtype)
    loss.backward()
    return float(loss.detach()), {n: p.grad.double().numpy() for n, p in model.named_parameters()}


def torch_steps(dtype, layout=torch.contiguous_format):
    """(losses, state_dict after ten steps)."""
    model = new_model(dtype).to(memory_format=layout)
    with_decay = [p for n, p in model.named_parameters() if decayed(n, p.shape)]
    without = [p for n, p in model.named_parameters() if not decayed(n, p.shape)]
    opt = torch.optim.RMSprop([{"params": with_decay, "weight_decay": DECAY}, {"params": without}], lr=LR,
                              foreach=False, **TORCH)
    losses = []
    for step in range(STEPS):
        opt.zero_grad()
        loss = torch_loss(model, step, dtype, layout)
        loss.backward()
        opt.step()
        losses.append(float(loss.detach()))
    return losses, {n: t.double().numpy() for n, t in model.state_dict().items() if t.is_floating_point()}


def jax_start(dtype=jnp.float64):
    state = {n: jnp.asarray(t.numpy(), dtype) for n, t in new_model().state_dict().items() if t.is_floating_point()}
    s = {n: v for n, v in state.items() if "running_" in n}
    return {n: v for n, v in state.items() if n not in s}, s


GRADIENT = jax.jit(jax.value_and_grad(jax_mobilenet_v2.loss, has_aux=True), static_argnums=(4, 5))


def optax_steps(dtype):
    p, s = jax_start(dtype)
    mask = {n: decayed(n, v.shape) for n, v in p.items()}
    tx = optax.chain(optax.add_decayed_weights(DECAY, mask), optax.rmsprop(LR, **OPTAX))
    opt = tx.init(p)
    update = jax.jit(lambda g, o, p: tx.update(g, o, p))
    losses = []
    for step in range(STEPS):
        (loss, s), g = GRADIENT(p, s, jnp.asarray(pictures(step), dtype), labels(step), WIDTH, SMOOTHING)
        u, opt = update(g, opt, p)
        p = optax.apply_updates(p, u)
        losses.append(float(loss))
    return losses, {n: np.asarray(v, np.float64) for n, v in {**p, **s}.items()}


def torch_steps_tf_form():
    """Optax's form written out on PyTorch's gradients: the ten Optax steps are thereby checked by a second framework."""
    model = new_model()
    slots = {n: [torch.ones_like(p), torch.zeros_like(p)] for n, p in model.named_parameters()}
    losses = []
    for step in range(STEPS):
        model.zero_grad()
        loss = torch_loss(model, step, torch.float64)
        loss.backward()
        losses.append(float(loss.detach()))
        with torch.no_grad():
            for n, p in model.named_parameters():
                g = p.grad + (DECAY * p if decayed(n, p.shape) else 0)
                nu, mom = slots[n]
                nu.copy_(0.9 * nu + 0.1 * g * g)
                mom.copy_(0.9 * mom + LR * g / torch.sqrt(nu + 0.002))
                p -= mom
    return losses


def l2(a):
    return math.sqrt(math.fsum(np.square(a, dtype=np.float64).reshape(-1)))


def agree(loss, gradients):
    """Two frameworks, one network: stop unless step 0 is the same to 1e-10."""
    p, s = jax_start()
    (other, _), g = GRADIENT(p, s, jnp.asarray(pictures(0)), labels(0), WIDTH, SMOOTHING)
    scale = math.sqrt(sum(l2(v) ** 2 for v in gradients.values()))
    far = max(l2(np.asarray(g[n]) - v) / (l2(v) if l2(v) > 1e-9 * scale else scale) for n, v in gradients.items())
    assert set(g) == set(gradients)
    print("jax against torch, step 0: loss", abs(float(other) - loss), "gradients", far)
    assert abs(float(other) - loss) < 1e-10 and far < 1e-10
    return {"loss": abs(float(other) - loss), "gradients": far}


def gradient_distance(g64, g32):
    """Per parameter ||g32-g64|| / ||g64||; where the true gradient is zero, on the network's scale."""
    scale = math.sqrt(sum(l2(v) ** 2 for v in g64.values()))
    rows = {n: l2(g32[n] - v) / (l2(v) if l2(v) > 1e-9 * scale else scale) for n, v in g64.items()}
    worst = max(rows, key=rows.get)
    whole = math.sqrt(sum(l2(g32[n] - v) ** 2 for n, v in g64.items())) / scale
    return {"max_over_parameters": rows[worst], "worst_parameter": worst, "whole_network": whole,
            "median_over_parameters": float(np.median(list(rows.values())))}


def distance(losses, truth):
    """Each step's |f32 - f64|, relative to the sequence's largest."""
    top = max(abs(v) for v in truth)
    return [abs(a - b) / top for a, b in zip(losses, truth)]


def run_report(losses, state):
    return {"losses": losses,
            "running_stats": {n: l2(v) for n, v in state.items() if "running_" in n},
            "parameters": {n: l2(v) for n, v in state.items() if "running_" not in n}}


def f32_runs(truth_torch, truth_optax):
    """PyTorch's f32 in the ways a user may run it: training is chaotic, one sample says little."""
    rows = []

    def row(name, truth, losses):
        d = distance(losses, truth)
        rows.append({"name": name, "losses": losses, "distance": d, "largest": max(d)})
        print(f"f32 {name}: largest distance {max(d):.3g}", " ".join(f"{v:.1e}" for v in d))

    row("torch f32, 1 thread", truth_torch, torch_steps(torch.float32)[0])
    row("torch f32, 1 thread, channels_last", truth_torch, torch_steps(torch.float32, torch.channels_last)[0])
    torch.set_num_threads(2)
    row("torch f32, 2 threads", truth_torch, torch_steps(torch.float32)[0])
    torch.set_num_threads(1)
    with torch.backends.mkldnn.flags(enabled=False):
        row("torch f32, 1 thread, without oneDNN", truth_torch, torch_steps(torch.float32)[0])
    row("optax f32 (TF form)", truth_optax, optax_steps(jnp.float32)[0])
    return rows


def batch_norm():
    """One step's running statistics in torch's and in Flax's convention, (N,H,W,C) = (2,3,3,2), formula-made."""
    x = formula.f32(3 * formula.symmetric(0, (2, 2, 3, 3)) + np.array([0.5, -1.0])[None, :, None, None])
    mean0, var0 = [0.25, -0.5], [1.25, 0.75]
    bn = torch.nn.BatchNorm2d(2, eps=1e-3, momentum=0.01).double().train()
    bn.running_mean.copy_(torch.tensor(mean0))
    bn.running_var.copy_(torch.tensor(var0))
    y = bn(torch.from_numpy(x)).detach().numpy()
    fx = flax.linen.BatchNorm(use_running_average=False, momentum=0.99, epsilon=1e-3, dtype=jnp.float64,
                              param_dtype=jnp.float64)
    variables = {"params": {"scale": jnp.ones(2), "bias": jnp.zeros(2)},
                 "batch_stats": {"mean": jnp.array(mean0), "var": jnp.array(var0)}}
    z, new = fx.apply(variables, jnp.asarray(x.transpose(0, 2, 3, 1)), mutable=["batch_stats"])
    assert np.abs(np.asarray(z).transpose(0, 3, 1, 2) - y).max() < 1e-12
    return {"about": "x (2,2,3,3) NCHW = float32(3*(2u(0,j)-1) + (0.5, -1)[c]), the symmetric part rounded to float32 first; "
                     "eps 1e-3; torch momentum 0.01 = flax momentum 0.99. torch keeps the unbiased variance (n/(n-1)), "
                     "flax and TF the biased one; the outputs are equal.",
            "x": x.reshape(-1).tolist(), "y": y.reshape(-1).tolist(), "start_mean": mean0, "start_var": var0,
            "torch_mean": bn.running_mean.tolist(), "torch_var": bn.running_var.tolist(),
            "flax_mean": np.asarray(new["batch_stats"]["mean"]).tolist(),
            "flax_var": np.asarray(new["batch_stats"]["var"]).tolist()}


def cross_entropy():
    """Loss and gradient with respect to the logits; the mean over the batch."""
    def case(name, z, target, smoothing):
        t = torch.tensor(z, dtype=torch.float64, requires_grad=True)
        soft = isinstance(target[0], list)
        y = torch.tensor(target, dtype=torch.float64 if soft else torch.int64)
        loss = torch.nn.functional.cross_entropy(t, y, label_smoothing=smoothing)
        loss.backward()
        per_row = torch.nn.functional.cross_entropy(t.detach(), y, label_smoothing=smoothing, reduction="none")
        hot = np.asarray(target) if soft else np.eye(len(z[0]))[target]
        other = optax.softmax_cross_entropy(jnp.asarray(z, jnp.float64), (1 - smoothing) * hot + smoothing / len(z[0]))
        assert abs(float(other.mean()) - float(loss.detach())) < 1e-12
        return {"name": name, "logits": z, ("soft_targets" if soft else "labels"): target, "smoothing": smoothing,
                "loss": float(loss.detach()), "loss_per_row": per_row.tolist(), "gradient": t.grad.tolist()}

    small = [[2.0, -1.0, 0.5, 0.0], [0.125, 0.25, -0.3125, 1.5]]
    hard = formula.f32(4 * formula.symmetric(0, (3, 7))).tolist()
    large = [[1000.0, 0.0, -1000.0], [80.0, 88.0, 89.0], [-1e4, -1e4, -1e4]]
    return [case("hard", small, [1, 3], 0.0), case("smoothed", small, [1, 3], 0.1),
            case("soft", small, [[0.75, 0.125, 0.0625, 0.0625], [0.25, 0.25, 0.25, 0.25]], 0.0),
            case("soft and smoothed again", small, [[0.75, 0.125, 0.0625, 0.0625], [0.0, 0.0, 0.5, 0.5]], 0.1),
            case("hard, 7 classes", hard, [6, 0, 3], 0.0), case("smoothed, 7 classes", hard, [6, 0, 3], 0.1),
            case("large logits", large, [1, 0, 2], 0.0), case("large logits, smoothed", large, [0, 2, 1], 0.1)]


def floor(truth):
    """How far PyTorch's float64 is from itself with two threads and with channels_last: no comparison can ask for less."""
    torch.set_num_threads(2)
    threads = max(distance(torch_steps(torch.float64)[0], truth))
    torch.set_num_threads(1)
    layout = max(distance(torch_steps(torch.float64, torch.channels_last)[0], truth))
    print("float64 against itself: two threads", threads, "channels_last", layout)
    return {"two_threads": threads, "channels_last": layout, "largest": max(threads, layout)}


def setup(size):
    return {"width_mult": WIDTH, "num_classes": CLASSES, "size": size, "batch": BATCH, "steps": STEPS,
            "label_smoothing": SMOOTHING, "lr": LR, "weight_decay": DECAY, "bn_eps": 1e-5, "bn_momentum": 0.1,
            "dropout": 0, "labels": "(7*n+3) mod 10, n = 8*step + row"}


def fixture(size):
    global SIZE
    SIZE = size
    loss64, g64 = torch_gradients(torch.float64)
    agreement = agree(loss64, g64)
    loss32, g32 = torch_gradients(torch.float32)
    whole = math.sqrt(sum(l2(v) ** 2 for v in g64.values()))
    torch_run, optax_run = torch_steps(torch.float64), optax_steps(jnp.float64)
    agreement["optax_steps"] = max(distance(torch_steps_tf_form(), optax_run[0]))
    print("ten Optax steps against the same form on PyTorch's gradients:", agreement["optax_steps"])
    print(size, "px: torch", torch_run[0], "optax", optax_run[0], sep="\n")
    out = {"about": __doc__.strip().split("\n\n")[1].rsplit("\nSPDX", 1)[0].replace("\n", " "),
           "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__, "jax": jax.__version__,
                        "optax": optax.__version__, "flax": flax.__version__},
           "setup": setup(size), "f64_floor": floor(torch_run[0]), "jax_against_torch": agreement,
           "loss": loss64, "gradient_l2": whole,
           "gradients": [{"name": n, "zero": l2(v) < 1e-9 * whole, **formula.checksum(v, 4)} for n, v in g64.items()],
           "torch_rmsprop": {"options": TORCH, "decayed": [n for n, v in g64.items() if decayed(n, v.shape)],
                             **run_report(*torch_run)},
           "optax_rmsprop": {"options": OPTAX, **run_report(*optax_run)},
           "torch_f32_gradients": {"loss": loss32, **gradient_distance(g64, g32)},
           "f32_runs": f32_runs(torch_run[0], optax_run[0])}
    print("f32 gradients", out["torch_f32_gradients"], "zero:", sum(r["zero"] for r in out["gradients"]))
    return out


def main():
    small = fixture(32)
    small.update(batch_norm=batch_norm(), cross_entropy=cross_entropy())
    formula.save(os.path.join(FIXTURES, "training_v2.json"), small)
    formula.save(os.path.join(FIXTURES, "training_v2_64.json"), fixture(64))


if __name__ == "__main__":
    main()
