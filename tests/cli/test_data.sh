#!/bin/bash
# data check names what is wrong with exit 1 and is silent about clean data; data stats gives the known numbers.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

# faults
cp -r "${FIXTURES:?}/data/faults" photos
expect 1 "  photos/train/cat/cut.jpg: the JPEG data end before the picture is complete" "$SISKIN" data check photos
grep -q '^error: pictures cut off (2): copy the file again' out.txt
grep -q 'photos: [0-9]* errors to mend before training$' out.txt
grep -qF 'HEIC; heif-convert photos/train/dog/phone.heic photos/train/dog/phone.jpg' out.txt
"$SISKIN" data check photos --json >answer.json 2>/dev/null && exit 1
planted=$(grep -c '"check"' "$FIXTURES/data/faults.json")
[ "$(grep -o '"check":' answer.json | wc -l)" = "$planted" ]
[ "$(grep -o '"remedy": "[^"]\+"' answer.json | wc -l)" = "$planted" ]
grep -q '"exit": 1' answer.json

# Training refuses the first of them with the same command.
expect 1 'this is a GIF picture; only JPEG, PNG and WebP are read: convert it by `convert ' \
    "$SISKIN" data stats folder:photos

# Notes alone are no failure, and many of one kind are cut short.
mkdir -p few/a few/b
for i in 0 1 2 3 4 5 6; do
    cp photos/train/cat/0$i.jpg few/a/$i.jpg
    printf 'x' >few/a/.hidden$i
done
cp photos/train/dog/0*.jpg few/b
expect 0 '  and 2 more: --all shows them' "$SISKIN" data check few
"$SISKIN" data check few --all >out.txt 2>&1
grep -q 'few/a/.hidden6: passed over' out.txt
rm few/a/.hidden*
[ -z "$("$SISKIN" data check few --quiet 2>&1)" ]
mkdir few/c
expect 1 'few/c: no pictures' "$SISKIN" data check few
rmdir few/c

# bench --data says all rates; a model and data at once are refused
expect 0 'decode exact' "$SISKIN" bench --data few --workers 1 --batch 4 --seconds 1
grep -q '^all .* pictures/s with 1 workers, batches of 4' out.txt
"$SISKIN" bench --data few --workers 0 --batch 4 --seconds 1 --json data.decode=fast >answer.json
for key in read decode augment pictures_per_s cpu_ms_each mean_file_bytes '"decode": "fast"'; do grep -q "$key" answer.json; done
expect 2 'not both at once' "$SISKIN" bench mobilenet_v2 --data few
expect 2 'give --data SPEC, too' "$SISKIN" bench mobilenet_v2 --workers 1
expect 2 'bench needs a MODEL, or --data SPEC' "$SISKIN" bench

# data in files of their own
make_idx data
[ -z "$("$SISKIN" data check idx:data --quiet 2>&1)" ]
head -c 1000 data/train-images-idx3-ubyte >short
cp short data/train-images-idx3-ubyte
expect 1 'error: cannot be opened (1)' "$SISKIN" data check idx:data

# stats
expect 0 '  preprocess: {mean: [' "$SISKIN" data stats few
grep -q 'as a network sees them, resize 256 and crop 224 x 224' out.txt
expect 0 'resize 64 and crop 48 x 48 (20736)' "$SISKIN" data stats few preprocess.resize=64 preprocess.crop=48
"$SISKIN" data stats few --json | grep -q '"formats": {"JPEG": 9}'
expect 2 'expected train, val or test' "$SISKIN" data stats few --part all
expect 2 'data chek is unknown (did you mean check?)' "$SISKIN" data chek few
expect 2 'data needs more arguments' "$SISKIN" data check
if [ -d /usr/share/datasets/fashion-mnist ]; then
    expect 0 '  preprocess: {mean: [0.2860], std: [0.3530]}' "$SISKIN" data stats fashion-mnist
fi
