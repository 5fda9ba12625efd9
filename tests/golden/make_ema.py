#!/usr/bin/env python3
"""Moving averages and gradient clipping for tests/train: what Optax, timm and PyTorch really compute.

Writes ../fixtures/train/ema.json: runs of one number (and of an integer counter), each with the recipe keys that must give
the same; the decays of dynamic forms; and clipped gradients. Numbers of sources that are no packages (TF1's class,
jax_examples' ema_v2, torchvision's references) were printed by them and stand in FOREIGN.
Run: OMP_NUM_THREADS=1 python make_ema.py     SPDX-License-Identifier: Apache-2.0
"""
import json, os
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
import jax.numpy as jnp
import numpy as np
import optax
import timm.utils
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
X = [1.0, 2.0, 4.0, 8.0, 16.0, -3.0, 5.0, 0.5]
FOREIGN = {
    'tf1': [1.0, 1.8181817531585693, 3.454545497894287, 6.601398468017578, 12.643356323242188, 3.2573423385620117,
            4.2375874519348145, 2.258864402770996],  # num_updates 0, 1, …; the shadow begins at 1
    'v2': [0.8999999761581421, 1.7999999523162842, 3.450000047683716, 6.600000381469727, 12.642857551574707,
           3.257143020629883, 4.237500190734863, 2.2588236331939697],
    'v2_returned': [1.0, 1.8615384101867676, 3.5047619342803955, 6.659693241119385, 12.716747283935547,
                    3.2705390453338623, 4.250540256500244, 2.2642693519592285],
    'torchvision': [1.0, 1.100000023841858, 1.3899999856948853, 2.050999879837036, 3.4458999633789062, 2.801309823989868,
                    3.021178722381592, 2.7690606117248535],
    'torchvision_warmup3': [1.0, 2.0, 4.0, 8.0, 8.800000190734863, 7.619999885559082, 7.357999801635742, 6.672199726104736],
}
ADJUSTED = [[8, 128, 32, 600, 0.9989077333333323], [1, 128, 32, 600, 0.9998634666666665],
            [8, 32, 32, 90, 0.9981795555555537]]  # world, batch, steps, epochs -> the decay .99998 becomes
V2_DECAYS = [[0, .1], [1, 0.18181818181818182], [2, .25], [8, .5], [10, .55], [100, 0.9181818181818182],
             [1000, 0.9910891089108911], [10000, 0.999100899100899], [89989, 0.9998999988888766], [89990, .9999], [100000, .9999]]
V3_DECAYS = [[1, 0.0], [2, 0.3700394750525634], [3, 0.5192501432308638], [10, 0.7845565309968117], [100, 0.9535841116638722],
             [1000, .99], [10000, 0.9978455653099682], [100000, 0.9995358411166387], [1000000, .9998]]
runs = []


def run(name, keys, start, values, evaluated=None, ints=None, warmup=0):
    keys = {'ema.' + k: v if isinstance(v, str) else json.dumps(v) for k, v in keys.items()}
    runs.append(dict(name=name, keys=keys, start=start, average=[float(v) for v in values],
                     evaluated=[float(v) for v in evaluated or values], ints=ints or [], warmup=warmup))


def optax_ema(debias):
    tx, state, kept, given = optax.ema(0.9, debias=debias), None, [], []
    state = tx.init(jnp.zeros(()))
    for x in X:
        u, state = tx.update(jnp.float32(x), state)
        kept.append(state.ema)
        given.append(u)
    return kept, given


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.p = torch.nn.Parameter(torch.tensor(10.0))
        self.register_buffer('f', torch.tensor(10.0))
        self.register_buffer('i', torch.tensor(0))


def feed(update, model, read):
    """The average's parameter, float buffer and counter after each number."""
    out = []
    for k, x in enumerate(X, 1):
        with torch.no_grad():
            model.p.fill_(x), model.f.fill_(x), model.i.fill_(k)
        update(model, k)
        a = read()
        out.append((float(a.p.detach()), float(a.f), int(a.i)))
    return [list(column) for column in zip(*out)]


def timm_v2():
    model = Tiny()
    ema = timm.utils.ModelEmaV2(model, decay=0.9)
    return feed(lambda m, k: ema.update(m), model, lambda: ema.module)


def timm_v3(step, **options):
    model = Tiny()
    ema = timm.utils.ModelEmaV3(model, decay=0.9, **options)
    return feed(lambda m, k: ema.update(m, step=k if step else None), model, lambda: ema.module)


def torch_averaged(reset):
    """torchvision's references: AveragedModel with its avg_fn and buffers; in the warm-up the counter is set back."""
    model = Tiny()
    ema = torch.optim.swa_utils.AveragedModel(model, avg_fn=lambda e, p, n: 0.9 * e + (1 - 0.9) * p, use_buffers=True)

    def update(m, k):
        ema.update_parameters(m)
        if k <= reset:
            ema.n_averaged.fill_(0)
    return feed(update, model, lambda: ema.module)


