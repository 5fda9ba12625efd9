#!/usr/bin/env python3
"""Optimizer and learning-rate sequences for tests/train: what PyTorch and Optax really compute.

Writes ../fixtures/train/optimizers.json and schedules.json. Each run holds the recipe keys that must give the same
numbers, the sequence in float32 ("f32") and, for optimizers, in float64 ("f64"). Sequences of frameworks that are not
installed here are taken from training_foreign.json; their f64 comes from the plain formula `formula` below.
Run: OMP_NUM_THREADS=1 python training_sequences.py     SPDX-License-Identifier: Apache-2.0
"""
import json, math, os
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ['JAX_ENABLE_X64'] = '1'
import jax.numpy as jnp
import numpy as np
os.environ['KERAS_BACKEND'] = 'jax'
import keras
import optax
import timm.scheduler
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
OUT = os.path.join(HERE, '..', 'fixtures', 'train')
FOREIGN = json.load(open(os.path.join(HERE, 'training_foreign.json')))
P0 = [1.0, -2.0, 3.0]
GRADS = [[0.1, -0.2, 0.3], [0.05, 0.4, -0.1], [-0.3, 0.2, 0.2], [0.0, 0.1, -0.5], [0.25, -0.35, 0.15]]
RATES = {'const': [0.064] * 5, 'varying': [0.1, 0.1, 0.05, 0.05, 0.01], 'small': [0.004] * 5}
runs = []


def rows(values):
    return [[float(v) for v in row] for row in values]


def run_optax(make, lr, dtype):
    table = jnp.array(lr, dtype)
    tx = make(lambda count: table[jnp.minimum(count, len(lr) - 1)])
    p = jnp.array(P0, dtype)
    state, out = tx.init(p), []
    for g in GRADS:
        u, state = tx.update(jnp.array(g, dtype), state, p)
        p = optax.apply_updates(p, u)
        assert p.dtype == dtype
        out.append(np.asarray(p))
    return rows(out)


def run_torch(make, lr, dtype):
    p = torch.nn.Parameter(torch.tensor(P0, dtype=dtype))
    o, out = make([p]), []
    for i, g in enumerate(GRADS):
        for group in o.param_groups:
            group['lr'] = lr[i]
        p.grad = torch.tensor(g, dtype=dtype)
        o.step()
        out.append(p.detach().numpy().copy())
    return rows(out)


def formula(keys, lr):
    """Both optimizers as the papers write them, in Python's own doubles, element by element."""
    k = {**TORCH_RMS, **keys}
    mu, alpha, eps = k['optimizer.momentum'], k.get('optimizer.alpha', 0), k.get('optimizer.eps', 0)
    p, out = list(P0), []
    v, m, b = [k.get('optimizer.initial_mean_square', 0)] * 3, [0.0] * 3, [0.0] * 3
    for t, g in enumerate(GRADS):
        for i in range(3):
            wd, s = k.get('weight_decay.value', 0), g[i]
            if k.get('weight_decay.order') == 'decoupled':
                p[i] *= 1 - lr[t] * wd
            else:
                s += wd * p[i]
            u = s
            if keys['optimizer.name'] == 'rmsprop':
                v[i] = alpha * v[i] + (1 - alpha) * s * s
                m[i] = alpha * m[i] + (1 - alpha) * s
                d = v[i] - (m[i] ** 2 if k.get('optimizer.centered') else 0)
                u = s / (math.sqrt(d + eps) if k.get('optimizer.eps_in_sqrt') else math.sqrt(d) + eps)
            inside = k.get('optimizer.lr_in_momentum', False)
            u *= lr[t] if inside else 1
            b[i] = mu * b[i] + u
            step = u + mu * b[i] if k.get('optimizer.nesterov') else b[i]
            p[i] -= step * (1 if inside else lr[t])
        out.append(list(p))
    return out


def formula_keras_adamw(keys, lr):
    """Keras 3: decay first, by the learning rate; eps beside the uncorrected root."""
    p, out, m, v = list(P0), [], [0.0] * 3, [0.0] * 3
    eps, wd = keys['optimizer.eps'], keys['weight_decay.value']
    for t, g in enumerate(GRADS, 1):
        for i in range(3):
            m[i] = 0.9 * m[i] + 0.1 * g[i]
            v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2
            p[i] -= lr[t - 1] * wd * p[i]
            p[i] -= lr[t - 1] * math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t) * m[i] / (math.sqrt(v[i]) + eps)
        out.append(list(p))
    return out


