#!/bin/bash
# siskin recipe: what Model Garden states against what the author's code ran, as a golden text (SISKIN_UPDATE=1 writes it anew).
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

fixtures=$SOURCE_ROOT/tests/fixtures/cli
golden() { # NAME ARGUMENT...: the answer of siskin recipe is the fixture
    local name=$1
    shift
    "$SISKIN" recipe "$@" -q >"$name"
    if [ -n "${SISKIN_UPDATE:-}" ]; then cp "$name" "$fixtures/$name"; fi
    diff "$fixtures/$name" "$name" >&2
}
golden diff_mobilenet_v2.txt diff imagenet/mobilenet_v2_model_garden imagenet/mobilenet_v2_author
# What that text must say, whatever else it says.
while IFS='|' read -r name left right; do
    grep -E "^$name +$left +$right\$" diff_mobilenet_v2.txt >/dev/null || { echo "diff does not say: $name $left $right" >&2; exit 1; }
done <<'LINES'
decay rate|0.96|0.94
label smoothing in effect|0.1|0
L2 added to the gradient|1e-05|5e-06
decay from|epoch 0 .*|epoch 10 .*
distinct pictures scored|50000|49152
activation|relu6|relu
padding|SAME.*|wrap-around
peak learning rate|0.256|0.064
initial mean square|0|1
share of a batch in the running statistics|0.003|0.001
pictures behind a batch statistic|4096|128
LINES
expect 0 'no difference' "$SISKIN" recipe diff imagenet/mobilenet_v2 imagenet/mobilenet_v2
expect 2 'recipe diff needs two recipes' "$SISKIN" recipe diff imagenet/mobilenet_v2

# The same rate said for another batch is the same in effect.
cat >other.yaml <<YAML
base: $SOURCE_ROOT/recipes/imagenet/mobilenet_v2
schedule: {lr: 0.064, lr_for_batch: 1024}
YAML
expect 0 'written otherwise, the same in effect' "$SISKIN" recipe diff imagenet/mobilenet_v2 other.yaml --images 1281167 --val-images 50000

# A fold and the start of kernels have an effect, and are told as one.
cat >fold.yaml <<YAML
base: $SOURCE_ROOT/recipes/imagenet/mobilenet_v2
data: {fold: 2/5}
model: {init_std: 0.01}
YAML
counts=(--images 1281167 --val-images 50000)
expect 0 'fold 2 of 5 of every class' "$SISKIN" recipe diff imagenet/mobilenet_v2 fold.yaml "${counts[@]}"
grep -q 'start of every kernel  *as model.init says  *normal, deviation 0.01$' out.txt
expect 0 'divided by the seed into 5 parts; validated on part 2, trained on the others' "$SISKIN" recipe trace fold.yaml "${counts[@]}"
expect 0 '"fold": 2, "folds": 5' "$SISKIN" recipe trace fold.yaml "${counts[@]}" --json
expect 2 'expected a fold of 2 to 1000' "$SISKIN" recipe trace fold.yaml data.fold=6/5 "${counts[@]}"

printf 'base: %s\nlayer_decay: 0.75\n' "$SOURCE_ROOT/recipes/imagenet/convnext_tiny" >lr.yaml

