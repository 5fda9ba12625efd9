#!/bin/bash
# ablation.sh [ROW...]: what each part of a recipe is worth, one change a row, three seeds each, and a table of it.
#
# Rows by name, `list`, `table`; without a word all rows, then the table. Every run lies in RUNS/ROW-SEED; one that is finished
# is not made again (delete its folder), half a one is gone on with. A row is judged beside the row that it changes: the
# same seed, the same 10,000 test pictures, the last epoch's model. SISKIN, RUNS, SEEDS may be set, and EXTRA to keys
# for every run (a trial: RUNS=/tmp/trial SEEDS=1 EXTRA="epochs=3 data.per_class=60"). Two of these may share a folder of runs
# if they have different SEEDS: EXTRA="--threads 1" for each makes the most of two cores.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
SISKIN=${SISKIN:-build/release/siskin}
RUNS=${RUNS:-runs/ablation}
SEEDS=${SEEDS:-1 2 3}
EXTRA=${EXTRA:-}
export SISKIN_RECIPES=${SISKIN_RECIPES:-recipes}
[ -x "$SISKIN" ] || { echo "ablation: $SISKIN is missing; ./dev build makes it" >&2; exit 1; }

# name | the row that it changes, whose keys it has, too | the model that is judged | keys | what they are
rows() {
    grep -v '^#' <<'ROWS'
plain          |            | last     |                                                                        | the recipe as it stands
smoothing      | plain      | last     | label_smoothing=0.1                                                    | label smoothing 0.1
dropout        | plain      | last     | model.dropout=0.2                                                      | dropout 0.2 before the classifier
depth          | plain      | last     | model.stochastic_depth=0.2                                             | stochastic depth up to 0.2
randaugment    | plain      | last     | augment.policy=randaugment                                             | RandAugment, torchvision's, 2 operations of magnitude 9
mix            | plain      | last     | mix.of=timm mix.mixup=0.2 mix.cutmix=1                                 | Mixup 0.2 and CutMix 1, timm's
erasing        | plain      | last     | augment.erasing.probability=0.25                                       | Random Erasing of every fourth picture
# a decay of 0.999 remembers 1000 steps, more than the run has: what the average begins with shows
ema_raw        | plain      | last_ema | ema.form=optax ema.decay=0.999 ema.best=ema                            | EMA 0.999 from zero, evaluated as it is
ema_debiased   | plain      | last_ema | ema.form=optax ema.decay=0.999 ema.best=ema ema.evaluate=debiased      | EMA 0.999 from zero, debiased
ema_weights    | plain      | last_ema | ema.form=tf ema.decay=0.999 ema.best=ema                               | EMA 0.999 from the first weights
ema_dynamic    | plain      | last_ema | ema.form=tf ema.decay=0.999 ema.best=ema ema.dynamic=updates           | EMA 0.999 with dynamic decay
average        | plain      | average  | average.last=3                                                         | mean of the last three epochs' models
bf16           | plain      | last     | precision=bf16                                                         | activations and gradients kept as bf16
batch_256      | plain      | last     | batch_size=256                                                         | 1 x 256 pictures a step instead of 128, twice the rate
accumulate     | batch_256  | last     | batch_size=64 accumulate=4                                             | 4 x 64 pictures a step, batch norm over 64
exact          | batch_256  | last     | batch_size=64 accumulate=4 accumulate_batch_norm=exact                 | 4 x 64 pictures a step, batch norm over all 256
init_02        | plain      | last     | model.init_std=0.02                                                    | every kernel begins with deviation 0.02
init_002       | plain      | last     | model.init_std=0.002                                                   | every kernel begins with deviation 0.002
init_2         | plain      | last     | model.init_std=0.2                                                     | every kernel begins with deviation 0.2
rmsprop        | plain      | last     | optimizer.name=rmsprop optimizer.alpha=0.9 optimizer.momentum=0.9 optimizer.nesterov=false optimizer.eps=0.001 optimizer.eps_in_sqrt=true optimizer.lr_in_momentum=true weight_decay.value=1.0e-05 schedule.name=exponential schedule.lr=0.01 schedule.warmup_init=0.001 schedule.decay_rate=0.94 schedule.decay_epochs=1 | RMSprop as in TF, eps 0.001 inside the root, mean square from 0, rate 0.01 times 0.94 an epoch
mean_square_1  | rmsprop    | last     | optimizer.initial_mean_square=1                                        | mean square begins at 1
eps_outside    | rmsprop    | last     | optimizer.eps_in_sqrt=false                                            | the same eps beside the root
decay_96       | rmsprop    | last     | schedule.decay_rate=0.96                                               | rate times 0.96 an epoch
# the fifth write-up in PyTorch: RMSprop(lr=0.1, eps=1.0, momentum=0.9), StepLR(3, 0.03); then one line after the other
torch          | plain      | last     | optimizer.name=rmsprop optimizer.alpha=0.99 optimizer.momentum=0.9 optimizer.nesterov=false optimizer.eps=1 schedule.name=step schedule.unit=epoch schedule.lr=0.1 schedule.lr_for_batch=0 schedule.warmup_epochs=0 schedule.warmup_init=0 schedule.decay_rate=0.03 schedule.decay_epochs=3 weight_decay.value=0 | the PyTorch run: RMSprop, eps 1, rate 0.1, StepLR(3, 0.03)
torch_steps    | torch      | last     | schedule.decay_rate=0.97                                               | its steps of 0.97 instead of 0.03
torch_eps      | torch_steps | last    | optimizer.eps=0.001                                                    | and eps 0.001 instead of 1
torch_rate     | torch_eps  | last     | schedule.lr=0.008                                                      | and a rate of 0.008 instead of 0.1
torch_alpha    | torch_rate | last     | optimizer.alpha=0.9                                                    | and a mean square that remembers 10 steps instead of 100
torch_in_root  | torch_alpha | last    | optimizer.eps_in_sqrt=true                                             | and eps inside the root
torch_warmup   | torch_in_root | last  | schedule.unit=step schedule.warmup_epochs=0.5                          | and half an epoch of warm-up
# the same in Keras: RMSprop(lr=0.256, rho=0.9, epsilon=1.0, decay=0.9)
keras          | plain      | last     | optimizer.name=rmsprop optimizer.alpha=0.9 optimizer.momentum=0 optimizer.nesterov=false optimizer.eps=1 optimizer.eps_in_sqrt=true schedule.name=inverse_time schedule.staircase=false schedule.decay_steps=1 schedule.decay_rate=0.9 schedule.lr=0.256 schedule.lr_for_batch=0 schedule.warmup_epochs=0 schedule.warmup_init=0 weight_decay.value=0 | the Keras run: RMSprop, eps 1, rate 0.256 / (1 + 0.9 t)
keras_decay    | keras      | last     | schedule.name=step schedule.unit=epoch schedule.decay_steps=0 schedule.staircase=true schedule.decay_epochs=3 schedule.decay_shift=1 schedule.decay_rate=0.97 | its callback's 0.97^floor((1 + epoch) / 3) instead of decay=0.9
keras_momentum | keras_decay | last    | optimizer.momentum=0.9 optimizer.lr_in_momentum=true                   | and momentum 0.9
keras_eps      | keras_momentum | last | optimizer.eps=0.001                                                    | and eps 0.001 instead of 1
keras_rate     | keras_eps  | last     | schedule.lr=0.008                                                      | and a rate of 0.008 instead of 0.256
ROWS
}