def add(name, rate, keys, f32, f64):
    runs.append(dict(name=name, lr=RATES[rate], keys={k: v if isinstance(v, str) else json.dumps(v) for k, v in keys.items()},
                     f32=f32, f64=f64))


def add_optax(name, rate, keys, make):
    add(name, rate, keys, run_optax(make, RATES[rate], jnp.float32), run_optax(make, RATES[rate], jnp.float64))


def add_torch(name, rate, keys, make):
    add(name, rate, keys, run_torch(make, RATES[rate], torch.float32), run_torch(make, RATES[rate], torch.float64))


def add_foreign(name, rate, keys):
    add(name, rate, keys, FOREIGN['optimizers'][name], formula(keys, RATES[rate]))


R = dict(decay=0.9, eps=0.002, momentum=0.9)
TORCH_RMS = {'optimizer.momentum': 0.9}
TF = {'optimizer.name': 'rmsprop', 'optimizer.alpha': 0.9, 'optimizer.momentum': 0.9, 'optimizer.eps': 0.002,
      'optimizer.eps_in_sqrt': True, 'optimizer.lr_in_momentum': True}
TF1 = {**TF, 'optimizer.initial_mean_square': 1}
TV = {'optimizer.name': 'rmsprop', 'optimizer.alpha': 0.9, 'optimizer.momentum': 0.9, 'optimizer.eps': 0.0316}
SGD = {'optimizer.name': 'sgd', 'optimizer.momentum': 0.9}
KERAS_SGD = {**SGD, 'optimizer.lr_in_momentum': True}
WD = {'weight_decay.value': 0.01}

