#!/usr/bin/env python3
"""What an engine costs a program that starts: seconds from the process's first instruction to its first answer, and memory.

    bench/setup_peers.sh && bench/start.py [--models mobilenet_v2,resnet50] [--threads 2]

Every engine is driven through its C interface by the same small program (start.c), a process a turn, in turns; the files
lie in the page cache. ONNX Runtime is given the plain ONNX file and the one that it has optimised itself beforehand,
OpenVINO the ONNX file and its own format: the faster counts. Rows go to bench/start.csv.
first_answer_s is the median over the rounds, best_s the least; memory_mb is the most that the process held after 6
pictures; beyond_mb that less the weights in f32.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import csv
import datetime
import glob
import json
import os
import statistics
import subprocess
import sys
import time

from compare import ROOT, cpu_name, peers_folder

COLUMNS = ("date", "cpu", "model", "threads", "engine", "file", "first_answer_s", "best_s", "memory_mb", "beyond_mb", "weights_mb")


def make_files(a, model):
    """In the peers' Python: what each engine loads, made once. Prints the megabytes of the weights."""
    script = f"""
import os, sys, argparse
sys.path.insert(0, {os.path.join(ROOT, "bench")!r})
import peers
p = argparse.Namespace(model={model!r}, size={a.size}, batch=1, threads=1, cache={a.cache!r})
stem = os.path.join(p.cache, f"{{p.model}}-{{p.size}}")
import torch
torch.manual_seed(0)
net = peers.network(p).eval()
path = peers.onnx_file(p)
if not os.path.exists(stem + ".optimized.onnx"):
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    o.optimized_model_filepath = stem + ".optimized.onnx"
    ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
if not os.path.exists(stem + ".xml"):
    import openvino as ov
    ov.save_model(ov.convert_model(path), stem + ".xml", compress_to_fp16=False)
if not os.path.exists(stem + ".pth"):
    torch.save(net.state_dict(), stem + ".pth")
print(sum(v.numel() for v in net.parameters()) * 4 / 2**20)
"""
    weights = float(subprocess.run([a.python, "-c", script], capture_output=True, text=True, check=True).stdout.split()[-1])
    stem = os.path.join(a.cache, f"{model}-{a.size}")
    if not os.path.exists(stem + ".safetensors"):
        subprocess.run([a.siskin, "import", stem + ".pth", "--model", model, "--out", stem + ".safetensors"], check=True,
                       capture_output=True)
    return stem, weights


def build(a):
    program = os.path.join(a.cache, "start")
    subprocess.run(["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", f"-I{ROOT}/include", f"{ROOT}/bench/start.c",
                    os.path.join(os.path.dirname(a.siskin), "libsiskin-run.a"), "-lm", "-lpthread", "-ldl", "-o", program],
                   check=True)
    return program


def turn(program, engine, library, path, a):
    """Seconds until the first line, and what the second says."""
    begin = time.monotonic()
    run = subprocess.Popen([program, engine, library, path, str(a.size), str(a.threads)], stdout=subprocess.PIPE, text=True)
    run.stdout.readline()
    first = time.monotonic() - begin
    said = run.stdout.readline()
    if run.wait() != 0 or not said:
        raise RuntimeError(f"{engine} failed with {path}")
    return first, json.loads(said)["peak_mb"]


def contest(a, model, program):
    stem, weights = make_files(a, model)
    packages = os.path.join(os.path.dirname(os.path.dirname(a.python)), "lib", "python3*", "site-packages")
    ort = glob.glob(os.path.join(packages, "onnxruntime", "capi", "libonnxruntime.so.*"))[0]
    openvino = glob.glob(os.path.join(packages, "openvino", "libs", "libopenvino_c.so*"))[0]
    contestants = [("siskin", "", stem + ".safetensors"), ("onnxruntime", ort, f"{stem}-b1.onnx"),
                   ("onnxruntime", ort, stem + ".optimized.onnx"), ("openvino", openvino, f"{stem}-b1.onnx"),
                   ("openvino", openvino, stem + ".xml")]
    seen = [[] for _ in contestants]
    for r in range(a.rounds):
        for i in range(len(contestants)):
            at = (i + r) % len(contestants)
            seen[at].append(turn(program, *contestants[at], a))
    rows = []
    for (engine, _, path), answers in zip(contestants, seen):
        first, memory = (statistics.median(v) for v in zip(*answers))
        rows.append((engine, os.path.basename(path), first, min(first for first, _ in answers), memory))
    own = rows[0][2]
    print(f"{model}, {a.threads} thread(s), weights {weights:.1f} MB, {a.rounds} rounds")
    for engine, name, first, best, memory in rows:
        print(f"  {engine:12s} {name:36s} first answer {1000 * first:8.1f} ms, best {1000 * best:8.1f} ({first / own:5.2f}x siskin)  "
              f"memory {memory:7.1f} MB, beyond the weights {memory - weights:7.1f}")
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    return [(stamp, cpu_name(), model, a.threads, engine, name, f"{first:.4f}", f"{best:.4f}", f"{memory:.1f}", f"{memory - weights:.1f}",
             f"{weights:.1f}") for engine, name, first, best, memory in rows]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--models", default="mobilenet_v2,mobilenet_v3_large,mobilenet_v3_small,efficientnet_b0,convnext_tiny,resnet50")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--siskin", default=os.path.join(ROOT, "build", "release", "siskin"))
    p.add_argument("--csv", default=os.path.join(ROOT, "bench", "start.csv"), help="'' for none")
    p.add_argument("--python", default=os.path.join(peers_folder(), "bin", "python"), help="of the peers' environment")
    p.add_argument("--cache", default=os.path.join(os.path.dirname(peers_folder()), "models"), help="exported models")
    a = p.parse_args()
    program = build(a)
    for model in a.models.split(","):
        rows = contest(a, model, program)
        if a.csv:
            new = not os.path.exists(a.csv)
            with open(a.csv, "a", newline="", encoding="utf-8") as f:
                writer = csv.writer(f, lineterminator="\n")
                writer.writerows([COLUMNS] if new else [])
                writer.writerows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
