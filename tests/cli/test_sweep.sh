#!/bin/bash
# Many runs of one recipe: a grid, random choices, folds; gone on with after a budget, an interruption, a kill.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
sed -i 's/^epochs: 3/epochs: 1/; s/every_steps: 1/every_steps: 0/' tiny.yaml
grid=(tiny.yaml schedule.lr=0.002,0.05 accumulate=1,2 model.dropout=0 --seeds 2)

# A grid of four, two seeds each; every run is what train makes of the same values.
expect 0 '8/8 schedule.lr=0.05,accumulate=2-seed43: top-1' "$SISKIN" sweep "${grid[@]}" --out grid
grep -q 'best: schedule.lr=' out.txt
[ "$(find grid -name scores.csv | wc -l)" = 8 ]
"$SISKIN" train tiny.yaml schedule.lr=0.05 accumulate=2 model.dropout=0 seed=43 --out one -q >/dev/null
[ "$(sha one/last.safetensors)" = "$(sha grid/schedule.lr=0.05,accumulate=2-seed43/last.safetensors)" ]
# The numbers of the table are those of eval.
"$SISKIN" eval one/last.safetensors --data idx:data --json -q --compare grid/schedule.lr=0.002,accumulate=1-seed43/last.safetensors >eval.json
top1=$(grep -o '"top1": [0-9.]*' eval.json | head -1 | cut -d ' ' -f 2)
grep -qx "0.05,2,43,0,20,$top1" grid/sweep.csv
[ "$(wc -l <grid/sweep.csv)" = 9 ]
grep -q '"pairs": 2, "difference": ' grid/table.json
# The best recipe is a recipe, and the very choice.
best=$(grep -o 'best: schedule.lr=[^ ]* accumulate=[^ ]*' out.txt | tr ' =' '\n\n' | tail -3)
grep -qx "  lr: $(head -1 <<<"$best")" grid/best.yaml
grep -qx "accumulate: $(tail -1 <<<"$best")" grid/best.yaml
expect 0 'epoch 1/1' "$SISKIN" train grid/best.yaml --out best

# A page with the table, and behind it a report of every run.
[ "$(find grid -name report.html | wc -l)" = 8 ]
[ "$(grep -c 'data-top1=' grid/sweep.html)" = 4 ]
[ "$(grep -o '<a href="[^"]*/report.html">' grid/sweep.html | cut -d '"' -f 2 | sort | tr '\n' ' ')" = \
    "$(cd grid && find . -name report.html | cut -c 3- | sort | tr '\n' ' ')" ]
grep -q "<tr id=best><td>$(head -1 <<<"$best")</td><td>$(tail -1 <<<"$best")</td>" grid/sweep.html

# Again: nothing is made twice; more seeds make only what is missing.
before=$(stat -c %Y.%i grid/*/last.safetensors | sort)
expect 0 '8 of 8 runs are there already' "$SISKIN" sweep "${grid[@]}" --out grid
[ "$before" = "$(stat -c %Y.%i grid/*/last.safetensors | sort)" ]
expect 0 '8 of 12 runs are there already' "$SISKIN" sweep "${grid[@]}" --seeds 3 --out grid
expect 2 'holds a sweep of another recipe' "$SISKIN" sweep "${grid[@]}" epochs=2 --out grid
expect 2 'holds other files and no sweep' "$SISKIN" sweep "${grid[@]}" --out data

# A budget: no run begins after it, what is there is told, and the same command goes on.
expect 0 '1 of 2 runs are made; the same command goes on' "$SISKIN" sweep tiny.yaml schedule.lr=0.002,0.05 --budget 0.001s --out budget
expect 0 '2/2 schedule.lr=0.05-seed42' "$SISKIN" sweep tiny.yaml schedule.lr=0.002,0.05 --budget 1h30m --out budget

# Interrupted in a run, and killed: the half run is gone on with, to the same bits.
long=(tiny.yaml schedule.lr=0.002,0.001 epochs=60)
for signal in INT KILL; do
    "$SISKIN" sweep "${long[@]}" checkpoint.every_epochs=1 --out "$signal" -q >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 200); do
        [ -z "$(find "$signal" -path '*checkpoints/*' -name '*.safetensors' 2>/dev/null)" ] || break
        sleep 0.05
    done
    kill -"$signal" "$pid"
    wait "$pid" || true
    [ "$(find "$signal" -name scores.csv | wc -l)" -lt 2 ]
    expect 0 '2/2 schedule.lr=0.001-seed42' "$SISKIN" sweep "${long[@]}" checkpoint.every_epochs=1 --out "$signal"
