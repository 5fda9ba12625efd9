#!/bin/bash
# What looks into a model or takes it elsewhere: run --at and --list, explain, export to ONNX.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

pictures=$SOURCE_ROOT/tests/fixtures/data/pictures
small="mobilenet_v2 model.width_mult=0.1 model.input_size=64"

# An array of zeros, (2,3,64,64).
perl -e 'my $h = "{\x27descr\x27: \x27<f4\x27, \x27fortran_order\x27: False, \x27shape\x27: (2, 3, 64, 64), }";
    $h .= " " x (117 - length $h) . "\n"; print "\x93NUMPY\x01\x00", pack("v", length $h), $h, "\0" x (2 * 3 * 64 * 64 * 4)' >x.npy
expect 0 'y.npy: (2, 1000) logits' "$SISKIN" run $small -i x.npy -o y.npy
expect 0 'y.npy: (2, 96, 4, 4) features.13, nchw' "$SISKIN" run mobilenet_v2 model.input_size=64 -i x.npy -o y.npy --at features.13
expect 0 '"at": "avgpool", "shape": [2, 1280]' "$SISKIN" run $small -i x.npy -o y.npy --at avgpool --json
expect 2 'did you mean features.13?' "$SISKIN" run $small -i x.npy -o y.npy --at feature.13
expect 2 'run needs --input' "$SISKIN" run $small
expect 0 'features.3.conv.1.2' "$SISKIN" run $small --list
expect 0 '{"name": "features.0", "output": [1, 32, 32, 8]}' "$SISKIN" run $small --list --json

expect 0 'o.png: 7 (' "$SISKIN" explain $small "$pictures/rgb.png" -o o.png --class 7 --raw cam.npy
head -c 8 o.png | cmp - <(printf '\211PNG\r\n\032\n')
grep -aq "'shape': (2, 2)" cam.npy
expect 0 '"at": "features.13.conv.3", "map": [4, 4]' "$SISKIN" explain $small "$pictures/grey.jpg" -o o.png --at features.13.conv --json
expect 2 'numbered 0 to 999' "$SISKIN" explain $small "$pictures/rgb.png" -o o.png --class 1000
expect 2 'rows and columns' "$SISKIN" explain $small "$pictures/rgb.png" -o o.png --at classifier
expect 2 'explain needs --out' "$SISKIN" explain $small "$pictures/rgb.png"
rm o.png
expect 1 'empty.jpg' "$SISKIN" explain $small "$pictures/empty.jpg" -o o.png
test ! -e o.png

expect 0 'm.onnx: 101 nodes, opset 17' "$SISKIN" export $small -o m.onnx
expect 0 '"nodes": 153, "opset": 17' "$SISKIN" export $small -o m.onnx --no-fold-norm --json
expect 2 'goes with .onnx alone' "$SISKIN" export $small -o m.safetensors --softmax
expect 2 'must end in .pth, .safetensors or .onnx' "$SISKIN" export $small -o m.tflite
