#!/bin/bash
# Fine-tuning a model file: defaults that are said, a new head, frozen parts, kept features, splits, resume, the test part.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
"$SISKIN" train tiny.yaml epochs=2 --out source -q >/dev/null
model=source/last.safetensors

# put_photos DIR COUNT...: folders of grey PNGs; class i has the i-th count, and a stripe at its own height.
put_photos() {
    local dir=$1 class=0 count
    shift
    for count in "$@"; do
        mkdir -p "$dir/class$class"
        perl -MCompress::Zlib -e 'my ($dir, $class, $count) = @ARGV; my $r = 77 + $class;
            sub chunk { my ($t, $d) = @_; return pack("N", length $d) . $t . $d . pack("N", crc32($t . $d)) }
            for my $i (0 .. $count - 1) { my $rows = "";
                for my $y (0 .. 39) { $rows .= "\0"; for my $x (0 .. 39) { $r = ($r * 1103515245 + 12345) % 2147483648;
                    $rows .= chr(($r >> 16) % 120 + (int($y / 10) == $class ? 100 : 0)) } }
                open my $f, ">", sprintf("%s/class%d/%02d.png", $dir, $class, $i); binmode $f;
                print $f "\x89PNG\r\n\x1a\n", chunk("IHDR", pack("NNCCCCC", 40, 40, 8, 0, 0, 0, 0)),
                    chunk("IDAT", compress($rows)), chunk("IEND", "") }' "$dir" "$class" "$count"
        class=$((class + 1))
    done
}
perl -MCompress::Zlib -e 1 2>/dev/null || exit 77
put_photos photos 20 20 20

# No recipe needed: defaults are said, the head is new, the parts are lists in the run, the last word is the test part's.
expect 0 'recipe transfer/default' "$SISKIN" train $model data=photos/ epochs=2 --out tuned
grep -q 'start afresh, since the classes are others' out.txt
grep -q '42 pictures to train on, 9 to validate, 9 to test, 3 classes' out.txt
grep -q '9 test pictures, the best model: top-1' out.txt
[ "$(cat tuned/split/*.txt | sort | uniq | wc -l)" = 60 ]
[ "$(wc -l <tuned/split/test.txt)" = 9 ]
[ -e tuned/test.json ]
expect 0 '9 test pictures' "$SISKIN" eval tuned
grep -q "$(sed 's/.*"top1": \([0-9.]*\).*/\1/; s/\(\.[0-9][0-9]\).*/\1/' tuned/test.json | head -c 4)" out.txt
expect 0 '9 val pictures' "$SISKIN" eval tuned --part val

# The lists count, whatever the folder holds by then; what they name must be there.
cp photos/class0/00.png photos/class0/99.png
expect 0 '9 test pictures' "$SISKIN" eval tuned
moved=$(head -1 tuned/split/test.txt)
mv "photos/$moved" kept.png
expect 1 "$moved, which is not in" "$SISKIN" eval tuned
mv kept.png "photos/$moved"
rm photos/class0/99.png

# Features that are kept change no bit; threads, a stop and a resume neither.
head=(train transfer/head init_from=$model data.spec=photos data.split=0.5/0.25/0.25 epochs=6 batch_size=8 checkpoint.every_steps=1 log.every=1)
expect 0 'training pictures is computed once and kept' "$SISKIN" "${head[@]}" --out kept
"$SISKIN" "${head[@]}" cache.features=off --out anew -q >/dev/null
weights() { "$SISKIN" export "$1/last.safetensors" -o "$1.pth" -q >/dev/null; sha "$1.pth"; }
[ "$(weights kept)" = "$(weights anew)" ]
[ "$(grep -o '"val_loss": [0-9.]*' kept/log.jsonl)" = "$(grep -o '"val_loss": [0-9.]*' anew/log.jsonl)" ]
"$SISKIN" "${head[@]}" threads=1 workers=1 --out lone -q >/dev/null
[ "$(weights kept)" = "$(weights lone)" ]
cp -r kept cut
rm cut/last.safetensors cut/test.json
rm -r cut/checkpoints/step-24
mv $model gone.safetensors # a resume does without it
expect 0 'going on with cut at epoch 6' "$SISKIN" resume cut
mv gone.safetensors $model
[ "$(weights kept)" = "$(weights cut)" ]
[ "$(cat kept/test.json)" = "$(cat cut/test.json)" ]

# A part that is thawed on the way: killed in one stage, gone on with in it and in the next.
gradual=(train transfer/head init_from=$model data.spec=photos epochs=4 batch_size=8 checkpoint.every_steps=1 checkpoint.keep=100
    'unfreeze=[2: features.14-18]' 'lr_mult=[features.*: 0.1]')
"$SISKIN" "${gradual[@]}" --out gradual -q >/dev/null
for step in 5 20; do
    rm -rf stopped
    cp -r gradual stopped
    rm stopped/last.safetensors stopped/test.json
    for folder in stopped/checkpoints/*; do [ "${folder##*-}" -le $step ] || rm -r "$folder"; done
    expect 0 'going on with stopped' "$SISKIN" resume stopped
    [ "$(weights gradual)" = "$(weights stopped)" ]
done

# Equal classes keep the head; head.reset does not.
expect 0 '158 of 158 parameter tensors are taken' "$SISKIN" train $model data=idx:data epochs=1 --out same
expect 0 'as head.reset says' "$SISKIN" train $model data=idx:data epochs=1 head.reset=true --out reset

# What cannot be is said.
expect 2 'holds a mobilenet_v2' "$SISKIN" train $model data=photos model.name=resnet18 --out no
expect 1 'model keys that change its layers' "$SISKIN" train $model data=photos model.width_mult=1 --out no
expect 2 'freezes every parameter' "$SISKIN" train $model data=photos freeze=all --out no
expect 2 "'feature.3' names no parameter" "$SISKIN" train $model data=photos freeze=feature.3 --out no
expect 2 'found '"'"'0.5/0.6/0.7'"'" "$SISKIN" train $model data=photos data.split=0.5/0.6/0.7 --out no
mkdir -p photos/class9 photos/classA
cp photos/class0/00.png photos/class9
cp photos/class1/0[01].png photos/classA
expect 1 'class "class9" has 1 picture, class "classA" has 2 pictures; at least 3 are needed' "$SISKIN" train $model data=photos --out no
[ ! -e no ]
