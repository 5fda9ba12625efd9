#!/usr/bin/env python3
"""Ten optimizer steps with everything at once, by PyTorch and by Optax in float64.

Writes ../fixtures/golden/whole_recipe.json: AdamW, an average of the weights, Mixup with given targets, stochastic depth with
given masks (siskin's own, computed here again from Philox's definition), two batches to an optimizer step; on a small ConvNeXt
with layer scales, and on a MobileNetV2 whose batches of 8 are normalised in groups of 4. Groups are replicas here: each keeps
running statistics of its own, and they are averaged when they are looked at. PyTorch takes torchvision's networks, AdamW and
AveragedModel; Optax takes jax_convnext.py and jax_mobilenet_v2.py, adamw, MultiSteps and ema.
Run: OMP_NUM_THREADS=1 python make_whole_recipe.py     SPDX-License-Identifier: Apache-2.0
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import torch
import torch.nn.functional as F
import torchvision
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
from torchvision.models import convnext
from torchvision.models.mobilenetv2 import InvertedResidual

import formula
import jax_convnext
import jax_mobilenet_v2

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURES = os.path.join(HERE, "..", "fixtures", "golden")
CLASSES, SIZE, STEPS, PARTS, SEED, GROUP = 10, 64, 10, 2, 42, 4
LR, BETAS, EPS, DECAY, AVERAGE = 1e-3, (0.9, 0.999), 1e-6, 0.05, 0.9
SHARES = (0.75, 0.5, 0.9, 0.3, 0.65)  # of Mixup: batch m has SHARES[m mod 5]
DEPTHS, WIDTH, DROP = (1, 1, 3, 1), 0.35, 0.4


# ---- what both are given ----


def philox(counter, key):
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & 0xFFFFFFFF, (a >> 32) ^ c[3] ^ k[1], a & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def masks(rates, batch, micro):
    """(blocks, batch): 0 or 1/(1-p). rates: of each block, None where it has no residual; rates of 0 draw nothing."""
    out, number = np.ones((len(rates), batch)), 0
    for b, p in enumerate(rates):
        if not p:
            continue
        seed = (SEED + 0x9E3779B97F4A7C15 * (number + 1)) & (2**64 - 1)
        for row in range(batch):
            draw = philox((0, row, micro, 4), (seed & 0xFFFFFFFF, seed >> 32))[0]
            out[b, row] = ((draw >> 8) * 2.0**-24 >= p) / (1 - p)
        number += 1
    return out


def mixed(batch, micro):
    """Pictures and targets of a micro-batch: picture n's partner is the one as far from the other end."""
    x, share = formula.images(micro * batch, batch, SIZE), SHARES[micro % len(SHARES)]
    hot = np.eye(CLASSES)[(7 * np.arange(micro * batch, (micro + 1) * batch) + 3) % CLASSES]
    return (formula.f32(float(np.float32(share)) * x + float(np.float32(1 - share)) * x[::-1]),
            share * hot + (1 - share) * hot[::-1])


def decayed(name, shape):
    """Neither biases, norms, depthwise convolutions nor layer scales."""
    return len(shape) == 2 or (len(shape) == 4 and shape[1] > 1)


# ---- PyTorch ----


class ReplicaNorm(torch.nn.Module):
    """A batch norm whose batch is cut into replicas; each has running statistics of its own."""

    def __init__(self, norm, replicas):
        super().__init__()
        self.weight, self.bias, self.eps, self.momentum = norm.weight, norm.bias, norm.eps, norm.momentum
        self.mean = [norm.running_mean.clone() for _ in range(replicas)]
        self.variance = [norm.running_var.clone() for _ in range(replicas)]

    def forward(self, x):
        parts = x.split(GROUP)
        assert len(parts) == len(self.mean)
        return torch.cat([F.batch_norm(part, m, v, self.weight, self.bias, True, self.momentum, self.eps)
                          for part, m, v in zip(parts, self.mean, self.variance)])


