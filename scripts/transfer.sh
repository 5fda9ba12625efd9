#!/bin/bash
# transfer.sh — what transfer learning brings on few pictures: EfficientNet-Lite0's real weights on Fashion-MNIST.
#
# 100 pictures a class to train on, all 10,000 test pictures to judge by, three seeds each of: the head alone on a frozen
# backbone, such a head with a hidden layer (head_hidden), the whole network fine-tuned, and the same network from scratch, once with the epochs of the whole network's
# fine-tuning (scratch) and once with twice as many (scratch_long). A finished run is not made again: delete its folder.
# Stages by name: head, head_hidden, full, scratch, scratch_long, table; all by default.
# SISKIN, SISKIN_WEIGHTS, RUNS, SIZE, SEEDS, PER_CLASS may be set. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
SISKIN=${SISKIN:-build/release/siskin}
MODEL=${SISKIN_WEIGHTS:-build/weights}/efficientnet_lite0.safetensors
RUNS=${RUNS:-runs/transfer}
SIZE=${SIZE:-112}
SEEDS=${SEEDS:-1 2 3}
PER_CLASS=${PER_CLASS:-100}
export SISKIN_RECIPES=${SISKIN_RECIPES:-recipes}

[ -x "$SISKIN" ] || { echo "transfer: $SISKIN is missing; ./dev build makes it" >&2; exit 1; }
[ -f "$MODEL" ] || { echo "transfer: $MODEL is missing; ./dev weights gets it" >&2; exit 77; }
data=(data.spec=fashion-mnist "data.per_class=$PER_CLASS" data.split=none "model.input_size=$SIZE"
    checkpoint.every_epochs=1000)

# run NAME SEED ARGUMENT...: one run, unless it is there; half a run is gone on with.
run() {
    local folder=$RUNS/$1-$2 seed=$2
    shift 2
    mkdir -p "$RUNS"
    if [ -f "$folder/test.json" ]; then return; fi
    echo "== $folder"
    if [ -d "$folder/checkpoints" ]; then
        "$SISKIN" resume "$folder" | tail -3
    else
        "$SISKIN" train "$@" "${data[@]}" "seed=$seed" --out "$folder" | tail -3
    fi
}

# The same network, preprocessing and recipe as the model file's, at the rate that a network from scratch needs.
scratch=(model.name=efficientnet_lite0 model.same_padding=true "preprocess.resize=$SIZE" schedule.lr=0.05)

# value FOLDER KEY: a number of its test.json.
value() {
    sed -n "s/.*\"$2\": \([-0-9.e+]*\).*/\1/p" "$1/test.json"
}

table() {
    printf '%-12s %-24s %8s %10s\n' run 'top-1, each seed' mean 's trained'
    local name seed folder
    for name in head head_hidden full scratch scratch_long; do
        local list=() seconds=()
        for seed in $SEEDS; do
            folder=$RUNS/$name-$seed
            [ -f "$folder/test.json" ] || continue
            list+=("$(value "$folder" top1)")
            seconds+=("$(sed -n 's/.*"kind": "epoch".*"seconds": \([0-9.]*\).*/\1/p' "$folder/log.jsonl" | tail -1)")
        done
        [ ${#list[@]} -gt 0 ] || continue
        printf '%-12s %-24s %8s %10s\n' "$name" "$(printf '%.2f ' "${list[@]}")" \
            "$(printf '%s\n' "${list[@]}" | awk '{ s += $1 } END { printf "%.2f", s / NR }')" \
            "$(printf '%s\n' "${seconds[@]}" | awk '{ s += $1 } END { printf "%.0f", s / NR }')"
    done
}

for stage in "${@:-head head_hidden full scratch scratch_long table}"; do
    for part in $stage; do
        case $part in
        head) for seed in $SEEDS; do run head "$seed" transfer/head init_from="$MODEL"; done ;;
        head_hidden)
            for seed in $SEEDS; do
                run head_hidden "$seed" transfer/head init_from="$MODEL" 'head.hidden=[1024]' head.dropout=0.5 epochs=40
            done ;;
        full) for seed in $SEEDS; do run full "$seed" transfer/default init_from="$MODEL"; done ;;
        scratch) for seed in $SEEDS; do run scratch "$seed" transfer/default "${scratch[@]}"; done ;;
        scratch_long) for seed in $SEEDS; do run scratch_long "$seed" transfer/default "${scratch[@]}" epochs=40; done ;;
        table) table ;;
        *) echo "transfer: no stage $part; there are head, head_hidden, full, scratch, scratch_long and table" >&2; exit 2 ;;
        esac
    done
done