kept, given = optax_ema(True)
run('optax', dict(form='optax', decay=.9), 10, kept)
run('optax debiased', dict(form='optax', decay=.9, evaluate='debiased'), 10, kept, given)
assert [float(v) for v in optax_ema(False)[1]] == [float(v) for v in kept]
V2 = dict(form='optax', decay=.9999, dynamic='updates')
run('jax_examples v2', V2, 10, FOREIGN['v2'])
run('jax_examples v2, as returned', {**V2, 'evaluate': 'power'}, 10, FOREIGN['v2'], FOREIGN['v2_returned'])
run('tf1', dict(form='tf', decay=.9999, dynamic='updates'), 1, FOREIGN['tf1'])
p, f, i = timm_v2()
assert p == f
run('timm v2', dict(form='timm', decay=.9), 10, p, ints=i)
p, f, i = timm_v3(False)
run('timm v3 without step', dict(form='timm_v3', decay=.9, copies=0), 10, p, ints=i)
p, f, i = timm_v3(True)
run('timm v3', dict(form='timm_v3', decay=.9), 10, p, ints=i)
p, f, i = timm_v3(True, use_warmup=True)
run('timm v3 warm-up', dict(form='timm_v3', decay=.9, dynamic='timm_warmup'), 10, p, ints=i)
p, f, i = timm_v3(True, use_warmup=True, update_after_step=2, warmup_gamma=2.0, warmup_power=.5)
run('timm v3 warm-up after two', dict(form='timm_v3', decay=.9, dynamic='timm_warmup', copies=3, gamma=2, power=.5), 10, p, ints=i)
p, f, i = timm_v3(True, exclude_buffers=True)
assert f == X
run('timm v3 without buffers', dict(form='timm_v3', decay=.9, batch_statistics=False), 10, p, ints=i)
for reset, key in ((0, 'torchvision'), (3, 'torchvision_warmup3')):
    p, f, i = torch_averaged(reset)
    assert np.abs(np.array(p) - np.array(FOREIGN[key])).max() < 1e-6, (p, FOREIGN[key])
    run(key, dict(form='torchvision', decay=.9, during_warmup='copy' if reset else 'average'), 10, FOREIGN[key], ints=i, warmup=reset)

# Model Garden's: slots begin at zero, n = iterations after the step; in f32, as its class writes it
e, mg = np.float32(0), []
for n, x in enumerate(X, 1):
    d = np.minimum(np.float32(.999), (np.float32(1) + np.float32(n)) / (np.float32(10) + np.float32(n)))
    e = e - (np.float32(1) - d) * (e - np.float32(x))
    mg.append(float(e))
run('model garden', dict(form='tf', decay=.999, dynamic='updates', dynamic_from=1, start='zero'), 10, mg)

# ---- clipping: gradients of three parameters
GRADS = [[3.0, -4.0, 12.0], [0.3, -0.4, 0.1], [1e-3, 0.0, -1e-3], [0.6, 0.8, 0.0], [100.0, 1e-4, -50.0]]
clips = []


def clip(name, keys, norms, rows):
    clips.append(dict(name=name, keys=keys, norms=norms, clipped=[[float(v) for v in row] for row in rows]))


def torch_clip(how):
    rows, norms = [], []
    for g in GRADS:
        p = torch.nn.Parameter(torch.zeros(3))
        p.grad = torch.tensor(g)
        norms.append(float(torch.linalg.vector_norm(p.grad)))
        how(p)
        rows.append(p.grad.numpy().copy())
    return norms, rows


def optax_clip(tx):
    return [np.asarray(tx.update(jnp.array(g, jnp.float32), tx.init(jnp.zeros(3)))[0]) for g in GRADS]


norms, rows = torch_clip(lambda p: torch.nn.utils.clip_grad_norm_([p], 1.0))
clip('torch norm', {'clip.norm': '1'}, norms, rows)
clip('optax norm', {'clip.norm': '1', 'clip.norm_of': 'optax'}, norms, optax_clip(optax.clip_by_global_norm(1.0)))
_, tiny = torch_clip(lambda p: torch.nn.utils.clip_grad_norm_([p], 1e-5))
clip('torch tiny norm', {'clip.norm': '1e-5'}, norms, tiny)
clip('optax tiny norm', {'clip.norm': '1e-5', 'clip.norm_of': 'optax'}, norms, optax_clip(optax.clip_by_global_norm(1e-5)))
_, rows = torch_clip(lambda p: torch.nn.utils.clip_grad_value_([p], 0.5))
clip('torch value', {'clip.value': '0.5'}, norms, rows)
assert np.array_equal(np.array(rows), np.array(optax_clip(optax.clip(0.5))))

with open(os.path.join(HERE, '..', 'fixtures', 'train', 'ema.json'), 'w') as out:
    parts = dict(x=json.dumps(X), adjusted=json.dumps(ADJUSTED), v2_decays=json.dumps(V2_DECAYS), v3_decays=json.dumps(V3_DECAYS),
                 gradients=json.dumps(GRADS), runs='[\n' + ',\n'.join(map(json.dumps, runs)) + ']',
                 clips='[\n' + ',\n'.join(map(json.dumps, clips)) + ']')
    out.write('{' + ',\n'.join(f'"{k}": {v}' for k, v in parts.items()) + '}\n')
print(len(runs), 'averages,', len(clips), 'clips')