for rate in ('const', 'varying'):
    add_optax(f'optax_rmsprop_init0_lr_{rate}', rate, TF, lambda lr: optax.rmsprop(lr, **R))
    add_optax(f'optax_rmsprop_init1_lr_{rate}', rate, TF1, lambda lr: optax.rmsprop(lr, initial_scale=1.0, **R))
    add_optax(f'optax_rmsprop_eps_outside_lr_{rate}', rate,
              {**TF, 'optimizer.eps': 0.0316, 'optimizer.eps_in_sqrt': False},
              lambda lr: optax.rmsprop(lr, decay=.9, eps=.0316, momentum=.9, eps_in_sqrt=False))
    add_optax(f'optax_rmsprop_centered_lr_{rate}', rate, {**TF, 'optimizer.centered': True},
              lambda lr: optax.rmsprop(lr, centered=True, **R))
    add_optax(f'optax_rmsprop_centered_init1_lr_{rate}', rate, {**TF1, 'optimizer.centered': True},
              lambda lr: optax.rmsprop(lr, centered=True, initial_scale=1.0, **R))
    add_optax(f'optax_rmsprop_nesterov_lr_{rate}', rate, {**TF, 'optimizer.nesterov': True},
              lambda lr: optax.rmsprop(lr, nesterov=True, **R))
    add_optax(f'optax_rmsprop_bias_correction_lr_{rate}', rate, {**TF, 'optimizer.bias_correction': True},
              lambda lr: optax.rmsprop(lr, bias_correction=True, **R))
    add_optax(f'optax_rmsprop_centered_bias_correction_lr_{rate}', rate,
              {**TF, 'optimizer.centered': True, 'optimizer.bias_correction': True},
              lambda lr: optax.rmsprop(lr, centered=True, bias_correction=True, **R))
    add_optax(f'optax_rmsprop_no_momentum_lr_{rate}', rate, {**TF, 'optimizer.momentum': 0},
              lambda lr: optax.rmsprop(lr, decay=.9, eps=.002))
    add_optax(f'optax_rmsprop_no_momentum_centered_bias_correction_lr_{rate}', rate,
              {**TF, 'optimizer.momentum': 0, 'optimizer.centered': True, 'optimizer.bias_correction': True},
              lambda lr: optax.rmsprop(lr, decay=.9, eps=.002, centered=True, bias_correction=True))
    add_optax(f'optax_chain_l2_0.01_then_rmsprop_lr_{rate}', rate, {**TF1, **WD},
              lambda lr: optax.chain(optax.add_decayed_weights(0.01), optax.rmsprop(lr, initial_scale=1.0, **R)))
    add_optax(f'optax_chain_l2_1e-05_then_rmsprop_lr_{rate}', rate, {**TF1, 'weight_decay.value': 1e-5},
              lambda lr: optax.chain(optax.add_decayed_weights(1e-5), optax.rmsprop(lr, initial_scale=1.0, **R)))
    add_optax(f'optax_sgd_momentum_lr_{rate}', rate, SGD, lambda lr: optax.sgd(lr, momentum=.9))
    add_optax(f'optax_sgd_nesterov_lr_{rate}', rate, {**SGD, 'optimizer.nesterov': True},
              lambda lr: optax.sgd(lr, momentum=.9, nesterov=True))
    add_optax(f'optax_sgd_plain_lr_{rate}', rate, {**SGD, 'optimizer.momentum': 0}, lambda lr: optax.sgd(lr))
    add_optax(f'optax_chain_l2_half_1e-2_then_sgd_nesterov_lr_{rate}', rate,
              {**SGD, 'optimizer.nesterov': True, 'weight_decay.value': 0.005},
              lambda lr: optax.chain(optax.add_decayed_weights(0.5e-2), optax.sgd(lr, momentum=.9, nesterov=True)))
    rms = dict(lr=.1, alpha=.9, eps=.0316, foreach=False)
    add_torch(f'torch_rmsprop_torchvision_lr_{rate}', rate, TV, lambda p: torch.optim.RMSprop(p, momentum=.9, **rms))
    add_torch(f'torch_rmsprop_torchvision_wd1e-2_lr_{rate}', rate, {**TV, **WD},
              lambda p: torch.optim.RMSprop(p, momentum=.9, weight_decay=1e-2, **rms))
    add_torch(f'torch_rmsprop_centered_lr_{rate}', rate, {**TV, 'optimizer.centered': True},
              lambda p: torch.optim.RMSprop(p, momentum=.9, centered=True, **rms))
    add_torch(f'torch_rmsprop_no_momentum_lr_{rate}', rate, {**TV, 'optimizer.momentum': 0},
              lambda p: torch.optim.RMSprop(p, **rms))
    add_torch(f'torch_sgd_momentum_lr_{rate}', rate, SGD,
              lambda p: torch.optim.SGD(p, lr=.1, momentum=.9, foreach=False))
    add_torch(f'torch_sgd_nesterov_wd1e-2_lr_{rate}', rate, {**SGD, **WD, 'optimizer.nesterov': True},
              lambda p: torch.optim.SGD(p, lr=.1, momentum=.9, nesterov=True, weight_decay=1e-2, foreach=False))
    add_torch(f'torch_sgd_plain_wd1e-2_lr_{rate}', rate, {**SGD, **WD, 'optimizer.momentum': 0},
              lambda p: torch.optim.SGD(p, lr=.1, weight_decay=1e-2, foreach=False))
    add_foreign(f'tf1_rmsprop_lr_{rate}', rate, TF1)
    add_foreign(f'tf1_rmsprop_centered_lr_{rate}', rate, {**TF1, 'optimizer.centered': True})
    add_foreign(f'tf1_momentum_lr_{rate}', rate, SGD)
    add_foreign(f'tf1_momentum_nesterov_lr_{rate}', rate, {**SGD, 'optimizer.nesterov': True})
    add_foreign(f'keras3_rmsprop_lr_{rate}', rate, TF)
    add_foreign(f'keras3_sgd_momentum_lr_{rate}', rate, KERAS_SGD)
    add_foreign(f'keras3_sgd_nesterov_lr_{rate}', rate, {**KERAS_SGD, 'optimizer.nesterov': True})
    add_foreign(f'timm_rmsproptf_lr_{rate}', rate, TF1)
    add_foreign(f'timm_rmsproptf_lr_not_in_momentum_lr_{rate}', rate, {**TF1, 'optimizer.lr_in_momentum': False})
add_foreign('timm_rmsproptf_wd1e-2', 'const', {**TF1, **WD})
add_foreign('timm_rmsproptf_decoupled_wd1e-2', 'const', {**TF1, **WD, 'weight_decay.order': 'decoupled'})