# row NAME: sets base, model, keys (its own) and what.
row() {
    local name
    while IFS='|' read -r name base model keys what; do
        read -r name <<<"$name"
        read -r base <<<"$base" || true
        read -r model <<<"$model"
        read -r keys <<<"$keys" || true
        read -r what <<<"$what"
        if [ "$name" = "$1" ]; then return 0; fi
    done < <(rows)
    echo "ablation: no row $1; there are $(names | xargs)" >&2
    return 2
}

names() {
    rows | awk -F'|' '{ sub(/ *$/, "", $1); print $1 }'
}

# keys_of NAME: those of the row that it changes, then its own.
keys_of() {
    local base model keys what
    row "$1"
    if [ -n "$base" ]; then keys_of "$base"; fi
    echo "$keys"
}

# train NAME SEED: one run, unless its end is there; half a run is gone on with. 3: its loss is no number any more, which
# is a result.
train() {
    local folder=$RUNS/$1-$2 log=$RUNS/$1-$2.log status=0 keys
    if [ -f "$folder/test.json" ]; then return 0; fi
    if [ -f "$folder/diverged" ]; then return 3; fi
    echo "== $folder"
    if [ -f "$folder/recipe.yaml" ]; then
        "$SISKIN" resume "$folder" >"$log" 2>&1 || status=$?
    else
        rm -rf "$folder" # killed before it began
        keys=$(keys_of "$1")
        # shellcheck disable=SC2086
        "$SISKIN" train small/ablation $keys "seed=$2" $EXTRA --out "$folder" >"$log" 2>&1 || status=$?
    fi
    tail -2 "$log"
    if [ "$status" = 3 ]; then tail -1 "$log" >"$folder/diverged"; fi
    return "$status"
}

# compare NAME SEED: its model on the test pictures, beside that of the row that it changes: FOLDER/against.json.
compare() {
    local folder=$RUNS/$1-$2 base model keys what beside=() basis
    if [ -f "$folder/against.json" ]; then return 0; fi
    row "$1"
    local file=$folder/$model.safetensors
    if [ -n "$base" ] && [ ! -f "$RUNS/$base-$2/diverged" ]; then
        basis=$base
        row "$basis"
        beside=(--compare "$RUNS/$basis-$2/$model.safetensors")
    fi
    "$SISKIN" eval "$file" "${beside[@]}" --data fashion-mnist --part test --batch 100 --json -q >"$folder/against.tmp"
    mv "$folder/against.tmp" "$folder/against.json"
}

