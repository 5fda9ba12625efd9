#!/bin/bash
# Shards at the command line: packing, going on with a packing, training on tar and TFRecord killed in the middle of an
# epoch and resumed to the same bits, corrupt pictures passed over and named. SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
export SISKIN_CACHE=$work/cache
make_idx data
make_recipe

# ---- packing ----
expect 0 "84 pictures" "$SISKIN" data pack idx:data -o packed --shards 5
(cd packed && sha256sum --quiet -c SHA256SUMS)
[ "$(ls packed)" = "$(printf '%s\n' SHA256SUMS classes.txt index.siskin pack.json test-000000.tar test-000001.tar \
    train-00000{0..4}.tar)" ]
[ "$(cat packed/classes.txt | tr '\n' ' ')" = "0 1 2 3 " ]
tar tf packed/train-000004.tar | grep '_[0-9]*\.png$' >/dev/null
# The index goes along with a copy, whatever its times; without it the shards are listed again.
cp -r packed copy
expect 0 "64 pictures of 4 classes" "$SISKIN" data stats copy
rm copy/index.siskin
expect 0 "64 pictures of 4 classes" "$SISKIN" data stats tar:copy
# What was cut off goes on, and ends the same.
rm copy/train-00000[13].tar copy/SHA256SUMS
expect 0 "some of them found whole" "$SISKIN" data pack idx:data -o copy --shards 5
diff -r packed copy
"$SISKIN" data pack idx:data -o killed --shards 32 -q &
pid=$!
while kill -0 $pid 2>/dev/null && [ ! -e killed/train-000003.tar ]; do sleep 0.001; done
{ kill -9 $pid && wait $pid || true; } 2>/dev/null
"$SISKIN" data pack idx:data -o killed --shards 32 >/dev/null
"$SISKIN" data pack idx:data -o whole --shards 32 >/dev/null
diff -r killed whole
expect 2 "was begun otherwise" "$SISKIN" data pack idx:data -o copy --shards 4
expect 2 "is not empty" "$SISKIN" data pack idx:data -o data
expect 2 "one of them" "$SISKIN" data pack idx:data -o x --shards 4 --size 3
# A bit of a shard: the packing sees a key that does not belong, a moved index sees its print.
perl -e 'open my $f, "+<", $ARGV[0]; seek $f, 3, 0; print $f "9"' copy/train-000001.tar
expect 1 "checksum" "$SISKIN" data stats tar:copy
# Packed again from shards, and from TFRecord, picture for picture.
"$SISKIN" data pack tar:packed -o twice --order source --size 1 >/dev/null
pictures() { for shard in "$@"; do tar xOf "$shard" --wildcards '*.png'; done | sha256sum; }
[ "$(pictures packed/train-*.tar)" = "$(pictures twice/train-000000.tar)" ]
expect 0 "18 pictures" "$SISKIN" data pack "tfrecord:$FIXTURES/data/shards/tfds" -o from_tf
grep -qx n02123045 from_tf/classes.txt

# Train and val packed apart, their classes numbered otherwise: the first that differs is named; the same list is none.
mkdir -p apart/train apart/val
cp packed/train-*.tar packed/classes.txt apart/train
cp packed/test-*.tar apart/val
printf '%s\n' 0 1 2 3 >apart/val/classes.txt
expect 0 "64 pictures of 4 classes" "$SISKIN" data stats tar:apart
printf '%s\n' 0 2 1 3 >apart/val/classes.txt
expect 1 'class 1 is "1" in apart/train/classes.txt, but "2" in apart/val/classes.txt' "$SISKIN" data check tar:apart
expect 1 'class 1 is "1" in apart/train/classes.txt' "$SISKIN" data stats \
    "tar:apart/train/train-00000{0..4}.tar::apart/val/test-00000{0..1}.tar"
