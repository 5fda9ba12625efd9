#!/bin/bash
# Weights from elsewhere on the command line: sources are known by names, what is concluded is said, the report tells every
# tensor, --verify is a gate; files of other formats and damaged ones get their sentence, and nothing is written.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
files=$SOURCE_ROOT/tests/fixtures/files

small="model.width_mult=0.1 model.num_classes=4 model.input_size=32"
# shellcheck disable=SC2086
"$SISKIN" export mobilenet_v3_small $small -o ours.pth --quiet >/dev/null
# shellcheck disable=SC2086
expect 0 'tensors with names from torchvision' "$SISKIN" import ours.pth --model mobilenet_v3_small $small -o m.safetensors --report report.tsv
[ "$(grep -c . report.tsv)" = "$("$SISKIN" import ours.pth --model mobilenet_v3_small $small -o m.safetensors --json | grep -o '"transform"' | wc -l)" ]
grep -q "^features.0.0.weight	(8, 3, 3, 3)	f32	features.0.0.weight	as it is$" report.tsv

# --verify: its own logits are equal, others are not; the input may be planes or pixels.
perl -e 'sub npy { my ($f, $shape, @x) = @_; my $h = "{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: ($shape), }";
    $h .= " " x (117 - length $h) . "\n"; open F, ">", $f; binmode F; print F "\x93NUMPY\x01\x00", pack("v", length $h), $h, pack("f<*", @x); close F }
    npy("x.npy", "2, 3, 32, 32", map { ($_ * 7919 % 509) / 254 - 1 } 0 .. 6143); npy("wrong.npy", "2, 4", (1) x 8)' 
"$SISKIN" run m.safetensors --input x.npy --output y.npy --quiet >/dev/null
# shellcheck disable=SC2086
expect 0 'the logits equal y.npy within' "$SISKIN" import ours.pth --model mobilenet_v3_small $small -o again.safetensors --verify x.npy y.npy
rm again.safetensors
# shellcheck disable=SC2086
expect 4 'the logits differ from wrong.npy by' "$SISKIN" import ours.pth --model mobilenet_v3_small $small -o again.safetensors --verify x.npy wrong.npy
# shellcheck disable=SC2086
expect 0 'the logits equal wrong.npy within' "$SISKIN" import ours.pth --model mobilenet_v3_small $small -o again.safetensors --verify x.npy wrong.npy --tolerance 100
rm again.safetensors
expect 2 'an input and its logits go together' "$SISKIN" import ours.pth --model mobilenet_v3_small -o again.safetensors --verify x.npy
[ ! -e again.safetensors ]

# the model's name, the source's name
expect 2 'say with --model which network' "$SISKIN" import ours.pth -o again.safetensors
expect 2 'mobilenet_v3_smal (did you mean mobilenet_v3_small?)' "$SISKIN" import ours.pth --model mobilenet_v3_smal -o again.safetensors
expect 2 'siskin knows no weights from "keas" (did you mean keras?)' "$SISKIN" import ours.pth --model mobilenet_v3_small --from keas -o again.safetensors
expect 1 'are those of no source that siskin knows for a resnet' "$SISKIN" import ours.pth --model resnet18 -o again.safetensors

# timm's names of networks say what their weights cannot
"$SISKIN" export mobilenet_v3_large model.minimal=true -o minimal.pth --quiet >/dev/null
expect 0 "assumed: arguments and preprocessing of timm's tf_mobilenetv3_large_minimal_100.in1k" "$SISKIN" import minimal.pth --model tf_mobilenetv3_large_minimal_100 -o tf.safetensors
grep -aq 'same_padding..: true' tf.safetensors
rm tf.safetensors

# other formats: read, but of no such network; damaged
expect 1 "siskin has no use for 'params/Net_0/Stem/kernel' and others among names from flax" "$SISKIN" import "$files/good/flax.msgpack" --model mobilenet_v2 -o again.safetensors
expect 1 "are those of no source that siskin knows for a mobilenet_v2" "$SISKIN" import "$files/good/keras3.weights.h5" --model mobilenet_v2 -o again.safetensors
expect 1 'cut.h5: libhdf5 cannot open it' "$SISKIN" import "$files/hostile/cut.h5" --model mobilenet_v2 -o again.safetensors
expect 1 'cut.msgpack: at byte' "$SISKIN" import "$files/hostile/cut.msgpack" --model mobilenet_v2 -o again.safetensors
expect 1 'SISKIN_H5=/nowhere/helper names no program' env SISKIN_H5=/nowhere/helper "$SISKIN" import "$files/good/keras3.weights.h5" --model mobilenet_v2 -o again.safetensors
[ ! -e again.safetensors ]