done
[ "$(sha INT/schedule.lr=0.001-seed42/last.safetensors)" = "$(sha KILL/schedule.lr=0.001-seed42/last.safetensors)" ]
"$SISKIN" train tiny.yaml schedule.lr=0.002 epochs=60 --out whole -q >/dev/null
[ "$(sha INT/schedule.lr=0.002-seed42/last.safetensors)" = "$(sha whole/last.safetensors)" ]

# A run whose loss becomes no number is a result, too, and not tried again.
wild=(tiny.yaml log.report=false schedule.lr=0.002,1000 epochs=9 optimizer.name=sgd weight_decay.value=10 schedule.name=constant)
expect 0 '2/2 schedule.lr=1000-seed42: diverged' "$SISKIN" sweep "${wild[@]}" --out wild
grep -q '^best: schedule.lr=0.002 ' out.txt
grep -qx '1000,42,0,0,diverged' wild/sweep.csv
grep -q '<td>diverged</td>' wild/sweep.html
[ -z "$(find wild -name report.html)" ] # switched off
expect 0 '2 of 2 runs are there already' "$SISKIN" sweep "${wild[@]}" --out wild

# Random: ranges, the same ones each time; fewer where there are no more.
expect 0 '3/3 ' "$SISKIN" sweep tiny.yaml schedule.lr=0.001..0.1:log batch_size=4..16 --random 3 --out random
awk -F, 'NR > 1 && ($1 < 0.001 || $1 > 0.1 || $2 < 4 || $2 > 16 || $2 != int($2)) { exit 1 }' random/sweep.csv
expect 0 '3 of 4 runs are there already' "$SISKIN" sweep tiny.yaml schedule.lr=0.001..0.1:log batch_size=4..16 --random 4 --out random
expect 0 '2/2 ' "$SISKIN" sweep tiny.yaml label_smoothing=0,0.1 --random 9 --out few

# Folds: every training picture is validated once.
expect 0 '4/4 recipe-seed42-fold4of4' "$SISKIN" sweep tiny.yaml --folds 4 --out folds
[ "$(cat folds/*/split/val.txt | sort -u | wc -l)" = 64 ]
[ "$(cat folds/*/split/val.txt | wc -l)" = 64 ]
expect 0 '20 test pictures' "$SISKIN" train tiny.yaml data.fold=1/4 --out fold

# What cannot be.
expect 2 'needs --out' "$SISKIN" sweep tiny.yaml schedule.lr=1,2
expect 2 'a grid has no ranges' "$SISKIN" sweep tiny.yaml schedule.lr=1..2 --out x
expect 2 'expected a range from a lower' "$SISKIN" sweep tiny.yaml schedule.lr=2..1 --random 2 --out x
expect 2 'stands there twice' "$SISKIN" sweep tiny.yaml schedule.lr=1,1 --out x
expect 2 'schedule.lr=0.1b' "$SISKIN" sweep tiny.yaml schedule.lr=1,0.1b --out x
expect 2 '--seeds N runs every choice' "$SISKIN" sweep tiny.yaml seed=1,2 --out x
expect 2 'expected a time' "$SISKIN" sweep tiny.yaml schedule.lr=1,2 --budget soon --out x
expect 2 'there is nothing to draw' "$SISKIN" sweep tiny.yaml --random 2 --out x
expect 2 'expected a fold of 2 to 1000' "$SISKIN" train tiny.yaml data.fold=5/4 --out x
expect 2 'it divides train itself' "$SISKIN" train tiny.yaml data.fold=1/4 data.split=seed --out x
expect 1 'no validation pictures' "$SISKIN" sweep tiny.yaml data.split=none --out y
[ ! -e x ]