def replicate(module, replicas):
    for name, child in module.named_children():
        if isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, name, ReplicaNorm(child, replicas))
        else:
            replicate(child, replicas)


def state_of(model):
    """Parameters and averaged running statistics by torchvision's names."""
    state = {n: p.detach().clone() for n, p in model.named_parameters()}
    for n, m in model.named_modules():
        if isinstance(m, ReplicaNorm):
            state[f"{n}.running_mean"] = torch.stack(m.mean).mean(0)
            state[f"{n}.running_var"] = torch.stack(m.variance).mean(0)
    return state


def torch_run(make, rates, batch, drop_into):
    plain = formula.fill(make().double())
    average = AveragedModel(plain, avg_fn=get_ema_avg_fn(AVERAGE), use_buffers=True)
    model = formula.fill(make().double()).train()
    replicate(model, batch // GROUP)
    rows = {True: [], False: []}
    for n, p in model.named_parameters():
        rows[decayed(n, p.shape)].append(p)
    opt = torch.optim.AdamW([{"params": rows[True], "weight_decay": DECAY}, {"params": rows[False], "weight_decay": 0}],
                            lr=LR, betas=BETAS, eps=EPS, foreach=False)
    losses = []
    for step in range(STEPS):
        opt.zero_grad()
        for part in range(PARTS):
            micro = step * PARTS + part
            x, target = mixed(batch, micro)
            drop_into(model, torch.from_numpy(masks(rates, batch, micro)))
            loss = F.cross_entropy(model(torch.from_numpy(x)), torch.from_numpy(target))
            (loss / PARTS).backward()
            losses.append(float(loss.detach()))
        opt.step()
        plain.load_state_dict(state_of(model), strict=False)
        average.update_parameters(plain)
    averaged = {n: t for n, t in average.module.state_dict().items() if t.is_floating_point()}
    return losses, {n: t.numpy() for n, t in state_of(model).items()}, {n: t.numpy() for n, t in averaged.items()}


def drop_blocks(blocks, wrap):
    """Give each block's stochastic depth its row of the masks."""

    def into(model, keep):
        for row, block in zip(keep, blocks(model)):
            wrap(block, row[:, None, None, None])

    return into


def v2_wrap(block, keep):
    if block.use_res_connect:
        block.forward = lambda x: x + block.conv(x) * keep


def convnext_wrap(block, keep):
    block.stochastic_depth.forward = lambda x: x * keep


def make_v2():
    return torchvision.models.mobilenet_v2(width_mult=WIDTH, num_classes=CLASSES, dropout=0.0)


def make_convnext():
    rows = [convnext.CNBlockConfig(c, d, n) for c, d, n in zip((24, 48, 96, 192), (48, 96, 192, None), DEPTHS)]
    return convnext.ConvNeXt(rows, num_classes=CLASSES)


def v2_blocks(model):
    return [m for m in model.modules() if isinstance(m, InvertedResidual)]


def convnext_blocks(model):
    return [m for m in model.modules() if isinstance(m, convnext.CNBlock)]


# ---- Optax ----


def optax_run(make, rates, batch, loss_of):
    """loss_of(p, replicas' s, x, target, keep) -> (loss, replicas' s)."""
    state = {n: jnp.asarray(t.numpy()) for n, t in formula.fill(make().double()).state_dict().items()
             if t.is_floating_point()}
    replicas = batch // GROUP
    s = {n: jnp.stack([v] * replicas) for n, v in state.items() if "running_" in n}
    p = {n: v for n, v in state.items() if n not in s}
    mask = {n: decayed(n, v.shape) for n, v in p.items()}
    tx = optax.MultiSteps(optax.adamw(LR, *BETAS, eps=EPS, weight_decay=DECAY, mask=mask), PARTS,
                          accumulator_dtype=jnp.float64)  # else it is float32, whatever the gradients are
    ema = optax.ema(AVERAGE, debias=False)
    opt, kept, losses = tx.init(p), ema.init(state), []
    gradient = jax.jit(jax.value_and_grad(loss_of, has_aux=True))
    update = jax.jit(tx.update)
    for micro in range(STEPS * PARTS):
        x, target = mixed(batch, micro)
        (loss, s), g = gradient(p, s, x, target, masks(rates, batch, micro))
        u, opt = update(g, opt, p)
        p = optax.apply_updates(p, u)
        losses.append(float(loss))
        if micro % PARTS == PARTS - 1:
            _, kept = ema.update({**p, **{n: v.mean(0) for n, v in s.items()}}, kept)
    return (losses, {n: np.asarray(v) for n, v in {**p, **{n: v.mean(0) for n, v in s.items()}}.items()},
            {n: np.asarray(v) for n, v in kept.ema.items()})


def v2_loss(p, s, x, target, keep):
    """The mean over replicas of each one's own forward pass."""
    cut = lambda a, axis: jnp.stack(jnp.split(a, a.shape[axis] // GROUP, axis))

    def replica(s, x, target, keep):
        logits, new = jax_mobilenet_v2.forward(p, s, x, WIDTH, keep)
        return -(target * jax.nn.log_softmax(logits)).sum(1).mean(), new

    losses, new = jax.vmap(replica)(s, cut(x, 0), cut(target, 0), cut(keep, 1))
    return losses.mean(), new


def convnext_loss(p, s, x, target, keep):
    return jax_convnext.loss(p, x, target, DEPTHS, keep), s


# ---- both ----

V2_RATES = [DROP * i / 17 if m.use_res_connect else None for i, m in enumerate(v2_blocks(make_v2()))]
CONVNEXT_RATES = [DROP * i / (sum(DEPTHS) - 1) for i in range(sum(DEPTHS))]
MEMBERS = [
    ("mobilenet_v2", {"name": "mobilenet_v2", "width_mult": WIDTH, "dropout": 0}, 8, GROUP, make_v2, V2_RATES,
     drop_blocks(v2_blocks, v2_wrap), v2_loss),
    ("convnext", {"name": "convnext_tiny", "width_mult": 0.25, "depth_mult": 1 / 3}, 4, 0, make_convnext, CONVNEXT_RATES,
     drop_blocks(convnext_blocks, convnext_wrap), convnext_loss),
]


def report(losses, state, average):
    table = lambda values: [{"name": n, **formula.checksum(v, 4)} for n, v in values.items()]
    return {"losses": losses, "state": table(state), "average": table(average)}


def far(a, b):
    return max(float(np.abs(a[n] - b[n]).max() / np.abs(b[n]).max()) for n in b)


def main():
    cases = []
    for name, args, batch, group, make, rates, drop_into, loss_of in MEMBERS:
        first, second = torch_run(make, rates, batch, drop_into), optax_run(make, rates, batch, loss_of)
        off = max(abs(a - b) for a, b in zip(first[0], second[0])) / max(first[0])
        print(name, "losses", first[0][0], first[0][-1], "frameworks differ by", off, "in weights by",
              far(second[1], first[1]), "masks", sum(bool(p) for p in rates), flush=True)
        assert off < 1e-9 and far(second[1], first[1]) < 1e-8
        args = {**args, "num_classes": CLASSES, "height": SIZE, "width": SIZE, "stochastic_depth": DROP}
        cases.append({"member": name, "args": args, "batch": batch, "group": group,
                      "torch": report(*first), "optax": report(*second)})
    formula.save(os.path.join(FIXTURES, "whole_recipe.json"),
                 {"about": "twenty losses of micro-batches, then every tensor and its average after ten optimizer steps",
                  "versions": {"torch": torch.__version__, "torchvision": torchvision.__version__,
                               "jax": jax.__version__, "optax": optax.__version__},
                  "setup": {"lr": LR, "betas": BETAS, "eps": EPS, "weight_decay": DECAY, "ema_decay": AVERAGE,
                            "accumulate": PARTS, "seed": SEED, "shares": SHARES, "steps": STEPS},
                  "cases": cases})


if __name__ == "__main__":
    main()
