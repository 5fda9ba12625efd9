"""tests/fixtures/train/schedules_timm.json: cool-down, cycles, k-decay, tanh, wsd and rsqrt by timm's create_scheduler_v2; constant warm-up by
PyTorch's SequentialLR, as torchvision's train.py makes it.

Each row: recipe keys, the epochs that timm returns, and values at some steps. Needs timm, torch. Usage: make_timm_schedules.py
SPDX-License-Identifier: Apache-2.0
"""
import json
from pathlib import Path

import torch
from timm.scheduler import create_scheduler_v2

OUT = Path(__file__).resolve().parent.parent / "fixtures/train/schedules_timm.json"
rows = []


def add(name, per_epoch, epochs, keys, steps, values):
    keys = {"schedule." + k: v if isinstance(v, str) else json.dumps(v) for k, v in keys.items()}
    rows.append({"name": name, "steps_per_epoch": per_epoch, "epochs": epochs, "keys": keys, "steps": steps, "values": values})


def sgd(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def timm(name, keys, lr=0.4, per_update=0, **options):
    o = sgd(lr)
    s, epochs = create_scheduler_v2(o, step_on_epochs=not per_update, updates_per_epoch=per_update or 1, **options)
    end = int(epochs) * (per_update or 1)
    warm = int(options.get("warmup_epochs", 0)) * (per_update or 1)
    steps = sorted({0, 1, warm, warm + 1, end - 1, end - 2, *range(0, end, max(1, end // 24))})
    values = []
    for t in steps:
        s.step_update(t) if per_update else s.step(t)
        values.append(o.param_groups[0]["lr"])
    keys = {"unit": "step" if per_update else "epoch", "lr": lr, **keys}
    if "warmup_epochs" in options:
        keys.update(warmup_epochs=options["warmup_epochs"], warmup_init=options["warmup_lr"],
                    decay_from="warmup_end" if options.get("warmup_prefix") or options["sched"] in ("wsd", "rsqrt") else "zero")
    if options.get("min_lr"):
        keys.setdefault("end_lr", options["min_lr"])
    add(name, per_update or 1, int(epochs), keys, steps, values)


COS = dict(sched="cosine", num_epochs=30, min_lr=1e-3)
WARM = dict(warmup_epochs=4, warmup_lr=1e-4)
timm("timm_cosine_cooldown", dict(name="cosine", cooldown_epochs=7), cooldown_epochs=7, **COS, **WARM)
timm("timm_cosine_cooldown_prefix", dict(name="cosine", cooldown_epochs=7), cooldown_epochs=7, warmup_prefix=True, **COS, **WARM)
timm("timm_cosine_cycles", dict(name="cosine", cycles=3, cycle_decay=0.5), cycle_limit=3, cycle_decay=0.5, **COS, **WARM)
timm("timm_cosine_cycles_mul", dict(name="cosine", cycles=3, cycle_decay=0.7, cycle_mul=1.5, cycle_epochs=30), cycle_limit=3, cycle_decay=0.7,
     cycle_mul=1.5, cooldown_epochs=5, warmup_prefix=True, **COS, **WARM)
timm("timm_cosine_cycles_updates", dict(name="cosine", cycles=2, cycle_decay=0.1, cooldown_epochs=3), per_update=11, cycle_limit=2, cycle_decay=0.1,
     cooldown_epochs=3, **COS, **WARM)
timm("timm_cosine_k_decay", dict(name="cosine", k_decay=1.5, cooldown_epochs=2), k_decay=1.5, cooldown_epochs=2, **COS)
POLY = dict(sched="poly", num_epochs=40, decay_rate=0.9, min_lr=1e-4)
timm("timm_poly_cooldown", dict(name="polynomial", exponent=0.9, cooldown_epochs=10), cooldown_epochs=10, **POLY, **WARM)
timm("timm_poly_cycles_k", dict(name="polynomial", exponent=0.9, cycles=2, cycle_decay=0.5, k_decay=2), cycle_limit=2, cycle_decay=0.5, k_decay=2, **POLY)
TANH = dict(sched="tanh", num_epochs=40, min_lr=1e-4)
timm("timm_tanh", dict(name="tanh", warmup_to="decayed", cooldown_epochs=3), cooldown_epochs=3, **TANH, **WARM)
timm("timm_tanh_prefix", dict(name="tanh", cycles=2, cycle_decay=0.3), warmup_prefix=True, cycle_limit=2, cycle_decay=0.3, **TANH, **WARM)
for form, word in ((None, "sqrt"), ("linear", "linear"), ("cosine", "cosine"), ("exp", "exponential")):
    timm("timm_wsd_" + word, dict(name="wsd", decay_epochs=8, cooldown_epochs=2, decay_form=word), sched="wsd", num_epochs=40, decay_epochs=8,
         decay_fn=form, min_lr=1e-3, cooldown_epochs=2, **WARM)
timm("timm_rsqrt", dict(name="wsd", decay_epochs=10, stable="rsqrt", decay_form="linear"), sched="rsqrt", num_epochs=60, decay_epochs=10,
     min_lr=0.02, warmup_prefix=True, **WARM)
timm("timm_rsqrt_updates", dict(name="wsd", decay_epochs=10, stable="rsqrt", stable_epochs=2.5, decay_form="linear"), per_update=10, sched="rsqrt",
     num_epochs=60, decay_epochs=10, stable_timescale=2.5, **WARM)
timm("timm_constant", dict(name="constant"), sched="constant", num_epochs=12, **WARM)
timm("timm_multistep", dict(name="multistep", decay_rate=0.1, milestones=[9, 19, 29]), sched="multistep", num_epochs=40,
     decay_milestones=[10, 20, 30], **WARM)
timm("timm_multistep_prefix", dict(name="multistep", decay_rate=0.1, milestones=[13, 23, 33]), sched="multistep", num_epochs=40,
     decay_milestones=[10, 20, 30], warmup_prefix=True, **WARM)
timm("timm_step_prefix", dict(name="step", decay_rate=0.5, decay_epochs=7), sched="step", num_epochs=40, decay_rate=0.5, decay_epochs=7,
     warmup_prefix=True, **WARM)
S = torch.optim.lr_scheduler


def torchvision(name, epochs, warm, factor, keys, main):
    o = sgd(0.5)
    s = S.SequentialLR(o, [S.ConstantLR(o, factor=factor, total_iters=warm), main(o)], [warm])
    values = []
    for _ in range(epochs):
        values.append(o.param_groups[0]["lr"])
        o.step()
        s.step()
    keys = {"unit": "epoch", "lr": 0.5, "warmup_epochs": warm, "warmup_init": 0.5 * factor, "warmup_form": "constant", **keys}
    add(name, 1, epochs, keys, list(range(0, epochs, max(1, epochs // 28))), values[::max(1, epochs // 28)])


torchvision("torchvision_constant_warmup_cosine", 28, 5, 0.01, dict(name="cosine", end_lr=1e-4), lambda o: S.CosineAnnealingLR(o, T_max=23, eta_min=1e-4))
torchvision("torchvision_constant_warmup_step", 28, 3, 0.1, dict(name="step", decay_rate=0.2, decay_epochs=6), lambda o: S.StepLR(o, 6, 0.2))
torchvision("torchvision_constant_warmup_exponential", 28, 2, 0.3, dict(name="step", decay_rate=0.9, decay_epochs=1), lambda o: S.ExponentialLR(o, 0.9))

OUT.write_text('{"schedules": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
print(len(rows), "schedules")
