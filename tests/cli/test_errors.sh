#!/bin/bash
# What is wrong is said in one sentence that names it, with the right exit code; nothing is written.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

# words
expect 2 'there is no verb trian (did you mean train?)' "$SISKIN" trian
expect 2 'summary has no option --bach (did you mean --batch?)' "$SISKIN" summary mobilenet_v2 --bach 3
expect 2 'summary has no option -z' "$SISKIN" summary mobilenet_v2 -z
expect 2 '--batch needs a value' "$SISKIN" summary mobilenet_v2 --batch
expect 2 '--batch 0: expected a whole number from 1 to 65536' "$SISKIN" summary mobilenet_v2 --batch 0
expect 2 '--batch 3x: expected a whole number' "$SISKIN" summary mobilenet_v2 --batch=3x
expect 2 '--train takes no value' "$SISKIN" bench mobilenet_v2 --train=yes
expect 2 'summary needs an argument: siskin summary MODEL' "$SISKIN" summary
expect 2 'summary does not take "b"' "$SISKIN" summary a b
expect 2 "unknown key 'modle.width_mult'; did you mean 'model.width_mult'?" "$SISKIN" summary mobilenet_v2 modle.width_mult=1
expect 2 'model.width_mult' "$SISKIN" summary mobilenet_v2 model.width_mult=wide
expect 2 'mobilnet_v2 (did you mean mobilenet_v2?)' "$SISKIN" summary mobilnet_v2
expect 2 'recipe lst is unknown (did you mean list?)' "$SISKIN" recipe lst
expect 2 'imagenet/mobilenet_v3 (did you mean imagenet/mobilenet_v2?)' "$SISKIN" train imagenet/mobilenet_v3
expect 2 'this version computes on the cpu alone' "$SISKIN" summary mobilenet_v2 --device cuda
expect 2 'eval needs --data' "$SISKIN" eval mobilenet_v2
expect 2 'does not say which pictures to train on' "$SISKIN" train mobilenet_v2
expect 2 'must end in .pth, .safetensors or .onnx' "$SISKIN" export mobilenet_v2 -o model.tflite

# files
expect 1 'missing.safetensors: No such file' "$SISKIN" summary missing.safetensors
expect 1 'missing.yaml' "$SISKIN" train missing.yaml
printf 'not a model' >broken.safetensors
expect 1 'broken.safetensors' "$SISKIN" summary broken.safetensors
expect 1 'there is no run nowhere' "$SISKIN" resume nowhere
mkdir empty
expect 1 'it has no recipe.yaml' "$SISKIN" resume empty
"$SISKIN" export mobilenet_v2 model.width_mult=0.1 -o small.pth --quiet >/dev/null
head -c 100000 small.pth >cut.pth
expect 1 'cut.pth' "$SISKIN" import cut.pth --model mobilenet_v2 model.width_mult=0.1 -o cut.safetensors
[ ! -e cut.safetensors ]
expect 1 'the model wants' "$SISKIN" import small.pth --model mobilenet_v2 -o wrong.safetensors
[ ! -e wrong.safetensors ]
expect 1 'weights but does not say of which model' sh -c "$SISKIN export mobilenet_v2 -o bare.safetensors -q && $SISKIN doctor bare.safetensors"
printf 'this is no array' >x.npy
expect 1 'x.npy' "$SISKIN" run mobilenet_v2 --input x.npy --output y.npy
[ ! -e y.npy ]
expect 1 'nowhere' "$SISKIN" eval mobilenet_v2 --data folder:nowhere

# recipes
make_idx data
make_recipe
printf 'epoks: 3\n' >typo.yaml
expect 2 "typo.yaml:1:8: unknown key 'epoks'; did you mean 'epochs'?" "$SISKIN" train typo.yaml
printf 'epochs: 1e3\n' >number.yaml
expect 2 'number.yaml:1:9: epochs' "$SISKIN" train number.yaml
expect 2 'model.num_classes: 7, but the data have 4 classes' "$SISKIN" train tiny.yaml model.num_classes=7
expect 2 'make them equal' "$SISKIN" train tiny.yaml model.input_size=32
[ ! -e runs ]

# data
head -c 1000 data/train-images-idx3-ubyte >short && mkdir short_data && cp data/* short_data && mv short short_data/train-images-idx3-ubyte
expect 1 'train-images-idx3-ubyte' "$SISKIN" train tiny.yaml data.spec=idx:short_data
[ ! -e runs ]
mkdir -p photos/cat photos/dog photos/eel
head -c 300 /dev/zero >photos/cat/a.jpg
head -c 300 /dev/zero >photos/dog/b.png
expect 1 'photos/eel: this class has no pictures' "$SISKIN" train tiny.yaml data.spec=folder:photos
rmdir photos/eel
printf 'x' >photos/dog/notes.txt
expect 1 'photos/dog/notes.txt: not a picture' "$SISKIN" train tiny.yaml data.spec=folder:photos
rm photos/dog/notes.txt
expect 1 'a.jpg' "$SISKIN" predict mobilenet_v2 photos/cat/a.jpg

# A failure is an answer too.
"$SISKIN" summary mobilnet_v2 --json >answer.json 2>/dev/null && exit 1
grep -q '^{"error": "there is no model called mobilnet_v2.*", "exit": 2}$' answer.json