ADAM = {'optimizer.name': 'adam'}
ADAMW = {**ADAM, 'weight_decay.order': 'decoupled', 'weight_decay.value': 0.05}
for rate in ('small', 'varying'):
    add_optax(f'optax_adam_lr_{rate}', rate, ADAM, lambda lr: optax.adam(lr))
    add_optax(f'optax_adam_betas_lr_{rate}', rate, {**ADAM, 'optimizer.beta1': 0.8, 'optimizer.beta2': 0.95},
              lambda lr: optax.adam(lr, b1=0.8, b2=0.95))
    add_optax(f'optax_adam_eps_root_lr_{rate}', rate, {**ADAM, 'optimizer.eps_root': 1e-3},
              lambda lr: optax.adam(lr, eps_root=1e-3))
    add_optax(f'optax_adamw_lr_{rate}', rate, ADAMW, lambda lr: optax.adamw(lr, weight_decay=0.05))
    add_optax(f'optax_adamw_eps1e-3_lr_{rate}', rate, {**ADAMW, 'optimizer.eps': 1e-3},
              lambda lr: optax.adamw(lr, eps=1e-3, weight_decay=0.05))
    add_optax(f'optax_adamw_eps1e-7_lr_{rate}', rate, {**ADAMW, 'optimizer.eps': 1e-7},
              lambda lr: optax.adamw(lr, eps=1e-7, weight_decay=0.05))
    add_optax(f'optax_adamw_masked_off_lr_{rate}', rate, {**ADAMW, 'weight_decay.value': 0},
              lambda lr: optax.adamw(lr, weight_decay=0.05, mask=False))
    add_optax(f'optax_adamw_nesterov_lr_{rate}', rate, {**ADAMW, 'optimizer.nesterov': True},
              lambda lr: optax.adamw(lr, weight_decay=0.05, nesterov=True))
    add_torch(f'torch_adam_lr_{rate}', rate, ADAM, lambda p: torch.optim.Adam(p, foreach=False))
    add_torch(f'torch_adam_l2_lr_{rate}', rate, {**ADAM, **WD},
              lambda p: torch.optim.Adam(p, weight_decay=0.01, foreach=False))
    add_torch(f'torch_adamw_lr_{rate}', rate, ADAMW, lambda p: torch.optim.AdamW(p, weight_decay=0.05, foreach=False))
    add_torch(f'torch_adamw_eps1e-3_lr_{rate}', rate, {**ADAMW, 'optimizer.eps': 1e-3},
              lambda p: torch.optim.AdamW(p, eps=1e-3, weight_decay=0.05, foreach=False))
for name, eps in (('keras3_adamw', 1e-7), ('keras3_adamw_eps1e-3', 1e-3)):
    keys = {**ADAMW, 'optimizer.eps': eps, 'optimizer.eps_hat': True}
    add(name, 'small', keys, FOREIGN['optimizers'][name], formula_keras_adamw(keys, RATES['small']))

# ---- schedules: steps_per_epoch and epochs say how the recipe's epochs become steps
schedules = []


def schedule(name, steps_per_epoch, epochs, keys, steps, values):
    keys = {'schedule.' + k: v if isinstance(v, str) else json.dumps(v) for k, v in keys.items()}
    schedules.append(dict(name=name, steps_per_epoch=steps_per_epoch, epochs=epochs, keys=keys, steps=steps,
                          values=[float(v) for v in values]))