sed 's#idx:data#tar:apart#' tiny.yaml >apart.yaml
expect 1 'class 1 is "1"' "$SISKIN" train apart.yaml --out refused3
printf '%s\n' 0 1 2 >apart/val/classes.txt
expect 1 'class 3 is "3" in apart/train/classes.txt, but "nothing"' "$SISKIN" data stats tar:apart
mkdir -p tf/train tf/val
cp "$FIXTURES"/data/shards/tfds/*-train.* "$FIXTURES"/data/shards/tfds/label.labels.txt tf/train
cp "$FIXTURES"/data/shards/tfds/*-validation.* tf/val
cp tf/train/label.labels.txt tf/val
expect 0 "n02123045" "$SISKIN" data stats tfrecord:tf
sort -r tf/train/label.labels.txt >tf/val/label.labels.txt
expect 1 'class 0 is "n01440764" in tf/train/label.labels.txt' "$SISKIN" data check tfrecord:tf

# A .cls says the class, whatever a .json beside it says: read, it would make six classes.
mkdir both
for i in 0 1; do
    tar xOf packed/train-000000.tar --wildcards '*.png' | head -c 100000 >both/$i.png
    echo $i >both/$i.cls
    echo '{"label": 5}' >both/$i.json
done
tar cf both.tar -C both 0.cls 0.json 0.png 1.cls 1.json 1.png
expect 0 "of 2 classes" "$SISKIN" data stats tar:both.tar
# A changed byte in a record's data is seen when it is read, whether or not a decoder would.
cp -r tf/train damaged && chmod -R u+w damaged && cp "$FIXTURES"/data/shards/tfds/*-validation.* damaged
perl -e 'my $f = $ARGV[0]; open my $h, "+<", $f; binmode $h; local $/; my $all = <$h>; my $at = index($all, "JFIF");
    seek $h, $at + 13, 0; print $h "\x7f"' damaged/*-train.*-00000-of-*
expect 1 "checksum of the record" "$SISKIN" data check tfrecord:damaged

# ---- the same pictures train to the same bits wherever they lie, when the order is the same ----
sed 's#idx:data#tar:packed_in_order#' tiny.yaml >tar.yaml
"$SISKIN" data pack idx:data -o packed_in_order --order source --shards 3 >/dev/null
"$SISKIN" train tiny.yaml --out from_idx -q >/dev/null
"$SISKIN" train tar.yaml --out from_tar -q >/dev/null
losses() { grep -o '"[a-z_]*\(loss\|top1\)": [^,]*' "$1/log.jsonl"; } # a model's file names its data, too
diff <(losses from_idx) <(losses from_tar)

# ---- killed in the middle of epochs ----
# kills NAME RECIPE: three kills at random moments; every step has a checkpoint.
kills() {
    "$SISKIN" train "$2" --out "$1" -q >/dev/null
    local killed=0
    while [ ! -e "$1-k/last.safetensors" ]; do
        if [ -e "$1-k/recipe.yaml" ]; then
            "$SISKIN" resume "$1-k" -q >/dev/null 2>&1 &
        else
            rm -rf "$1-k"
            "$SISKIN" train "$2" workers=2 --out "$1-k" -q >/dev/null 2>&1 &
        fi
        pid=$!
        if [ $killed -lt 3 ]; then
            sleep "$(printf '0.%02d' $((RANDOM % 25 + 4)))"
            { kill -9 $pid && killed=$((killed + 1)); } 2>/dev/null || true
        fi
        { wait $pid || true; } 2>/dev/null
    done
    [ "$(sha "$1/last.safetensors")" = "$(sha "$1-k/last.safetensors")" ] || { echo "$1: other weights" >&2; exit 1; }
    [ "$(grep -c . "$1/log.jsonl")" = "$(grep -c . "$1-k/log.jsonl")" ] || { echo "$1: another log" >&2; exit 1; }
}
sed 's#idx:data"#tar:packed", shuffle_buffer: 9#' tiny.yaml >buffer.yaml
kills tar buffer.yaml
sed -e 's#idx:data"#tfrecord:'"$FIXTURES"'/data/shards/tfds", shuffle_buffer: 5#' -e 's/batch_size: 8/batch_size: 2/' \
    -e 's/resize: 0, crop: 16, channels: 1, mean: \[0.4\], std: \[0.3\]/resize: 0, crop: 8/' tiny.yaml >tf.yaml
kills tfrecord tf.yaml
! diff <(losses tar) <(losses from_tar) >/dev/null

# ---- corrupt pictures ----
mkdir bad
tar xf packed/train-000000.tar -C bad
truncate -s 60 bad/*_{3,28,61}.png
tar cf bad.tar -C bad --sort=name .
sed 's#idx:data"#tar:{bad,packed/train-000001,packed/train-000002,packed/test-000000}.tar", split: seed, corrupt: skip, val_fraction: 0.2#
    s/accumulate: 3/drop_last: false/' tiny.yaml >skip.yaml
expect 1 ".png" "$SISKIN" train skip.yaml data.corrupt=error --out refused
kills skip skip.yaml
grep '"kind": "corrupt"' skip/log.jsonl | grep 'bad.tar/.*\.png' >/dev/null
[ "$(grep -c '"kind": "corrupt"' skip/log.jsonl)" = 9 ] # each once an epoch
diff <(grep '"kind": "corrupt"' skip/log.jsonl) <(grep '"kind": "corrupt"' skip-k/log.jsonl)
expect 0 "cannot be decoded" "$SISKIN" train skip.yaml --out told
expect 2 "shuffle_buffer" "$SISKIN" train tiny.yaml data.shuffle_buffer=10 --out refused2
# Scored afterwards as the run was: without them, said and named; another model file says so itself.
expect 0 "2 pictures that cannot be decoded were left out" "$SISKIN" eval told --part val --data tar:bad.tar --compare told
grep -qF "bad.tar: " out.txt
expect 0 "were left out" "$SISKIN" report told --part train
grep -q '<p id=corrupt>' told/report.html
expect 1 ".png" "$SISKIN" eval told/best.safetensors --data tar:bad.tar --part train
expect 0 "left out: " "$SISKIN" eval told/best.safetensors --data tar:bad.tar --part train --skip-corrupt
"$SISKIN" eval told/best.safetensors --data tar:bad.tar --part train --skip-corrupt --json >scored.json 2>/dev/null
[ "$(grep -o '"picture":' scored.json | grep -c .)" = 1 ] || { cat scored.json >&2; exit 1; }
expect 0 "are named and counted" "$SISKIN" recipe trace skip.yaml
