#!/bin/bash
# data.label_offset: TF's background class before the data's, from training to evaluation and prediction.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

make_idx data
make_recipe
expect 0 'epoch 1/1' "$SISKIN" train tiny.yaml data.label_offset=1 model.num_classes=5 epochs=1 log.report=false --out run
# The same pictures right, whether the recipe's data or others of the same classes are scored.
right() { sed -n 's/.*top-1 \([0-9.]*\).*/\1/p' out.txt; }
expect 0 'top-1' "$SISKIN" eval run
own=$(right)
expect 0 'top-1' "$SISKIN" eval run/best.safetensors --data "$PWD/data"
test -n "$own" && test "$(right)" = "$own"
# Class 0 is the background, class "3" of the data number 4; the labels of the data begin at 1.
"$SISKIN" predict run/best.safetensors --data idx:data --count 20 --top 5 --json -q >predict.json
perl -0ne '$n{$1}++ while /"image": "[^"]*", "label": (\d+)/g; $c{"$1 $2"}++ while /"index": (\d+), "label": "(\w+)"/g;
    exit !(join(",", sort keys %n) eq "1,2,3,4" && join(",", sort keys %c) eq "0 background,1 0,2 1,3 2,4 3")' predict.json
# What cannot be, and what the trace says.
expect 2 'data.label_offset=1 puts' "$SISKIN" train tiny.yaml model.num_classes=5 --out other
expect 0 'classes 0 to 0 have no pictures; the data' "$SISKIN" recipe trace tiny.yaml data.label_offset=1 label_smoothing=0.2
expect 0 'the label 0.84, every other class 0.04' "$SISKIN" recipe trace tiny.yaml data.label_offset=1 label_smoothing=0.2
