#!/bin/bash
# A run from its recipe to its files; evaluation, prediction, conversion of what it made; resume and interrupt.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe

# 64 pictures: 8 batches of 8, 2 steps of 3 batches an epoch; the last two batches of an epoch are left out.
expect 0 'epoch 3/3' "$SISKIN" train tiny.yaml --out whole
for file in recipe.yaml log.jsonl best.safetensors last.safetensors checkpoints/step-6/state.safetensors; do [ -e "whole/$file" ]; done
[ "$(ls whole/checkpoints | wc -l)" = 3 ]
[ "$(grep -c '"kind": "step"' whole/log.jsonl)" = 6 ]
[ "$(grep -c '"kind": "epoch".*"val_images": 20' whole/log.jsonl)" = 3 ]
grep -q 'num_classes: 4' whole/recipe.yaml
expect 2 'already holds a run' "$SISKIN" train tiny.yaml --out whole

# Threads and workers change no bit; nor does stopping.
"$SISKIN" train tiny.yaml --out other threads=1 workers=2 -q >/dev/null
[ "$(sha whole/last.safetensors)" = "$(sha other/last.safetensors)" ]
"$SISKIN" train tiny.yaml --out seeded seed=43 -q >/dev/null
[ "$(sha whole/last.safetensors)" != "$(sha seeded/last.safetensors)" ]

# Finished is finished.
expect 0 'is finished: all 3 epochs are trained' "$SISKIN" resume whole
[ "$(sha whole/last.safetensors)" = "$(sha other/last.safetensors)" ]

# Ctrl-C saves and answers 130; resume ends at the same bits, with the same lines in the log.
"$SISKIN" train tiny.yaml epochs=40 --out long -q >/dev/null
"$SISKIN" train tiny.yaml epochs=40 --out stopped -q >/dev/null 2>stopped.txt &
pid=$!
while [ ! -e stopped/checkpoints ] || [ -z "$(ls stopped/checkpoints)" ]; do sleep 0.02; done
kill -INT $pid
code=0; wait $pid || code=$?
[ "$code" = 130 ]
grep -q 'and saved; `siskin resume stopped` goes on' stopped.txt
expect 2 'epochs cannot change while a run goes on' "$SISKIN" resume stopped epochs=50
expect 0 'going on with stopped at epoch' "$SISKIN" resume stopped
[ "$(sha long/last.safetensors)" = "$(sha stopped/last.safetensors)" ]
[ "$(sha long/best.safetensors)" = "$(sha stopped/best.safetensors)" ]
[ "$(wc -l <long/log.jsonl)" = "$(wc -l <stopped/log.jsonl)" ]

# A checkpoint that is cut short is named, and the one before is used.
cp -r whole cut
rm cut/last.safetensors
truncate -s -100 cut/checkpoints/step-6/state.safetensors
expect 0 'step-6/state.safetensors' "$SISKIN" resume cut
grep -q 'this checkpoint is left aside and the one before is used' out.txt
[ "$(sha whole/last.safetensors)" = "$(sha cut/last.safetensors)" ]
# So is one whose bytes changed.
cp -r whole flipped
rm flipped/last.safetensors
printf 'X' | dd of=flipped/checkpoints/step-6/state.safetensors bs=1 seek=200000 conv=notrunc 2>/dev/null
expect 0 'does not have the checksum it was saved with' "$SISKIN" resume flipped
[ "$(sha whole/last.safetensors)" = "$(sha flipped/last.safetensors)" ]

# Another numeric level is refused unless asked for.
if [ "$(SISKIN_ISA=plain "$SISKIN" doctor --json | grep -c '"level": "plain"')" = 1 ] && ! "$SISKIN" doctor --json | grep -q '"level": "plain"'; then
    cp -r whole level
    rm -r level/checkpoints/step-6
    expect 2 'was trained on numeric level' env SISKIN_ISA=plain "$SISKIN" resume level
    expect 0 'going on' env SISKIN_ISA=plain "$SISKIN" resume level --allow-level
fi

