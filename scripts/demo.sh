#!/bin/bash
# demo.sh [FOLDER]: from nothing to a trained model on Fashion-MNIST, with the time of every stage.
#
# Installs what is missing, builds, trains a half-width MobileNetV2 on all 60,000 pictures, scores it on all 10,000
# test pictures, and draws ten of them with their names. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-build/demo}
siskin=build/release/siskin
[ $# -gt 0 ] || rm -rf "$out" # the demo's own, of an earlier time
[ ! -e "$out" ] || { echo "demo: $out exists already: remove it, or name another folder: ./dev demo FOLDER" >&2; exit 1; }

# stage NAME COMMAND...: run it, and keep its time for the end.
times=()
stage() {
    local name=$1 begin end
    shift
    echo "== $name"
    begin=$(date +%s.%N)
    "$@"
    end=$(date +%s.%N)
    times+=("$(awk -v n="$name" -v s="$(awk "BEGIN { print $end - $begin }")" 'BEGIN { printf "%-9s %6.1f s", n, s }')")
}

stage install ./dev setup
stage build ./dev build release siskin
stage train "$siskin" train recipes/small/fashion_mnist.yaml --out "$out"
# last, not best: the best was chosen by the pictures that are scored here.
stage evaluate "$siskin" eval "$out/last.safetensors" --data fashion-mnist --part test --confusion
stage predict "$siskin" predict "$out/last.safetensors" --data fashion-mnist --part test --count 10 --top 3 --sheet "$out/predictions.png"

echo
printf '%s\n' "${times[@]}"
echo "model: $out/last.safetensors   pictures: $out/predictions.png   log: $out/log.jsonl"
