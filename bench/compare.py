#!/usr/bin/env python3
"""Siskin beside its peers: everyone loads the same network, then they are timed in turns, and the ratios are paired.

    bench/setup_peers.sh && bench/compare.py --threads 1,2 --batches 1,16

Per round each contestant is timed for at least --seconds while the others are stopped (SIGSTOP), all pinned to
the same cores; the order rotates. The ratio of a peer is the median over the rounds of siskin / peer within a
round, so that a slow minute of the machine hits both. peak_mb, in training, is the most memory that the process held, of
a peer without what it held once its library was imported (start.py has inference's: siskin's own includes what it needs to
measure the machine); the shares are siskin's own, of the machine's peak in multiply-adds and
of its copy bandwidth, both measured by the program in the same turn. A turn in which other processes took more than a tenth of the
machine is repeated, up to twice; what remains disturbed is printed and not recorded. Rows are appended to
bench/results.csv.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import csv
import datetime
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENGINES = {"infer": ("onnxruntime", "openvino", "torch-eager", "torch-compile"),
           "train": ("torch-eager", "torch-eager-channels-last", "torch-compile")}
# Of peers.py: the same state is kept and the same work done.
PEERS_OPTIMIZER = ["optimizer.name=rmsprop", "optimizer.alpha=0.9", "optimizer.eps=0.0316", "optimizer.momentum=0.9",
                   "weight_decay.value=1e-5", "schedule.lr=1e-4"]
DISTURBED = 0.1  # others' share of the machine in a turn, above which the turn does not count
COLUMNS = ("date", "cpu", "model", "mode", "batch", "threads", "engine", "version", "images_per_s", "ratio",
           "fma_share", "copy_share", "peak_mb")


def peers_folder():
    if os.environ.get("PEERS_VENV"):
        return os.environ["PEERS_VENV"]
    cache = os.environ.get("XDG_CACHE_HOME")
    return os.path.join(cache, "siskin", "peers", ".venv") if cache else os.path.join(ROOT, "build", "peers", ".venv")


def cpu_name():
    """The model's name; where a virtual machine hides it, family and model number too."""
    found = {}
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            key, _, value = line.partition(":")
            found.setdefault(key.strip(), value.strip())
    name = found.get("model name", "unknown")
    return f"{name} family {found['cpu family']} model {found['model']}" if "cpu family" in found else name


def busy_seconds():
    """Processor seconds spent by anyone since boot, stolen ones included."""
    with open("/proc/stat", encoding="utf-8") as f:
        user, nice, system, _idle, _wait, irq, softirq, steal = (int(v) for v in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def own_seconds(pid=None):
    """Processor seconds of a process with all its threads; without one, of the children that have ended."""
    if pid is None:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Peer:
    """A long-lived worker, stopped except in its own turn."""

    def __init__(self, a, engine, mode, batch, threads, cores):
        env = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        command = [a.python, os.path.join(ROOT, "bench", "peers.py"), engine, "--mode", mode, "--model", a.model,
                   "--size", str(a.size), "--batch", str(batch), "--threads", str(threads), "--cache", a.cache]
        self.name, self.answers, self.foreign = engine, [], []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env,
                                        stderr=None if a.verbose else subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        first = self.read()
        self.error = None if first.get("ready") else first.get("error", "died while loading; try --verbose")
        self.version, self.note = first.get("version", ""), first.get("note", "")
        if self.error is None:
            self.process.send_signal(signal.SIGSTOP)

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {}

    def turn(self, seconds):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self.read()
        if "images_per_s" not in answer:
            raise RuntimeError(f"{self.name} died while being timed; try --verbose")
        self.process.send_signal(signal.SIGSTOP)
        return answer

    def used(self):
        return own_seconds(self.process.pid)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Siskin:
    """`siskin bench`, a process per turn: it loads, warms up and times itself."""

    name, note, error = "siskin", "", None

    def __init__(self, a, mode, batch, threads, cores):
        self.answers, self.foreign = [], []
        self.cores = cores
        self.command = [a.siskin, "bench", a.model, "--batch", str(batch), "--threads", str(threads), "--json"]
        self.command += ["--train"] if mode == "train" else []
        self.command += [f"model.input_size={a.size}"] if a.size != 224 else []
        self.command += PEERS_OPTIMIZER if mode == "train" else []
        self.command += a.siskin_args.split()
        self.version = first_line([a.siskin, "version"])

    def turn(self, _seconds):
        run = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        out, error = run.stdout.read(), run.stderr.read()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(self.command)}: exit {run.returncode}: {error.strip()}")
        return dict(json.loads(out), peak_mb=used.ru_maxrss / 1024)

    def used(self):
        return own_seconds()

    def close(self):
        pass


def first_line(command):
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().splitlines()
    return out[0].split()[-1] if out else "unknown"


def timed_turn(a, c):
    """One contestant's turn; the least disturbed of up to three tries counts."""
    best = None
    for _ in range(1 + a.repeats):
        start, busy, used = time.monotonic(), busy_seconds(), c.used()
        answer = c.turn(a.seconds)
        span = (time.monotonic() - start) * os.cpu_count()
        foreign = max(0.0, (busy_seconds() - busy) - (c.used() - used)) / span
        if best is None or foreign < best[0]:
            best = (foreign, answer)
        if foreign <= DISTURBED:
            break
    c.foreign.append(best[0])
    c.answers.append(best[1])


def values(c, key):
    """One number a round; none where the contestant does not say it."""
    return [answer[key] for answer in c.answers if answer.get(key) is not None]


