"""Losses, Mixup, CutMix, Random Erasing and repeated sampling as timm and torchvision really run them, draws recorded.

Run: python make_mixing.py. Writes fixtures/golden/losses.json and fixtures/augment/mixing.json. The frameworks draw from
their own generators; what was drawn is kept beside what came of it, so that the same can be made from the same draws.
SPDX-License-Identifier: Apache-2.0"""
import json, math, pathlib, random
import numpy as np
import timm, torch, torchvision
from timm.data.distributed_sampler import RepeatAugSampler
from timm.data.mixup import Mixup
from timm.data.random_erasing import RandomErasing as TimmErasing
from timm.loss import BinaryCrossEntropy, SoftTargetCrossEntropy
from torchvision.transforms import RandomErasing, RandomResizedCrop, v2

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
VERSIONS = {"torch": torch.__version__, "torchvision": torchvision.__version__, "timm": timm.__version__,
            "numpy": np.__version__}


def pictures(n=4, h=6, w=6):
    return torch.arange(n * 2 * h * w, dtype=torch.float32).reshape(n, 2, h, w)


def nhwc(x):
    return [round(v, 4) for v in x.permute(0, 2, 3, 1).reshape(-1).tolist()]


# ---- losses ----

def loss_case(name, loss, logits, target, **what):
    z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    value = loss(z, torch.tensor(target, dtype=torch.float64))
    value.backward()
    return {"name": name, **what, "logits": logits, "soft_targets": target, "loss": float(value.detach()),
            "gradient": z.grad.tolist()}


def losses():
    rng = np.random.default_rng(5)
    logits = (rng.normal(size=(3, 5)) * 4).tolist()
    logits[0][1], logits[2][4] = 40.0, -40.0  # where exp alone would round everything away
    soft = rng.dirichlet(np.ones(5), size=3).tolist()
    onehot = np.eye(5)[[1, 3, 4]].tolist()
    weight, positive = [0.5, 1.0, 2.0, 0.25, 3.0], [1.5, 0.5, 4.0, 1.0, 2.0]
    bce, entropy = [], []
    for sum_classes in (False, True):
        for w, p in ((None, None), (weight, None), (None, positive), (weight, positive)):
            for kind, target in (("soft", soft), ("onehot", onehot)):
                tensor = lambda v: None if v is None else torch.tensor(v, dtype=torch.float64)
                bce.append(loss_case(f"bce {kind} sum {sum_classes} weight {w is not None} positive {p is not None}",
                                     BinaryCrossEntropy(smoothing=0, weight=tensor(w), pos_weight=tensor(p),
                                                        sum_classes=sum_classes), logits, target,
                                     sum_classes=sum_classes, weight=w, pos_weight=p))
    entropy.append(loss_case("timm soft target", SoftTargetCrossEntropy(), logits, soft))
    for smoothing in (0.0, 0.1):  # torch smooths distributions once more
        cross = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
        entropy.append(loss_case(f"torch soft target, smoothing {smoothing}", cross, logits, soft, smoothing=smoothing))
    # what timm makes of labels: smoothed one-hot targets, and a threshold
    rules = []
    for smoothing, threshold in ((0.1, None), (0.1, 0.2), (0.3, 0.05), (0.0, 0.5)):
        seen = []
        original = torch.nn.functional.binary_cross_entropy_with_logits
        torch.nn.functional.binary_cross_entropy_with_logits = lambda x, t, *a, **k: (seen.append(t.tolist()),
                                                                                     original(x, t, *a, **k))[1]
        BinaryCrossEntropy(smoothing=smoothing, target_threshold=threshold)(
            torch.tensor(logits, dtype=torch.float64), torch.tensor([1, 3, 4]))
        torch.nn.functional.binary_cross_entropy_with_logits = original
        rules.append({"smoothing": smoothing, "threshold": -1 if threshold is None else threshold,
                      "labels": [1, 3, 4], "target": seen[0]})
    return {"versions": VERSIONS, "bce": bce, "cross_entropy": entropy, "targets": rules}


# ---- mixing ----

class Recorder:
    """numpy's global generator, with what it gave."""
    def __init__(self, seed):
        self.state, self.drawn = np.random.RandomState(seed), []

    def __getattr__(self, name):
        def call(*a, **k):
            value = getattr(self.state, name)(*a, **k)
            self.drawn.append([name, np.asarray(value).tolist()])
            return value
        return call


def timm_case(seed, size=4, shape=(6, 6), **options):
    import timm.data.mixup as module
    recorder = Recorder(seed)
    real = module.np.random
    module.np.random = recorder
    try:
        mixup = Mixup(num_classes=4, **options)
        x = pictures(size, *shape)
        labels = torch.arange(size) % 4
        y, target = mixup(x, labels)
    finally:
        module.np.random = real
    return {"of": "timm", "options": {k: v for k, v in options.items()}, "count": size, "height": shape[0],
            "width": shape[1], "drawn": recorder.drawn, "images": nhwc(y), "target": target.tolist()}