failed=()
# run NAME: every seed, and of the row that it changes, too.
run() {
    local seed base model keys what status
    row "$1"
    for seed in $SEEDS; do
        status=0
        if [ -n "$base" ]; then train "$base" "$seed" || status=$?; fi
        if [ "$status" = 3 ]; then status=0; fi
        [ "$status" != 0 ] || train "$1" "$seed" || status=$?
        [ "$status" != 0 ] || compare "$1" "$seed" || status=$?
        if [ "$status" = 130 ]; then exit 130; fi
        if [ "$status" != 0 ] && [ "$status" != 3 ]; then failed+=("$1-$seed"); fi
    done
}

# numbers NAME: a line a seed: top-1, and beside its base the difference and the pictures on which one of them is right.
numbers() {
    local seed
    for seed in $SEEDS; do
        if [ -f "$RUNS/$1-$seed/diverged" ]; then echo diverged; fi
        [ -f "$RUNS/$1-$seed/against.json" ] || continue
        awk 'BEGIN { RS = "[,{}]" }
            { gsub(/[" \n]/, ""); split($0, part, ":") }
            part[1] == "images" && !images { images = part[2] }
            part[1] == "top1" && top1 == "" { top1 = part[2] }
            part[1] == "difference" { difference = part[2] }
            part[1] == "only_this" { this = part[2] }
            part[1] == "only_other" { other = part[2] }
            END { print top1, images, difference, this, other }' "$RUNS/$1-$seed/against.json"
    done
}

# One line of the table from `numbers`. Over seeds: Student's t of the paired differences. Over pictures: Agresti's and
# Min's interval for matched proportions (2005), all seeds' pictures together.
line() {
    awk -v name="$1" -v base="$2" -v what="$3" '
        BEGIN { split("12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262", t, " ") }
        $1 == "diverged" { gone++; next }
        NF { n++; top1 += $1; images += $2 }
        NF > 2 { m++; d[m] = $3; sum += $3; this += $4; other += $5 }
        END {
            if (gone) what = what " (" gone " of " gone + n " runs: the loss became no number)"
            if (!n && gone) printf "| %s | %s | none | | | | %s |\n", name, base, what
            if (!n) exit
            if (!m) { printf "| %s | | %.2f | | | | %s |\n", name, top1 / n, what; exit }
            mean = sum / m
            for (i = 1; i <= m; i++) square += (d[i] - mean) ^ 2
            half = m > 1 ? t[m - 1 > 9 ? 9 : m - 1] * sqrt(square / (m - 1) / m) : 0
            all = images + 2; share = (this - other) / all
            wide = 1.959964 * sqrt(((this + other + 1) / all - share * share) / all)
            low = 100 * (share - wide); high = 100 * (share + wide)
            seeds = m > 1 ? sprintf("%+.2f to %+.2f", mean - half, mean + half) : "one seed"
            clear = low > 0 || high < 0
            surely = m > 1 && (mean - half > 0 || mean + half < 0)
            word = mean > 0 ? "more" : "less"
            if (clear && surely) verdict = sprintf("%.2f points %s, beyond seeds and pictures", mean < 0 ? -mean : mean, word)
            else if (clear && m < 2) verdict = sprintf("%.2f points %s on these pictures, with one seed", mean < 0 ? -mean : mean, word)
            else if (clear) verdict = sprintf("%.2f points %s on these pictures, but the seeds differ as much", mean < 0 ? -mean : mean, word)
            else verdict = "no difference that this can tell from noise"
            printf "| %s | %s | %.2f | %+.2f | %s | %+.2f to %+.2f | %s: %s |\n", name, base, top1 / n, mean, seeds, low, high, what, verdict
        }'
}

table() {
    local name base model keys what
    echo "| row | beside | top-1 | difference | 95 % over seeds | 95 % over pictures | in a sentence |"
    echo "|---|---|---|---|---|---|---|"
    for name in $(names); do
        row "$name"
        numbers "$name" | line "$name" "$base" "$what"
    done
}

main() {
    local word
    mkdir -p "$RUNS"
    for word; do
        case $word in
        list) rows | awk -F'|' '{ printf "%s%s\n", $1, $5 }' ;;
        table) table ;;
        *) run "$word" ;;
        esac
    done
    if [ ${#failed[@]} -gt 0 ]; then
        echo "ablation: failed: ${failed[*]}" >&2
        exit 1
    fi
}

if [ $# -gt 0 ]; then
    main "$@"
else
    # shellcheck disable=SC2046
    main $(names) table
fi