# What becomes of other people's settings, each of them: a golden text for each source. Two made-up mistakes are told.
imports=$SOURCE_ROOT/tests/fixtures/train/import
for file in "$imports"/*; do
    name=$(basename "${file%.*}")
    golden "import_$name.txt" import "$file" -o "$name.yaml"
    expect 0 'schedule.lr' "$SISKIN" recipe show "$name.yaml" --set
done
expect 0 'unmapped --lr-warmpu=5: this source has no such setting' "$SISKIN" recipe import -- train.py --model resnet50 --wd 1e-4 --lr-step-size 30 --lr-warmpu=5
expect 2 'the settings do not say whose they are' "$SISKIN" recipe import -- train.py --model resnet50
expect 0 'mapped   batch_size=64 -> batch_size 64' "$SISKIN" recipe import --from torchvision -- train.py --batch-size 64
expect 0 'epochs: 3' "$SISKIN" recipe import --from torchvision epochs=3 -- train.py --batch-size 64
expect 0 'mapped   layer_decay=0.75 -> layer_decay_min_scale 0.1, layer_decay 0.75' "$SISKIN" recipe import --from timm -- train.py --model convnext_tiny --layer-decay 0.75 --layer-decay-min-scale 0.1
expect 0 'features.7.2.block.5.weight                      0.75       layer 18' "$SISKIN" recipe trace imagenet/convnext_tiny layer_decay=0.75 --images 1281167 --val-images 50000
expect 0 '0.004228 at the first of 20 layers, 1 at the last, 0.75 between two' "$SISKIN" recipe diff imagenet/convnext_tiny lr.yaml --images 1281167 --val-images 50000
expect 2 'layer_decay_min_scale: set, but layer_decay is 1' "$SISKIN" recipe trace imagenet/convnext_tiny layer_decay_min_scale=0.5 --images 1281167
expect 0 'schedule.name cosine, schedule.unit epoch, schedule.decay_from zero, schedule.end_lr 0, schedule.cycles 2, schedule.cycle_decay 0.5, schedule.cooldown_epochs 10' \
    "$SISKIN" recipe import --from timm -- train.py --epochs 100 --cooldown-epochs 10 --lr-cycle-limit 2
expect 0 'mapped   epochs=100 -> epochs 210' "$SISKIN" recipe import --from timm -- train.py --epochs 100 --cooldown-epochs 10 --lr-cycle-limit 2
expect 0 'schedule.warmup_form constant, schedule.warmup_epochs 5, schedule.warmup_init 0.005' "$SISKIN" recipe import --from torchvision -- train.py --lr 0.5 --lr-warmup-epochs 5
expect 0 'schedule.cycle_decay: set, but not read by this cosine schedule' "$SISKIN" recipe lint imagenet/convnext_tiny schedule.cycle_decay=0.5
expect 0 'augment.policy augmix, augment.augmix.severity 5' "$SISKIN" recipe import --from torchvision -- train.py --auto-augment augmix --augmix-severity 5
expect 0 'mix.of timm, mix.rounding uint8, mix.mixup 0.8' "$SISKIN" recipe import --from timm -- train.py --mixup 0.8
expect 0 'mix.of timm, mix.rounding none, mix.mixup 0.8' "$SISKIN" recipe import --from timm -- train.py --mixup 0.8 --no-prefetcher
expect 0 'data.label_offset 1, model.num_classes 1001' "$SISKIN" recipe import "$imports/model_garden_mobilenet_v2.yaml"
expect 2 'data.stream repeat_first is about a buffer' "$SISKIN" recipe lint imagenet/mobilenet_v2_author data.shuffle_buffer=0 --images 1281167
expect 2 'timm: lr' "$SISKIN" recipe import --from timm -- train.py --lr=fast

# Each of these is a recipe, or settings to import (NAME.settings.*), that somebody could have written; the lint of its name fires.
for file in "$SOURCE_ROOT"/tests/fixtures/train/lints/*; do
    name=$(basename "$file")
    lint=${name%%.*}
    images=1281167
    [ "$lint" != ema_slow ] || images=9469
    case $name in
    *.settings.*) "$SISKIN" recipe import "$file" --images $images -o lint.yaml -q >/dev/null; file=lint.yaml ;;
    esac
    "$SISKIN" recipe lint "$file" --images $images --val-images 50000 -q >lint.txt 2>&1 || true
    grep "^warning: $lint: " lint.txt >/dev/null || { echo "$lint does not fire for $name:" >&2; cat lint.txt >&2; exit 1; }
done
test "$(ls "$SOURCE_ROOT/tests/fixtures/train/lints" | wc -l)" -ge 10
# None but notes for the recipes that are shipped; mistakes that they reproduce on purpose have their reason.
for name in $("$SISKIN" recipe list -q); do
    images=1281167
    case $name in small/*) images=9469 ;; esac
    "$SISKIN" recipe lint "$name" --images $images --val-images 50000 -q --strict >lint.txt 2>&1 || { echo "$name:" >&2; cat lint.txt >&2; exit 1; }
    if grep lint_ok_idle lint.txt >&2; then echo "$name" >&2; exit 1; fi
done

# A lint of data: classes named 0 ... 10 are not in the order of their numbers.
for class in 0 1 2 10; do
    mkdir -p numbers/train/$class numbers/val/$class
    cp "$SOURCE_ROOT/tests/fixtures/data/pictures/rgb.png" numbers/train/$class/$class.png
    cp "$SOURCE_ROOT/tests/fixtures/data/pictures/grey.jpg" numbers/val/$class/$class.jpg
done
"$SISKIN" data check numbers >check.txt 2>&1 || true
grep "another order" check.txt >/dev/null
grep "behind 10" check.txt >/dev/null

# What is imported and what is shipped were written down apart from each other, and are the same runs.
same() { # SETTINGS RECIPE LINES [ARGUMENT...]: their difference in effect has only these lines
    local settings=$1 recipe=$2 lines=$3
    shift 3
    "$SISKIN" recipe import "$imports/$settings" -o same.yaml -q "$@" >/dev/null
    "$SISKIN" recipe diff same.yaml "$recipe" --images 1281167 --val-images 50000 -q | sed '/^written otherwise/,/^[^ ]/{/^written otherwise/d;/^ /d}' >differs.txt
    if grep -vE "^($lines) " differs.txt; then
        echo "$settings and $recipe differ" >&2
        exit 1
    fi
}
same torchvision_mobilenet_v2.txt imagenet/mobilenet_v2_torchvision_v1 'no difference|no'
same torchvision_resnet50.txt imagenet/resnet50_torchvision_v2 'ema.best'
same model_garden_mobilenet_v2.yaml imagenet/mobilenet_v2_model_garden 'no difference|no'
same timm_mobilenetv3.yaml imagenet/mobilenet_v3_large_timm 'highest learning rate reached|warm-up|moving average of the weights|data.spec|checkpoint.keep' --world 2

# augment.size: trained on 12 pixels a side and evaluated on 16, the losses are those of a run of 12 altogether.
make_idx data
make_recipe
expect 0 'epoch 3/3' "$SISKIN" train tiny.yaml augment.size=12 average.best=2 average.recalibrate=true --out both
expect 0 'epoch 3/3' "$SISKIN" train tiny.yaml preprocess.crop=12 --out small
expect 0 'top-1' "$SISKIN" eval both/best.safetensors --data idx:data
losses() { sed -n '/"kind": *"step"/s/.*"loss": *\([0-9.e-]*\).*/\1/p' "$1/log.jsonl"; }
test -n "$(losses both)"
diff <(losses both) <(losses small) >&2
expect 2 'what is kept of a frozen part is of one size' "$SISKIN" train tiny.yaml augment.size=12 freeze=features.0 --out other
