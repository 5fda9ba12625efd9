"""tests/fixtures/train/plateau.json: learning rates of timm's PlateauLRScheduler for given metrics, stepped as its train.py steps it.

Each row: recipe keys, a metric for each epoch (null: not evaluated), the learning rate of each epoch. Needs timm, torch.
Usage: make_plateau.py
SPDX-License-Identifier: Apache-2.0
"""
import json, random, warnings
from pathlib import Path

import torch
from timm.scheduler import create_scheduler_v2
from timm.scheduler.plateau_lr import PlateauLRScheduler

warnings.simplefilter("ignore")
OUT = Path(__file__).resolve().parent.parent / "fixtures/train/plateau.json"
rows = []


def sgd(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def curve(seed, epochs, start, end, jitter):
    """Rises (or falls) quickly, then hardly, with jitter."""
    r = random.Random(seed)
    return [end + (start - end) * 0.6 ** e + jitter * r.uniform(-1, 1) for e in range(epochs)]


def add(name, make, keys, metrics, lr=0.4):
    o = sgd(lr)
    s = make(o)
    values = []
    for epoch, metric in enumerate(metrics):
        values.append(o.param_groups[0]["lr"])
        s.step(epoch + 1, metric)
    keys = {"schedule." + k: v if isinstance(v, str) else json.dumps(v) for k, v in dict(name="plateau", unit="epoch", lr=lr, **keys).items()}
    rows.append(dict(name=name, keys=keys, metrics=metrics, values=values))


def own(**options):
    return lambda o: PlateauLRScheduler(o, **options)


def made(**options):
    return lambda o: create_scheduler_v2(o, sched="plateau", num_epochs=60, **options)[0]


TOP1, LOSS = curve(1, 60, 10, 70, 0.3), curve(2, 60, 7, 1, 0.05)
WARM = dict(warmup_epochs=4, warmup_lr=1e-4)
WARMED = dict(warmup_epochs=4, warmup_init=1e-4)
add("made", made(patience_epochs=3, decay_rate=0.5, min_lr=0.01, **WARM), dict(patience_epochs=3, decay_rate=0.5, end_lr=0.01, **WARMED), TOP1)
add("made_loss", made(patience_epochs=2, decay_rate=0.3, plateau_mode="min", **WARM),
    dict(patience_epochs=2, decay_rate=0.3, metric="loss", **WARMED), LOSS)
add("made_noise", made(patience_epochs=3, decay_rate=0.5, noise=[0.2, 0.8], noise_pct=0.6, noise_std=0.4, noise_seed=7, **WARM),
    dict(patience_epochs=3, decay_rate=0.5, noise_range=[0.2, 0.8], noise_percent=0.6, noise_std=0.4, noise_seed=7, **WARMED), TOP1)
add("made_noise_warm", made(patience_epochs=1, decay_rate=0.5, noise=[0, 1], noise_pct=0.6, noise_std=0.4, noise_seed=7, **WARM),
    dict(patience_epochs=1, decay_rate=0.5, noise_range=[0, 1], noise_percent=0.6, noise_std=0.4, noise_seed=7, **WARMED), TOP1)
add("cooldown", own(patience_t=1, cooldown_t=5, decay_rate=0.5, threshold=1e-2), dict(patience_epochs=1, plateau_cooldown=5, decay_rate=0.5, threshold=1e-2), TOP1)
add("cooldown_loss", own(patience_t=0, cooldown_t=3, decay_rate=0.7, mode="min", warmup_t=3, warmup_lr_init=0.01),
    dict(patience_epochs=0, plateau_cooldown=3, decay_rate=0.7, metric="loss", warmup_epochs=3, warmup_init=0.01), LOSS)
add("every_third", own(patience_t=2, decay_rate=0.1, warmup_t=4, warmup_lr_init=0.01), dict(patience_epochs=2, decay_rate=0.1, warmup_epochs=4, warmup_init=0.01),
    [m if e % 3 == 2 else None for e, m in enumerate(TOP1)])
add("to_nothing", own(patience_t=0, decay_rate=0.01), dict(patience_epochs=0, decay_rate=0.01), [50.0] * 20)  # changes below 1e-8 are not made
add("flat", own(patience_t=4, decay_rate=0.5, threshold=0), dict(patience_epochs=4, decay_rate=0.5, threshold=0), [50.0] * 30)
add("zero", own(patience_t=2, decay_rate=0.5), dict(patience_epochs=2, decay_rate=0.5), [0.0] * 12)
OUT.write_text('{"plateaus": [\n' + ",\n".join(json.dumps(r) for r in rows) + "\n]}\n")
print(len(rows), OUT.stat().st_size, [len(set(r["values"])) for r in rows])
