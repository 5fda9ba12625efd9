#!/bin/bash
# A run whose learning rate follows its evaluations: it falls, is told, and goes on after a stop as if there had been none.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
make_idx_part alone train 64 1
plateau=(schedule.name=plateau schedule.unit=epoch schedule.warmup_epochs=2 schedule.warmup_init=0.001 schedule.lr=0.01
    schedule.patience_epochs=1 schedule.threshold=1 schedule.decay_rate=0.9 schedule.plateau_cooldown=1)

# What must double to be better falls again and again: epochs 3 and 4 are the first that are waited for after the best one.
expect 0 'validation no longer gets better: the learning rate falls to 0.009' "$SISKIN" train tiny.yaml "${plateau[@]}" epochs=9 --out long
lr_of() { grep '"kind": "epoch"' "$1/log.jsonl" | sed -n "$2s/.*\"lr\": \([^,]*\),.*/\1/p"; }
[ "$(lr_of long 1)" = 0.001 ]
[ "$(lr_of long 3)" = 0.01 ]
[ "$(lr_of long 9)" != 0.01 ]
[ "$(grep -c '"kind": "epoch"' long/log.jsonl)" = 9 ]

# A stop in the middle changes no bit: what was waited for is in the checkpoint.
"$SISKIN" train tiny.yaml "${plateau[@]}" epochs=9 --out stopped -q >/dev/null 2>&1 &
pid=$!
while [ ! -e stopped/checkpoints ] || [ -z "$(ls stopped/checkpoints)" ]; do sleep 0.01; done
kill -INT $pid
code=0; wait $pid || code=$?
[ "$code" = 130 ]
"$SISKIN" resume stopped -q >/dev/null
[ "$(sha long/last.safetensors)" = "$(sha stopped/last.safetensors)" ]

# From each whole checkpoint, too: the last ones are taken away, and the rest is trained again.
cp -r long cut
rm cut/last.safetensors
ls -v cut/checkpoints | tail -2 | while read -r step; do rm -r "cut/checkpoints/$step"; done
[ -n "$(ls cut/checkpoints)" ]
"$SISKIN" resume cut -q >/dev/null
[ "$(sha long/last.safetensors)" = "$(sha cut/last.safetensors)" ]
[ "$(lr_of cut 9)" = "$(lr_of long 9)" ]

expect 0 'it follows the run: after 2 evaluations in a row that are no better' "$SISKIN" recipe trace tiny.yaml "${plateau[@]}" epochs=9
expect 0 '"lr_follows_run": true' "$SISKIN" recipe trace tiny.yaml "${plateau[@]}" epochs=9 --json
expect 2 'plateau follows evaluations, and there are no validation pictures' \
    "$SISKIN" train tiny.yaml "${plateau[@]}" data.spec=idx:alone data.split=none --out blind
expect 0 'schedule.metric loss, schedule.patience_epochs 4, schedule.decay_rate 0.5, schedule.end_lr 1e-6' \
    "$SISKIN" recipe import --from timm -- train.py --sched plateau --patience-epochs 4 --decay-rate 0.5 --min-lr 1e-6 --eval-metric loss
expect 0 'mapped   eval_metric=loss -> with sched' \
    "$SISKIN" recipe import --from timm -- train.py --sched plateau --eval-metric loss
expect 0 'schedule.patience_epochs: set, but not read by this constant schedule' \
    "$SISKIN" recipe lint tiny.yaml schedule.name=constant schedule.patience_epochs=3
expect 0 'patience for 30 evaluations' "$SISKIN" recipe lint tiny.yaml "${plateau[@]}" epochs=9 schedule.patience_epochs=30
