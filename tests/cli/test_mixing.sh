#!/bin/bash
# data show draws what a network sees and says what was done; a run with mixed batches is killed, goes on, and is the same.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

make_idx data
make_recipe
cat >>tiny.yaml <<'YAML'
mix: {of: timm, mixup: 0.8, cutmix: 1, smoothing: 0.1, mode: element}
YAML
sed -i 's/^augment: {/augment: {erasing: {probability: 0.5, of: timm, fill: noise}, /; s/^label_smoothing.*/label_smoothing: 0/' tiny.yaml
sed -i 's/^eval: .*/eval: {batch_size: 7, stream: repeat}/' tiny.yaml

# the sheet: as many pictures as asked for (pairs for timm), the same for the same seed, another for another epoch
expect 0 'sheet.png: 6 training pictures of epoch 1, seed 42' "$SISKIN" data show idx:data --recipe tiny.yaml -o sheet.png --count 5
head -c 8 sheet.png | od -An -tx1 | grep -q '89 50 4e 47 0d 0a 1a 0a'
"$SISKIN" data show idx:data --recipe tiny.yaml -o again.png --count 6 --json >one.json
cmp sheet.png again.png
[ "$(grep -o '"index"' one.json | wc -l)" = 6 ]
grep -q '"done": \[' one.json
grep -Eq '"(mixup|cutmix)", "partner": [0-5]' one.json
grep -Eq 'erase [0-9]+x[0-9]+ at' one.json
"$SISKIN" data show idx:data --recipe tiny.yaml -o other.png --count 6 --epoch 2 -q
! cmp -s sheet.png other.png
"$SISKIN" data show idx:data --recipe tiny.yaml -o other.png --count 6 --seed 7 -q
! cmp -s sheet.png other.png
expect 2 '--recipe' "$SISKIN" data show idx:data -o sheet.png
expect 2 'mix.of timm' "$SISKIN" data show idx:data --recipe tiny.yaml -o sheet.png mix.of=torchvision
expect 2 'batch_size even' "$SISKIN" train tiny.yaml -o odd batch_size=9
expect 0 '21 pictures scored per evaluation, 14 different ones of 20' \
    "$SISKIN" recipe trace tiny.yaml --images 64 --val-images 20

# stopped in the middle by a kill, and gone on with
"$SISKIN" train tiny.yaml -o whole --threads 1 -q >/dev/null
went_on=0
for i in 1 2 3; do
    rm -rf cut
    "$SISKIN" train tiny.yaml -o cut --threads 2 workers=$i -q >/dev/null 2>&1 & pid=$!
    for _ in $(seq 200); do
        [ "$(ls cut/checkpoints 2>/dev/null | wc -l)" -ge 1 ] && break
        sleep 0.01
    done
    kill -9 $pid 2>/dev/null || true
    { wait $pid || true; } 2>/dev/null
    "$SISKIN" resume cut >out.txt 2>&1
    if grep -q 'going on with cut at epoch' out.txt; then went_on=$((went_on + 1)); fi
    cmp whole/last.safetensors cut/last.safetensors
done
[ "$went_on" -ge 1 ]
