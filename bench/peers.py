#!/usr/bin/env python3
"""One contestant of compare.py: loads a model in one engine, then times it for as long as each line of stdin says.

Started by compare.py, once per engine, mode, batch and threads. It answers on stdout with one JSON object a line:
first {"ready": true, "version": …, "note": …}, then {"images_per_s": …, "latency_ms": …, "peak_mb": …} for each line of
seconds; peak_mb is beyond what the process held with its libraries imported and no model yet.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import contextlib
import importlib
import json
import os
import resource
import statistics
import sys
import time
import warnings

import numpy as np

CLASSES = 1000


def torch_ready(a):
    import torch

    torch.set_num_threads(a.threads)
    torch.set_num_interop_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    return torch


def network(a):
    """Weights are PyTorch's random ones with statistics that are not 0 and 1, so that no fold is trivial."""
    import torch
    import torchvision

    model = getattr(torchvision.models, a.model)()
    for m in model.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)
            m.running_var.uniform_(0.8, 1.2)
    return model


def pictures(a):
    return np.random.default_rng(0).standard_normal((a.batch, 3, a.size, a.size)).astype(np.float32)


def onnx_file(a):
    """Exported once per batch size, with a fixed shape: what an engine can plan best for."""
    path = os.path.join(a.cache, f"{a.model}-{a.size}-b{a.batch}.onnx")
    if os.path.exists(path):
        return path
    torch = torch_ready(a)
    os.makedirs(a.cache, exist_ok=True)
    beside = f"{path}.{os.getpid()}"
    torch.onnx.export(network(a).eval(), (torch.from_numpy(pictures(a)),), beside, dynamo=False, input_names=["x"],
                      output_names=["y"])
    os.replace(beside, path)
    return path


def onnxruntime_engine(a):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = a.threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = ort.InferenceSession(onnx_file(a), options, providers=["CPUExecutionProvider"])
    x = pictures(a)
    return (lambda: session.run(None, {"x": x})), ort.__version__, ""


def openvino_engine(a):
    """One stream for one picture; for a batch the fastest of: one stream, a stream per thread with its share,
    a stream per thread taking single pictures. The precision is named: on some processors the default is bf16."""
    import openvino as ov

    core, x = ov.Core(), pictures(a)
    path = onnx_file(a)

    def build(streams, chunk):
        model = core.read_model(path)
        model.reshape([chunk, 3, a.size, a.size])
        compiled = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": "LATENCY" if streams == 1 else "THROUGHPUT", "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": a.threads, "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
        if streams == 1 and chunk == a.batch:
            request = compiled.create_infer_request()
            return lambda: request.infer({0: x})
        queue, parts = ov.AsyncInferQueue(compiled, streams), [x[i:i + chunk] for i in range(0, a.batch, chunk)]

        def call():
            for part in parts:
                queue.start_async({0: part})
            queue.wait_all()

        return call

    choices = [(1, a.batch)]
    if a.batch > 1:
        choices.append((1, 1))
        if a.threads > 1:
            choices += [(a.threads, 1)]
            if a.batch % a.threads == 0:
                choices += [(a.threads, a.batch // a.threads)]
    calls = [build(*choice) for choice in choices]
    rates = [0.0] * len(calls)
    for _ in range(3 if len(calls) > 1 else 0):  # in turns and the best of three: someone else may use the machine
        for i, call in enumerate(calls):
            rates[i] = max(rates[i], timed(call, a.batch, 0.3)["images_per_s"])
    best = rates.index(max(rates))
    streams, chunk = choices[best]
    return calls[best], ov.__version__.split("-")[0], f"{streams} stream(s), pictures per request {chunk}"


def torch_inference(a, compiled):
    torch = torch_ready(a)
    model = network(a).eval().to(memory_format=torch.channels_last)
    x = torch.from_numpy(pictures(a)).contiguous(memory_format=torch.channels_last)
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        model = torch.compile(model)

    def call():
        with torch.no_grad():
            model(x)

    return call, torch.__version__, "channels_last"


def torch_training(a, layout, compiled):
    torch = torch_ready(a)
    order = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    model = network(a).train().to(memory_format=order)
    x = torch.from_numpy(pictures(a)).contiguous(memory_format=order)
    labels = torch.arange(a.batch) % CLASSES
    opt = torch.optim.RMSprop(model.parameters(), lr=1e-4, alpha=0.9, eps=0.0316, momentum=0.9, weight_decay=1e-5)
    forward = torch.compile(model) if compiled else model

    def call():
        opt.zero_grad()
        torch.nn.functional.cross_entropy(forward(x), labels, label_smoothing=0.1).backward()
        opt.step()

    return call, torch.__version__, layout


ENGINES = {
    "infer": {
        "onnxruntime": onnxruntime_engine,
        "openvino": openvino_engine,
        "torch-eager": lambda a: torch_inference(a, False),
        "torch-compile": lambda a: torch_inference(a, True),
    },
    "train": {
        "torch-eager": lambda a: torch_training(a, "nchw", False),
        "torch-eager-channels-last": lambda a: torch_training(a, "channels_last", False),
        "torch-compile": lambda a: torch_training(a, "channels_last", True),
    },
}


def timed(call, batch, seconds):
    """Call after call for at least so long; the first is warm-up and not counted."""
    call()
    laps, start = [], time.perf_counter()
    while True:
        t = time.perf_counter()
        call()
        now = time.perf_counter()
        laps.append(now - t)
        if now - start >= seconds:
            break
    return {"images_per_s": batch * len(laps) / (now - start), "latency_ms": 1e3 * statistics.median(laps)}


LIBRARIES = {"onnxruntime": "onnxruntime", "openvino": "openvino"}  # the others: torchvision, which brings torch


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("engine")
    p.add_argument("--mode", choices=sorted(ENGINES), default="infer")
    p.add_argument("--model", default="mobilenet_v2")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--batch", type=int, default=1)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--cache", required=True, help="folder for exported models")
    a = p.parse_args()
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")  # libraries may print: what they say goes to stderr
    os.dup2(2, 1)

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    with contextlib.redirect_stdout(sys.stderr):
        try:
            importlib.import_module(LIBRARIES.get(a.engine, "torchvision"))
            before = peak_mb()
            call, version, note = ENGINES[a.mode][a.engine](a)
            for _ in range(2):
                call()
        except Exception as error:  # a peer that cannot run is reported by compare.py, not fatal to the others
            answer(ready=False, error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
            return 1
        answer(ready=True, version=version, note=note)
        for line in sys.stdin:
            measured = timed(call, a.batch, float(line))
            answer(**measured, peak_mb=peak_mb() - before)
    return 0


if __name__ == "__main__":
    sys.exit(main())
