#!/bin/bash
# The mean of several models: made by hand, by a run of its last and of its best epochs, and after a stop.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
tensors() { "$SISKIN" export "$1" -o tensors.pth -q >/dev/null; sha tensors.pth; }

expect 0 "the mean of 2 epochs' models, average.safetensors: val loss" \
    "$SISKIN" train tiny.yaml average.last=2 average.recalibrate=true --out last
[ "$(ls last/average)" = "$(printf 'epoch-2.safetensors\nepoch-3.safetensors')" ]
grep -q '"epochs": \[2, 3\]' last/average.json
[ "$(tensors last/average/epoch-3.safetensors)" = "$(tensors last/last.safetensors)" ]
expect 0 '2 models' "$SISKIN" average last/average/epoch-2.safetensors last/average/epoch-3.safetensors -o plain.safetensors
expect 0 'means over 8 batches of 8' "$SISKIN" average last/average/epoch-2.safetensors last/average/epoch-3.safetensors \
    -o anew.safetensors --recalibrate idx:data
[ "$(tensors anew.safetensors)" = "$(tensors last/average.safetensors)" ]
[ "$(tensors anew.safetensors)" != "$(tensors plain.safetensors)" ]
expect 0 'gives its golden logits' "$SISKIN" doctor last/average.safetensors
expect 0 'top-1' "$SISKIN" eval last --weights average
# One model is its own mean.
"$SISKIN" average last/last.safetensors last/last.safetensors -o same.safetensors -q >/dev/null
[ "$(tensors same.safetensors)" = "$(tensors last/last.safetensors)" ]

# The best two of three by what the log says, and the same after a stop.
"$SISKIN" train tiny.yaml average.best=2 epochs=30 ema.form=timm ema.decay=0.9 ema.best=ema --out best -q >/dev/null
[ "$(ls best/average | grep -c safetensors)" = 2 ]
"$SISKIN" train tiny.yaml average.best=2 epochs=30 ema.form=timm ema.decay=0.9 ema.best=ema --out stopped -q >/dev/null 2>&1 &
pid=$!
while [ ! -e stopped/checkpoints ] || [ -z "$(ls stopped/checkpoints)" ]; do sleep 0.02; done
kill -INT $pid
code=0; wait $pid || code=$?
[ "$code" = 130 ]
"$SISKIN" resume stopped -q >/dev/null
[ "$(sha best/average.safetensors)" = "$(sha stopped/average.safetensors)" ]
[ "$(sha best/average.json)" = "$(sha stopped/average.json)" ]
perl -e 'my @top; while (<>) { push @top, [$2, $1] if /"kind": "epoch", "epoch": (\d+),.*"ema_val_top1": ([\d.]+)/ }
    @top = sort { $b->[0] <=> $a->[0] || $a->[1] <=> $b->[1] } @top;
    print join(", ", sort { $a <=> $b } $top[0][1], $top[1][1]), "\n"' best/log.jsonl >want.txt
grep -q "\"epochs\": \[$(cat want.txt)\]" best/average.json

# Other models have no mean with these.
"$SISKIN" train tiny.yaml model.width_mult=0.2 epochs=1 --out wide -q >/dev/null
expect 1 'only models of one kind have a mean' "$SISKIN" average last/last.safetensors wide/last.safetensors -o no.safetensors
[ ! -e no.safetensors ]
expect 2 'average.last is 2' "$SISKIN" train tiny.yaml average.last=2 average.best=2 --out no
expect 2 'no validation picture' "$SISKIN" train tiny.yaml average.best=2 data.split=none --out no
