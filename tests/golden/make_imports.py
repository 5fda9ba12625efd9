"""Settings as timm's train.py writes them: args.yaml of two runs, by its own parser.

usage: make_imports.py TRAIN_PY OUT    (TRAIN_PY: timm's train.py; needs timm's environment and PyYAML)
The command lines are those of timm's training notes. Model Garden's and torchvision's fixtures were written by hand
after their files.
"""
import re
import sys

import yaml

RUNS = {
    "timm_mobilenetv3.yaml": "/imagenet/ --model mobilenetv3_large_100 -b 512 --sched step --epochs 600 --decay-epochs 2.4 --decay-rate .973 "
    "--opt rmsproptf --opt-eps .001 -j 7 --warmup-lr 1e-6 --weight-decay 1e-5 --drop 0.2 --drop-path 0.2 --model-ema --model-ema-decay 0.9999 "
    "--aa rand-m9-mstd0.5 --remode pixel --reprob 0.2 --amp --lr .064 --lr-noise 0.42 0.9",
    "timm_convnext.yaml": "--data-dir /data/imagenet --model convnext_tiny -b 128 --opt adamw --lr 1e-3 --weight-decay 0.05 --sched cosine --epochs 300 "
    "--warmup-epochs 20 --warmup-lr 0 --min-lr 1e-6 --drop-path 0.1 --aa rand-m9-mstd0.5-inc1 --reprob 0.25 --mixup 0.8 --cutmix 1.0 "
    "--smoothing 0.1 --grad-accum-steps 4 --amp --amp-dtype bfloat16 --train-interpolation bicubic",
}


def main():
    script, out = sys.argv[1:]
    source = open(script).read()
    begin = source.index("config_parser = parser = ") if "config_parser = parser = " in source else source.index("parser = argparse")
    end = source.index("def main()")
    space = {"argparse": __import__("argparse"), "yaml": yaml, "sys": sys}
    import timm.utils as utils

    space["utils"] = utils
    exec(compile(source[begin:end], script, "exec"), space)
    for name, words in RUNS.items():
        sys.argv = ["train.py"] + words.split()
        _, text = space["_parse_args"]()
        open(f"{out}/{name}", "w").write(text)


main()