def torch_epochs(name, epochs, lr, keep, keys, make, per_epoch=7):
    """PyTorch's value of every epoch, held over that epoch's steps (the first and the last of them are tested)."""
    o = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    s, values = make(o), []
    for _ in range(epochs):
        values.append(o.param_groups[0]['lr'])
        o.step()
        s.step()
    steps = [e * per_epoch + i for e in keep for i in (0, per_epoch - 1)]
    schedule(name, per_epoch, epochs, {'unit': 'epoch', 'lr': lr, **keys}, steps, [values[t // per_epoch] for t in steps])


def foreign(name, steps_per_epoch, epochs, keys):
    f = FOREIGN['schedules'][name]
    schedule(name, steps_per_epoch, epochs, keys, f['steps'], f['values'])


EXP = dict(name='exponential', lr=0.064, warmup_epochs=5, decay_rate=0.94, decay_epochs=2.5)
T = [0, 1, 3127, 6254, 6255, 6256, 9381, 9382, 12509, 62550, 312750, 625499]
for label, begin, stairs, keys in (('warmup_end', 0, True, {}), ('warmup_twice', 6255, True, dict(decay_from='warmup_twice')),
                                   ('smooth', 0, False, dict(staircase=False))):
    f = optax.warmup_exponential_decay_schedule(0.0, 0.064, 6255, 3127, 0.94, begin, stairs)
    schedule('optax_warmup_exponential_' + label, 1251, 500, {**EXP, **keys}, T, [f(t) for t in T])
T = [0, 1, 3130, 6259, 6260, 6261, 20000, 46950, 50080, 90000, 93899, 93900, 100000]
f = optax.warmup_cosine_decay_schedule(0.0, 0.004, 6260, 93900, 1e-6)
schedule('optax_warmup_cosine', 313, 300, dict(name='cosine', lr=0.004, warmup_epochs=20, end_lr=1e-6), T, [f(t) for t in T])
f = optax.warmup_cosine_decay_schedule(1e-4, 0.004, 6260, 93900, 0, exponent=2)  # optax: ((1-a) wave^e + a), a = 0 here
schedule('optax_warmup_cosine_exponent2', 313, 300,
         dict(name='cosine', lr=0.004, warmup_epochs=20, warmup_init=1e-4, exponent=2), T, [f(t) for t in T])
T = [0, 1, 1000, 54500, 109000, 150000, 163500, 200000, 217000, 217999, 218000, 300000]
f = optax.cosine_decay_schedule(0.004, 218000)
schedule('optax_cosine', 218, 1000, dict(name='cosine', lr=0.004), T, [f(t) for t in T])
T = [0, 1, 10, 100, 250, 500, 750, 900, 990, 999, 1000, 1001]
f = optax.polynomial_schedule(0.02, 0.0, 0.9, 1000)
schedule('optax_polynomial', 10, 100, dict(name='polynomial', lr=0.02, exponent=0.9), T, [f(t) for t in T])
f = optax.polynomial_schedule(0.02, 0.001, 2, 1000)
schedule('optax_polynomial_end', 10, 100, dict(name='polynomial', lr=0.02, end_lr=0.001, exponent=2), T, [f(t) for t in T])

S = torch.optim.lr_scheduler
torch_epochs('torch_constant', 5, 0.1, [0, 4], dict(name='constant'), lambda o: S.ConstantLR(o, factor=1))
torch_epochs('torch_StepLR_mobilenetv2', 300, 0.045, [0, 1, 2, 3, 4, 5, 29, 30, 59, 60, 89, 299],
             dict(name='step', decay_rate=.98, decay_epochs=1), lambda o: S.StepLR(o, 1, 0.98))
torch_epochs('torch_StepLR_mobilenetv3', 600, 0.064, [0, 1, 2, 3, 4, 5, 6, 7, 100, 101, 598, 599],
             dict(name='step', decay_rate=.973, decay_epochs=2), lambda o: S.StepLR(o, 2, 0.973))
torch_epochs('torch_linear_warmup5_cosine600', 600, 0.5, [0, 1, 2, 3, 4, 5, 6, 100, 300, 302, 598, 599],
             dict(name='cosine', warmup_epochs=5, warmup_init=0.005),
             lambda o: S.SequentialLR(o, [S.LinearLR(o, start_factor=.01, total_iters=5), S.CosineAnnealingLR(o, T_max=595)], [5]))
torch_epochs('torch_PolynomialLR', 1000, 0.02, [0, 1, 10, 100, 250, 500, 750, 900, 990, 998, 999],
             dict(name='polynomial', exponent=.9), lambda o: S.PolynomialLR(o, total_iters=1000, power=0.9))
torch_epochs('torch_MultiStepLR', 26, 0.02, [0, 15, 16, 17, 21, 22, 25], dict(name='multistep', milestones=[16, 22]),
             lambda o: S.MultiStepLR(o, [16, 22], 0.1))

foreign('keras_ExponentialDecay_staircase', 780, 210, dict(name='exponential', lr=.256, decay_rate=.96, decay_epochs=1))
foreign('model_garden_linear_warmup_exponential', 312, 500,
        dict(name='exponential', lr=.256, decay_rate=.96, decay_epochs=2.5, warmup_epochs=5, warmup_to='decayed', decay_from='zero'))
TIMM = dict(unit='epoch', name='step', lr=.064, decay_rate=.97, decay_epochs=2.4, warmup_epochs=3, warmup_init=1e-6)
foreign('timm_step_rmsprop_mnv3', 1, 450, {**TIMM, 'decay_from': 'zero'})
foreign('timm_step_warmup_prefix', 1, 450, TIMM)
foreign('timm_cosine', 1, 450, dict(unit='epoch', name='cosine', lr=.004, warmup_epochs=5, warmup_init=1e-6, end_lr=1e-6, decay_from='zero'))
# timm's learning-rate noise, and what its scheduler says of it
def timm_noise(name, keys, kind='normal', **options):
    t = [0, 1, 188, 189, 190, 191, 200, 300, 404, 405, 448, 449]
    sched = timm.scheduler.StepLRScheduler(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=.064), decay_t=2.4,
                                           decay_rate=.97, warmup_t=3, warmup_lr_init=1e-6, warmup_prefix=False, noise_range_t=[.42 * 450, .9 * 450],
                                           **options)
    sched.noise_type = kind  # StepLRScheduler takes no word for it
    values = []
    for epoch in t:
        sched.step(epoch)
        values.append(sched.optimizer.param_groups[0]['lr'])
    schedule(name, 1, 450, {**TIMM, 'decay_from': 'zero', 'noise_range': [.42, .9], **keys}, t, values)


timm_noise('timm_step_lr_noise', {})
timm_noise('timm_step_lr_noise_narrow', dict(noise_percent=.1, noise_std=.5, noise_seed=7), noise_pct=.1, noise_std=.5, noise_seed=7)
timm_noise('timm_step_lr_noise_uniform', dict(noise='uniform', noise_percent=.3), kind='uniform', noise_pct=.3)
# a callback met in the wild: 0.256 * 0.97 ** floor((1 + epoch) / 3)
schedule('keras_callback_shifted', 1, 60, dict(unit='epoch', name='step', lr=.256, decay_rate=.97, decay_epochs=3, decay_shift=1),
         list(range(12)), [0.256 * 0.97 ** math.floor((1 + e) / 3) for e in range(12)])
# Keras: InverseTimeDecay, and the optimizers' old `decay=` (the same with decay_steps 1)
T = [0, 1, 99, 100, 101, 1000, 5000, 9999]
for label, rate, every, stairs, keys in (('', .5, 100, False, dict(decay_epochs=1)), ('_staircase', .5, 100, True, dict(decay_steps=100)),
                                         ('_decay', .9, 1, False, dict(decay_steps=1)), ('_fast', 40., 1000, False, dict(decay_epochs=10))):
    f = keras.optimizers.schedules.InverseTimeDecay(.1, every, rate, staircase=stairs)
    schedule('keras_inverse_time' + label, 100, 100, dict(name='inverse_time', lr=.1, decay_rate=rate, staircase=stairs, **keys), T,
             [float(f(t)) for t in T])
# official ConvNeXt: numpy.linspace(0, peak, W), end point included, then half a cosine over the rest
W, N, PEAK, END = 20 * 312, 280 * 312, 4e-3, 1e-6
ramp, T = np.linspace(0, PEAK, W), [0, 1, 3120, 6238, 6239, 6240, 6241, 20000, 46800, 90000, 93598, 93599]
schedule('convnext_official', 312, 300, dict(name='cosine', lr=PEAK, warmup_epochs=20, warmup_reaches_end=True, end_lr=END), T,
         [ramp[t] if t < W else END + 0.5 * (PEAK - END) * (1 + math.cos(math.pi * (t - W) / N)) for t in T])


def write(name, head, key, items):
    with open(os.path.join(OUT, name), 'w') as f:
        f.write(json.dumps(head)[:-1] + (', ' if head else '') + f'"{key}": [\n' + ',\n'.join(json.dumps(i) for i in items) + '\n]}\n')


os.makedirs(OUT, exist_ok=True)
write('optimizers.json', dict(p0=P0, grads=GRADS), 'runs', runs)
write('schedules.json', {}, 'schedules', schedules)
print(len(runs), 'optimizer runs,', len(schedules), 'schedules')
