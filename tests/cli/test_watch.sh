#!/bin/bash
# Looking at a run: its page, TensorBoard's file, two models on the same pictures.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe

# A run ends with its page, which asks nothing of the network, and with one event file.
expect 0 'whole/report.html' "$SISKIN" train tiny.yaml --out whole
for part in id=accuracy id=curves id=confusion id=mistakes id=classes id=calibration id=trace 'data-name="val_top1"' 'data-name="lr"'; do
    grep -qF -- "$part" whole/report.html || { echo "the page has no $part" >&2; exit 1; }
done
if grep -qE '(src|href)="?(http|//)' whole/report.html; then echo "the page asks the network for something" >&2; exit 1; fi
[ "$(ls whole/events.out.tfevents.*.siskin | wc -l)" = 1 ]
grep -q 'val/top1' whole/events.out.tfevents.*.siskin

# The page's accuracy is eval's.
"$SISKIN" eval whole --json >eval.json
top1=$(sed -n 's/.*"top1": \([-0-9.e+]*\).*/\1/p' eval.json)
grep -qF "data-top1=\"$top1\"" whole/report.html

# Names that HTML would read as its own are written otherwise; other pictures, another file.
mv whole 'a<b>&c'
expect 0 'other.html' "$SISKIN" report 'a<b>&c' -o other.html --part train
grep -qF '<h1>a&lt;b&gt;&amp;c</h1>' other.html
mv 'a<b>&c' whole

# Neither where the recipe wants none; before an epoch is over there are the curves alone.
expect 0 'last.safetensors' "$SISKIN" train tiny.yaml epochs=1 log.report=false log.tensorboard=false --out quiet
[ ! -e quiet/report.html ] && [ -z "$(ls quiet | grep tfevents || true)" ]
rm quiet/best.safetensors
expect 0 'quiet/report.html' "$SISKIN" report quiet
if grep -q id=accuracy quiet/report.html; then exit 1; fi
echo '{"kind": "epoch", ' >>quiet/log.jsonl
expect 1 'quiet/log.jsonl: line' "$SISKIN" report quiet
expect 1 'there is no run nowhere' "$SISKIN" report nowhere

# A page that cannot be written leaves the run whole.
expect 1 '/nowhere' "$SISKIN" report whole -o /nowhere/report.html

# Two models on the same pictures; a model beside itself differs nowhere.
expect 0 'p = 1 (McNemar, exact)' "$SISKIN" eval --compare whole whole
expect 0 'difference' "$SISKIN" eval --compare whole/best.safetensors quiet/last.safetensors --data idx:data
expect 0 '"difference_low": ' "$SISKIN" eval whole --compare quiet/last.safetensors --json
"$SISKIN" train tiny.yaml epochs=1 --out other -q >/dev/null
expect 0 'calibration error' "$SISKIN" eval other

# ---- off the expected curve: told once, and again only after an epoch inside ----
outside() { grep -c "but the recipe expects" out.txt || true; }
{ cat tiny.yaml; echo 'expect: {1: [100, 100], 2: [100, 100], 3: [100, 100]}'; } >off.yaml
expect 0 "after epoch 1 top-1 is" "$SISKIN" train off.yaml --out off
[ "$(outside)" = 1 ]
{ cat tiny.yaml; echo 'expect: {1: [100, 100], 2: [0, 100], 3: [100, 100]}'; } >again.yaml
expect 0 "after epoch 3 top-1 is" "$SISKIN" train again.yaml --out again
[ "$(outside)" = 2 ]