# bf16: the same bits for any threads, f32 in files; another precision is refused.
"$SISKIN" train tiny.yaml precision=bf16 threads=1 --out mixed -q >/dev/null
"$SISKIN" train tiny.yaml precision=bf16 threads=2 --out mixed2 -q >/dev/null
[ "$(sha mixed/last.safetensors)" = "$(sha mixed2/last.safetensors)" ]
[ "$(sha mixed/last.safetensors)" != "$(sha whole/last.safetensors)" ]
grep -aq 'precision bf16' mixed/last.safetensors
head -n 1 mixed/log.jsonl | grep -q '"precision": *"bf16"'
head -n 1 whole/log.jsonl | grep -q '"precision": *"f32"'
[ "$(grep -c precision mixed/log.jsonl)" = 1 ]
expect 0 'are kept as bf16 (' "$SISKIN" train tiny.yaml precision=bf16 --dry-run
expect 0 'in training, activations and their gradients are kept as bf16 (' "$SISKIN" summary mobilenet_v2 precision=bf16
expect 0 '"precision": "bf16",' "$SISKIN" summary mobilenet_v2 precision=bf16 --json
expect 0 'are kept as bf16 (' "$SISKIN" recipe trace tiny.yaml precision=bf16 --images 64
grep -aq '"F32"' mixed/last.safetensors
[ "$(grep -ac '"BF16"' mixed/last.safetensors)" = 0 ]
sed -i 's/^precision: bf16/precision: f32/' mixed/recipe.yaml
expect 2 'was trained with precision bf16' "$SISKIN" resume mixed

# Every picture is scored, whatever the batch.
expect 0 '20 test pictures' "$SISKIN" eval whole/last.safetensors --data idx:data
expect 0 '"images": 20,' "$SISKIN" eval whole/last.safetensors --data idx:data --json --batch 7
expect 0 '"interval95": [' "$SISKIN" eval whole/last.safetensors --data idx:data --json
expect 0 'true \ predicted' "$SISKIN" eval whole/last.safetensors --data idx:data --confusion --part train
expect 0 '64 train pictures' "$SISKIN" eval whole/last.safetensors --data idx:data --part train
expect 0 '"predictions": [{"image": "test/0", "label": 0, "top": [{"index": ' "$SISKIN" predict whole/last.safetensors --data idx:data --count 5 --sheet sheet.png --json
[ "$(head -c 4 sheet.png | tail -c 3)" = PNG ]
expect 0 'gives its golden logits' "$SISKIN" doctor whole/last.safetensors

# A model file whose weights were changed is told by its seal.
cp whole/last.safetensors changed.safetensors
size=$(stat -c %s changed.safetensors)
head -c 40000 /dev/zero | dd of=changed.safetensors bs=1 seek=$((size - 60000)) conv=notrunc 2>/dev/null
expect 4 'was changed since it was saved' "$SISKIN" doctor changed.safetensors

# Weights go out and come back bit by bit.
"$SISKIN" export whole/last.safetensors -o out.pth -q >/dev/null
expect 0 'none missing, none left over' "$SISKIN" import out.pth --model mobilenet_v2 model.width_mult=0.1 model.num_classes=4 model.in_channels=1 model.input_size=16 model.stem_stride=1 preprocess.resize=0 preprocess.crop=16 preprocess.mean=0.4 preprocess.std=0.3 preprocess.channels=1 -o back.safetensors
"$SISKIN" export back.safetensors -o again.pth -q >/dev/null
[ "$(sha out.pth)" = "$(sha again.pth)" ]

# A run without validation keeps its last model as the best; a model file is a start for another run.
expect 0 'last.safetensors' "$SISKIN" train tiny.yaml epochs=1 data.split=none --out unseen
[ -e unseen/best.safetensors ]
expect 0 'epoch 1/1' "$SISKIN" train whole/last.safetensors data=idx:data epochs=1 --out tuned

# The reference, and a run that diverges: which step, what tensor, exit 3; what was saved stays.
expect 0 'epoch 1/1' "$SISKIN" train tiny.yaml epochs=1 --reference --out exact
expect 3 'training diverged at optimizer step' "$SISKIN" train tiny.yaml epochs=200 schedule.lr=900 optimizer.name=sgd optimizer.momentum=0.999 schedule.name=constant --out bad
grep -q 'first tensor that is not finite' out.txt
[ ! -e bad/last.safetensors ]
