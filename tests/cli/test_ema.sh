#!/bin/bash
# A run with a moving average: evaluated beside the raw weights, kept, chosen by eval and export, resumed to equal bits in
# the middle of an accumulation. SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
ema="ema.form=optax ema.decay=0.99 ema.dynamic=updates ema.per=micro_batch clip.norm=1"

expect 0 'EMA val loss' "$SISKIN" train tiny.yaml $ema --out whole
for file in best last best_ema last_ema; do [ -e "whole/$file.safetensors" ]; done
[ "$(grep -c '"ema_val_top1"' whole/log.jsonl)" = 3 ]
[ "$(sha whole/last.safetensors)" != "$(sha whole/last_ema.safetensors)" ]

# The raw weights are those of a run without.
"$SISKIN" train tiny.yaml clip.norm=1 --out raw -q >/dev/null
"$SISKIN" export raw/last.safetensors -o raw.pth -q >/dev/null
"$SISKIN" export whole --weights last -o whole.pth -q >/dev/null
"$SISKIN" export whole --weights last_ema -o average.pth -q >/dev/null
[ "$(sha raw.pth)" = "$(sha whole.pth)" ]
[ "$(sha raw.pth)" != "$(sha average.pth)" ]

# What the log says of the average is what its file scores, debiased or not.
last=$(tail -1 whole/log.jsonl | sed 's/.*"ema_val_loss": \([^,]*\),.*/\1/')
"$SISKIN" eval whole --weights last_ema --part val --json | grep -q "\"loss\": ${last%????}"
expect 2 'is no run' "$SISKIN" eval whole/last.safetensors --weights last --data idx:data
expect 1 'has no average.safetensors' "$SISKIN" eval whole --weights average

# The best model is the average's where the recipe says so.
expect 0 'best_ema.safetensors' "$SISKIN" train tiny.yaml $ema ema.best=ema ema.evaluate=debiased --out chosen
expect 0 '"val_ema": {' "$SISKIN" train tiny.yaml $ema epochs=1 --out answer --json
[ "$(sha chosen/last.safetensors)" != "$(sha chosen/last_ema.safetensors)" ]
[ "$(sha whole/last_ema.safetensors)" != "$(sha chosen/last_ema.safetensors)" ]

# Stopped anywhere, gone on with: the same bits, raw and averaged.
"$SISKIN" train tiny.yaml $ema epochs=40 --out long -q >/dev/null
"$SISKIN" train tiny.yaml $ema epochs=40 --out stopped -q >/dev/null 2>stopped.txt &
pid=$!
while [ ! -e stopped/checkpoints ] || [ -z "$(ls stopped/checkpoints)" ]; do sleep 0.02; done
kill -INT $pid
code=0; wait $pid || code=$?
[ "$code" = 130 ]
"$SISKIN" resume stopped -q >/dev/null
for file in best last best_ema last_ema; do [ "$(sha long/$file.safetensors)" = "$(sha stopped/$file.safetensors)" ]; done

# torchvision's form, and a reference run.
expect 0 'EMA val loss' "$SISKIN" train tiny.yaml ema.form=torchvision ema.every=2 ema.adjust=true ema.during_warmup=copy schedule.warmup_epochs=1 epochs=2 --out vision
expect 0 'EMA val loss' "$SISKIN" train tiny.yaml $ema epochs=1 --reference --out reference
expect 2 'ema.evaluate: debiased' "$SISKIN" train tiny.yaml ema.form=tf ema.evaluate=debiased --out refused
