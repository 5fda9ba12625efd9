#!/bin/bash
# What `./dev bench` runs: siskin beside ONNX Runtime, OpenVINO and PyTorch, taking turns; rows go to bench/results.csv.
#
# bench/run.sh [arguments of compare.py]. The peers' environment is made on the first run (PyPI).
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
sh bench/setup_peers.sh
if [ -n "${PEERS_VENV:-}" ]; then
    venv=$PEERS_VENV
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    venv=$XDG_CACHE_HOME/siskin/peers/.venv
else
    venv=build/peers/.venv
fi
exec "$venv/bin/python" bench/compare.py "$@"