def rates(c):
    return values(c, "images_per_s")


def middle(c, key):
    found = values(c, key)
    return statistics.median(found) if found else None


def cell(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def admit(contestants, peer, engine):
    """The peer takes part, unless it cannot run."""
    if peer.error:
        print(f"  {engine} left out: {peer.error}")
        peer.close()
    else:
        contestants.append(peer)


def take_turns(a, contestants, turn):
    """Rounds in which each has its turn, another one first each time; then all are closed."""
    try:
        for r in range(a.rounds):
            for i in range(len(contestants)):
                turn(a, contestants[(i + r) % len(contestants)])
    finally:
        for c in contestants:
            c.close()


def contest(a, mode, batch, threads, cores):
    """All contestants of one setting, timed in turns; those that cannot run are named and left out."""
    contestants = [Siskin(a, mode, batch, threads, cores)] if a.siskin else []
    for engine in ENGINES[mode]:
        if a.engines and engine not in a.engines.split(","):
            continue
        peer = Peer(a, engine, mode, batch, threads, cores)
        admit(contestants, peer, engine)
    take_turns(a, contestants, timed_turn)
    return contestants


def ratios(contestants):
    """name -> median paired ratio siskin / peer; siskin's own row is that against its best peer."""
    siskin = next((c for c in contestants if c.name == "siskin"), None)
    if siskin is None:
        return {}
    out = {c.name: statistics.median(s / p for s, p in zip(rates(siskin), rates(c)))
           for c in contestants if c is not siskin}
    if out:
        out["siskin"] = min(out.values())
    return out


def report(a, mode, batch, threads, contestants):
    paired = ratios(contestants)
    rows = []
    for c in sorted(contestants, key=lambda c: -middle(c, "images_per_s")):
        rate, ratio = middle(c, "images_per_s"), paired.get(c.name)
        fma, copy, bound = middle(c, "fma_share"), middle(c, "copy_share"), middle(c, "bound_share")
        peak = max(values(c, "peak_mb"), default=None) if mode == "train" else None
        print(f"  {c.name:26s} {rate:9.2f} images/s  {middle(c, 'latency_ms'):9.3f} ms  "
              f"[{' '.join(f'{v:.1f}' for v in rates(c))}]  {'' if peak is None else f'{peak:.0f} MB  '}"
              f"{'' if fma is None else f'{fma:.0%} of the multiply-adds  '}"
              f"{'' if copy is None else f'{copy:.0%} of the copy bandwidth  '}"
              f"{'' if bound is None else f'{bound:.0%} of the bound  '}"
              f"{'' if ratio is None else ('best peer: ' if c.name == 'siskin' else 'siskin is ') + f'{ratio:.2f}x'}"
              f"  {c.version} {c.note}"
              f"{f' (others took up to {max(c.foreign):.0%} of the machine)' if max(c.foreign) > DISTURBED else ''}")
        rows.append((datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ"), cpu_name(), a.model, mode,
                     batch, threads, c.name, c.version, f"{rate:.3f}", cell(ratio, 3), cell(fma, 3), cell(copy, 3), cell(peak, 1)))
    disturbed = max((f for c in contestants for f in c.foreign), default=0) > DISTURBED
    if disturbed:
        print("  not recorded: other processes disturbed it")
    if a.csv and not disturbed:
        new = not os.path.exists(a.csv)
        with open(a.csv, "a", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerows([COLUMNS] if new else [])
            writer.writerows(rows)
    sys.stdout.flush()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="mobilenet_v2")
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--modes", default="infer,train")
    p.add_argument("--batches", default="1,16", help="for inference")
    p.add_argument("--train-batches", default="16")
    p.add_argument("--threads", default="1,2")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=1.5)
    p.add_argument("--repeats", type=int, default=2, help="of a turn disturbed by other processes")
    p.add_argument("--engines", default="", help="only these peers")
    p.add_argument("--siskin", default=os.path.join(ROOT, "build", "release", "siskin"), help="'' for the peers alone")
    p.add_argument("--siskin-args", default="", help="more arguments for siskin bench")
    p.add_argument("--csv", default=os.path.join(ROOT, "bench", "results.csv"), help="'' for none")
    p.add_argument("--python", default=os.path.join(peers_folder(), "bin", "python"), help="of the peers' environment")
    p.add_argument("--cache", default=os.path.join(os.path.dirname(peers_folder()), "models"), help="exported models")
    p.add_argument("--verbose", action="store_true", help="show what the peers print")
    return p.parse_args()


def main():
    a = arguments()
    if not os.path.exists(a.python):
        print(f"compare: no Python at {a.python}; run bench/setup_peers.sh first", file=sys.stderr)
        return 1
    if a.siskin and not os.path.exists(a.siskin):
        print(f"compare: no program at {a.siskin}: timing the peers alone", file=sys.stderr)
        a.siskin = ""
    available = sorted(os.sched_getaffinity(0))
    print(f"{cpu_name()}, {len(available)} cores, load {os.getloadavg()[0]:.2f}; {a.rounds} rounds of {a.seconds} s")
    for mode in a.modes.split(","):
        for threads in (int(v) for v in a.threads.split(",")):
            if threads > len(available):
                print(f"{threads} threads: left out, this process may use {len(available)} cores")
                continue
            for batch in (int(v) for v in (a.batches if mode == "infer" else a.train_batches).split(",")):
                print(f"{a.model} {a.size} {mode} batch {batch}, {threads} thread(s):", flush=True)
                report(a, mode, batch, threads, contest(a, mode, batch, threads, set(available[:threads])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