def torchvision_case(seed, cut, alpha, size=4, shape=(6, 6)):
    torch.manual_seed(seed)
    drawn = []
    transform = (v2.CutMix if cut else v2.MixUp)(alpha=alpha, num_classes=4)
    sample, randint = transform._dist.sample, torch.randint
    transform._dist.sample = lambda *a: (lambda v: (drawn.append(["beta", float(v)]), v)[1])(sample(*a))
    torch.randint = lambda *a, **k: (lambda v: (drawn.append(["randint", int(v)]), v)[1])(randint(*a, **k))
    y, target = transform(pictures(size, *shape), torch.arange(size) % 4)
    torch.randint = randint
    return {"of": "torchvision", "cut": cut, "options": {}, "count": size, "height": shape[0], "width": shape[1],
            "drawn": drawn, "images": nhwc(y), "target": target.tolist()}


def mixing():
    cases = [timm_case(seed, mixup_alpha=.8, cutmix_alpha=1., label_smoothing=.1) for seed in (0, 1, 2, 5, 8, 9)]
    cases += [timm_case(seed, size=6, shape=(7, 10), mixup_alpha=0., cutmix_alpha=1., label_smoothing=.1) for seed in (3, 4)]
    cases += [timm_case(seed, size=6, shape=(7, 10), mixup_alpha=0., cutmix_alpha=1., label_smoothing=0., correct_lam=False)
              for seed in (3, 4)]
    cases += [timm_case(seed, size=6, shape=(9, 14), mixup_alpha=.2, cutmix_alpha=0., cutmix_minmax=[.2, .8],
                        label_smoothing=.1) for seed in (0, 2, 7)]
    cases += [timm_case(seed, size=6, shape=(7, 10), mixup_alpha=.8, cutmix_alpha=1., label_smoothing=.1, mode=mode, prob=prob)
              for mode in ("pair", "elem") for seed, prob in ((0, 1.), (1, .5), (2, 1.))]
    cases += [torchvision_case(seed, cut, alpha, size, shape) for seed in (0, 1, 2) for cut, alpha in ((0, .2), (1, 1.))
              for size, shape in ((4, (6, 6)), (5, (8, 11)))]
    return cases


# ---- erasing ----

def timm_erasing(seed, **options):
    state, drawn = random.Random(seed), []

    class Module:
        @staticmethod
        def random():
            drawn.append(["random", state.random()]); return drawn[-1][1]
        @staticmethod
        def uniform(a, b):
            drawn.append(["uniform", state.random()]); return a + (b - a) * drawn[-1][1]
        @staticmethod
        def randint(a, b):
            drawn.append(["randint", state.randint(a, b)]); return drawn[-1][1]
    import timm.data.random_erasing as module
    real, module.random = module.random, Module
    x = torch.ones(3, 32, 48)
    TimmErasing(mode="const", device="cpu", **options)(x)
    module.random = real
    return {"options": options, "drawn": drawn, "height": 32, "width": 48,
            "erased": "".join(str(int(v)) for v in (x[0] == 0).reshape(-1))}


def torchvision_boxes(seed, count=6, height=224, width=224, scale=(.02, .33), ratio=(.3, 3.3)):
    torch.manual_seed(seed)
    rows = []
    for _ in range(count):
        drawn = []
        uniform, randint = torch.Tensor.uniform_, torch.randint

        def record(self, a, b):
            value = uniform(self, a, b)
            drawn.append(float(value)); return value
        torch.Tensor.uniform_ = record
        i, j, h, w, _ = RandomErasing.get_params(torch.zeros(3, height, width), scale, ratio, [0.])
        torch.Tensor.uniform_ = uniform
        rows.append({"height": height, "width": width, "drawn": drawn, "box": [i, j, h, w]})
    return rows


# ---- sampling ----

def ra_sampler(n, replicas, repetitions):
    """The rule of references/classification/sampler.py, written from its description, for unshuffled pictures."""
    dealt = [i for i in range(n) for _ in range(repetitions)]
    total = math.ceil(n * repetitions / replicas) * replicas
    dealt += dealt[:total - len(dealt)]
    return [dealt[r::replicas][:n // 256 * 256 // replicas] for r in range(replicas)]


def sampling():
    cases = []
    for n, replicas, repeats in ((600, 1, 3), (600, 4, 3), (1000, 8, 4), (300, 2, 2.5), (100, 4, 3), (100, 3, 1.5)):
        ranks = [list(RepeatAugSampler(range(n), replicas, r, shuffle=False, num_repeats=repeats)) for r in range(replicas)]
        case = {"count": n, "replicas": replicas, "times": repeats, "timm": [[int(i) for i in r] for r in ranks]}
        if isinstance(repeats, int):
            case["torchvision"] = ra_sampler(n, replicas, repeats)
        cases.append(case)
    return cases


def write(path, value):
    text = json.dumps(value, separators=(",", ":"))
    (FIXTURES / path).write_text(text + "\n")
    print(path, len(text), "bytes")


write("golden/losses.json", losses())
write("augment/mixing.json", {"versions": VERSIONS, "mixing": mixing(), "sampling": sampling(), "timm_erasing": [
    timm_erasing(seed, probability=p, max_count=count, min_count=1) for seed in range(6) for p, count in ((1., 1), (1., 3), (.5, 1))],
    "torchvision_erasing": torchvision_boxes(0) + torchvision_boxes(1, 6, 40, 90, (.2, 1.), (.1, 9.))})
