#!/bin/sh
# Makes the Python environment in which the peers run: PyTorch, ONNX Runtime, OpenVINO.
#
# `setup_peers.sh data` adds what compare_data.py needs: TensorFlow, and scikit-image and scikit-learn for their photographs.
# It goes to $PEERS_VENV, or $XDG_CACHE_HOME/siskin/peers/.venv, or build/peers/.venv beside the checkout.
# The plain PyTorch package brings CUDA libraries of some gigabytes; where your package index has the
# CPU build, name that index in TORCH_INDEX.
# SPDX-License-Identifier: Apache-2.0
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${PEERS_VENV:-}" ]; then
    venv=$PEERS_VENV
elif [ -n "${XDG_CACHE_HOME:-}" ]; then
    venv=$XDG_CACHE_HOME/siskin/peers/.venv
else
    venv=$root/build/peers/.venv
fi
if [ ! -x "$venv/bin/python" ]; then
    mkdir -p "$(dirname "$venv")"
    python3 -m venv "$venv" || {
        echo "setup_peers: python3 -m venv failed; on Debian install python3-venv" >&2
        exit 1
    }
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
if [ -n "${TORCH_INDEX:-}" ]; then
    pip install --quiet --index-url "$TORCH_INDEX" torch torchvision
else
    pip install --quiet torch torchvision
fi
pip install --quiet numpy onnx onnxruntime openvino
if [ "${1:-}" = data ]; then
    pip install --quiet tensorflow-cpu pillow scikit-image scikit-learn
fi
command -v g++ >/dev/null || echo "setup_peers: torch.compile needs g++, which is not installed" >&2
"$venv/bin/python" -c 'import onnx, onnxruntime, openvino, torch, torchvision; print("peers ready: torch", torch.__version__, "onnxruntime", onnxruntime.__version__, "openvino", openvino.__version__)'
echo "$venv"
