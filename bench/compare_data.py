#!/usr/bin/env python3
"""Siskin's loader beside torchvision's DataLoader and tf.data, on JPEGs of ImageNet's size.

    bench/setup_peers.sh data && bench/compare_data.py

Random resized crop to 224, flip, mean and std, batches of 64, two workers. As in compare.py all take turns on the same
cores, those not in turn are stopped, the order rotates, a ratio is the median over the rounds of siskin / peer within a
round, and disturbed turns are repeated. The pictures are made by make_photos.py. Rows are appended to bench/results.csv.
SPDX-License-Identifier: Apache-2.0
"""

import argparse
import csv
import datetime
import glob
import json
import os
import signal
import statistics
import subprocess
import sys
import time

from compare import (COLUMNS, DISTURBED, ROOT, admit, busy_seconds, cpu_name, first_line, own_seconds, peers_folder,
                     take_turns)

PEERS = ("torchvision-pillow", "torchvision-jpeg", "tf.data")


def group_seconds(group):
    """Processor seconds of all processes of a group: loaders have processes of their own."""
    total = 0.0
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path, encoding="utf-8") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


class Peer:
    """A long-lived group of processes, stopped except in its own turn."""

    def __init__(self, a, engine, cores):
        command = [a.python, os.path.join(ROOT, "bench", "peers_data.py"), engine, "--data", a.data, "--batch",
                   str(a.batch), "--workers", str(a.workers)]
        self.name, self.rates, self.foreign, self.costs = engine, [], [], []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, OMP_NUM_THREADS="1"), start_new_session=True,
                                        stderr=None if a.verbose else subprocess.DEVNULL,
                                        preexec_fn=lambda: os.sched_setaffinity(0, cores))
        first = self.read()
        self.error = None if first.get("ready") else "died while loading; try --verbose"
        self.version = first.get("version", "")
        if self.error is None:
            self.stop()

    def stop(self):
        os.killpg(self.process.pid, signal.SIGSTOP)

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {}

    def turn(self, seconds):
        used = self.used()
        os.killpg(self.process.pid, signal.SIGCONT)
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        answer = self.read()
        if "images_per_s" not in answer:
            raise RuntimeError(f"{self.name} died while being timed; try --verbose")
        self.stop()
        return answer["images_per_s"], 1e3 * (self.used() - used) / answer["images"]

    def used(self):
        return group_seconds(self.process.pid)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Siskin:
    """`siskin bench --data`, a process per turn."""

    error = None

    def __init__(self, a, decode, cores):
        self.name, self.rates, self.foreign, self.costs, self.cores = f"siskin-{decode}", [], [], [], cores
        self.command = [a.siskin, "bench", "--data", a.data, "--batch", str(a.batch), "--workers", str(a.workers),
                        "--json", f"data.decode={decode}"]
        self.version = first_line([a.siskin, "version"])

    def turn(self, seconds):
        run = subprocess.run(self.command + ["--seconds", str(max(1, round(seconds)))], capture_output=True, text=True,
                             check=False, preexec_fn=lambda: os.sched_setaffinity(0, self.cores))
        if run.returncode != 0:
            raise RuntimeError(f"{' '.join(self.command)}: exit {run.returncode}: {run.stderr.strip()}")
        answer = json.loads(run.stdout)
        return answer["pictures_per_s"], answer["cpu_ms_each"]

    def used(self):
        return own_seconds()

    def close(self):
        pass


def timed_turn(a, c):
    """One contestant's turn; the least disturbed of up to three tries counts."""
    best = None
    for _ in range(1 + a.repeats):
        start, busy, used = time.monotonic(), busy_seconds(), c.used()
        rate, cost = c.turn(a.seconds)
        span = (time.monotonic() - start) * os.cpu_count()
        foreign = max(0.0, (busy_seconds() - busy) - (c.used() - used)) / span
        if best is None or foreign < best[0]:
            best = (foreign, rate, cost)
        if foreign <= DISTURBED:
            break
    c.foreign.append(best[0])
    c.rates.append(best[1])
    c.costs.append(best[2])


def paired(one, other):
    return statistics.median(x / y for x, y in zip(one.rates, other.rates))


def report(a, contestants):
    own = [c for c in contestants if c.name.startswith("siskin")]
    peers = [c for c in contestants if c not in own]
    rows, now = [], datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%MZ")
    for c in sorted(contestants, key=lambda c: -statistics.median(c.rates)):
        rate = statistics.median(c.rates)
        # Siskin's ratio is that against its best peer, a peer's is that of exact decoding against it.
        ratio = min((paired(c, p) for p in peers), default=None) if c in own else paired(own[0], c)
        print(f"  {c.name:20s} {rate:8.1f} pictures/s  {statistics.median(c.costs):6.3f} ms of a core each  [{' '.join(f'{v:.0f}' for v in c.rates)}]  "
              f"{'' if ratio is None else ('best peer: ' if c in own else 'siskin-exact is ') + f'{ratio:.2f}x'}  "
              f"{c.version}{f' (others took up to {max(c.foreign):.0%})' if max(c.foreign) > DISTURBED else ''}")
        rows.append((now, cpu_name(), "photos-500x375", "data", a.batch, a.workers, c.name, c.version, f"{rate:.3f}",
                     "" if ratio is None else f"{ratio:.3f}"))
    if max(f for c in contestants for f in c.foreign) > DISTURBED:
        print("  not recorded: other processes disturbed it")
    elif a.csv:
        new = not os.path.exists(a.csv)
        with open(a.csv, "a", newline="", encoding="utf-8") as f:
            csv.writer(f, lineterminator="\n").writerows(([COLUMNS] if new else []) + rows)


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", default=os.path.join(ROOT, "build", "photos"), help="made where it is missing")
    p.add_argument("--count", type=int, default=600, help="pictures to make")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--workers", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=3)
    p.add_argument("--repeats", type=int, default=2, help="of a turn disturbed by other processes")
    p.add_argument("--peers", default=",".join(PEERS))
    p.add_argument("--siskin", default=os.path.join(ROOT, "build", "release", "siskin"))
    p.add_argument("--csv", default=os.path.join(ROOT, "bench", "results.csv"), help="'' for none")
    p.add_argument("--python", default=os.path.join(peers_folder(), "bin", "python"), help="of the peers' environment")
    p.add_argument("--verbose", action="store_true", help="show what the peers print")
    return p.parse_args()


def main():
    a = arguments()
    for path in (a.python, a.siskin):
        if not os.path.exists(path):
            print(f"compare_data: there is no {path}", file=sys.stderr)
            return 1
    if not os.path.isdir(a.data):
        subprocess.run([a.python, os.path.join(ROOT, "bench", "make_photos.py"), a.data, "--count", str(a.count)],
                       check=True)
    cores = set(sorted(os.sched_getaffinity(0))[:max(2, a.workers)])
    print(f"{cpu_name()}, {len(cores)} cores, load {os.getloadavg()[0]:.2f}; {a.rounds} rounds of {a.seconds} s; "
          f"{a.workers} workers, batches of {a.batch}", flush=True)
    contestants = [Siskin(a, "exact", cores), Siskin(a, "fast", cores)]
    for engine in (e for e in a.peers.split(",") if e):
        peer = Peer(a, engine, cores)
        admit(contestants, peer, engine)
    take_turns(a, contestants, timed_turn)
    report(a, contestants)
    return 0


if __name__ == "__main__":
    sys.exit(main())
