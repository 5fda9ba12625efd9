#!/bin/bash
# A disk that fills up while a checkpoint is written: said in a sentence, and the checkpoints before it stay whole.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
[ "$(id -u)" = 0 ] || { echo "not run here: needs root, to mount a small file system"; exit 77; }
make_idx data
make_recipe
mkdir small
mount -t tmpfs -o size=4m tmpfs small 2>/dev/null || { echo "not run here: tmpfs cannot be mounted"; exit 77; }
trap 'umount "$work/small"; rm -rf "$work"' EXIT

expect 1 'No space left on device' "$SISKIN" train tiny.yaml checkpoint.keep=100 epochs=40 --out small/run
[ -n "$(ls small/run/checkpoints)" ]
for folder in small/run/checkpoints/*; do [ -s "$folder/state.safetensors" ]; done

# With room again the run goes on to the same end.
mount -o remount,size=64m small
expect 0 'going on with small/run' "$SISKIN" resume small/run checkpoint.keep=3
"$SISKIN" train tiny.yaml epochs=40 checkpoint.keep=100 --out there -q >/dev/null
[ "$(sha small/run/last.safetensors)" = "$(sha there/last.safetensors)" ] || {
    # The recipe inside names checkpoint.keep; the weights are what must agree.
    "$SISKIN" export small/run/last.safetensors -o a.pth -q >/dev/null
    "$SISKIN" export there/last.safetensors -o b.pth -q >/dev/null
    [ "$(sha a.pth)" = "$(sha b.pth)" ]
}
