# tools.sh — what the tests of the command line share: tiny data made by the shell, expectations.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
SISKIN=${SISKIN:?}
SOURCE_ROOT=${SOURCE_ROOT:?}
export SISKIN_RECIPES=$SOURCE_ROOT/recipes
set -E
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'echo "line $LINENO of $0 failed" >&2' ERR
cd "$work"

# make_idx_part DIR PREFIX COUNT SEED: 16 x 16 pictures of 4 classes; a class is a bright quarter of the picture.
make_idx_part() {
    mkdir -p "$1"
    perl -e 'my ($n) = @ARGV; print pack("NN", 0x801, $n), map { chr($_ % 4) } 0 .. $n - 1' "$3" >"$1/$2-labels-idx1-ubyte"
    perl -e 'my ($n, $r) = @ARGV; print pack("NNNN", 0x803, $n, 16, 16);
        for my $i (0 .. $n - 1) { for my $y (0 .. 15) { for my $x (0 .. 15) {
            $r = ($r * 1103515245 + 12345) % 2147483648;
            print chr(($r >> 16) % 90 + (int($y / 8) * 2 + int($x / 8) == $i % 4 ? 120 : 0)) } } }' \
        "$3" "$4" >"$1/$2-images-idx3-ubyte"
}

# make_idx DIR: 64 training and 20 test pictures.
make_idx() {
    make_idx_part "$1" train 64 1
    make_idx_part "$1" t10k 20 2
}

# A recipe that has everything random in it and takes a second: tiny.yaml in the current folder.
make_recipe() {
    cat >tiny.yaml <<'YAML'
epochs: 3
batch_size: 8
accumulate: 3
label_smoothing: 0.1
data: {spec: "idx:data"}
preprocess: {resize: 0, crop: 16, channels: 1, mean: [0.4], std: [0.3]}
augment: {random_resized_crop: {enabled: false}, crop_padding: 2, flip: 0.5}
model: {width_mult: 0.1, stem_stride: 1, dropout: 0.2}
optimizer: {name: rmsprop, momentum: 0.9}
schedule: {name: cosine, lr: 0.002}
eval: {batch_size: 7}
checkpoint: {keep: 3, every_steps: 1}
log: {every: 1}
YAML
}

# expect CODE "text" COMMAND...: exit code, and a text (a fixed string) somewhere in what it prints.
expect() {
    local code=$1 text=$2 found=0
    shift 2
    "$@" >out.txt 2>&1 || found=$?
    if [ "$found" != "$code" ]; then
        echo "exit $found, expected $code: $*" >&2
        cat out.txt >&2
        exit 1
    fi
    if ! grep -qF -- "$text" out.txt; then
        echo "\"$text\" is not in the answer of: $*" >&2
        cat out.txt >&2
        exit 1
    fi
}

sha() {
    sha256sum "$1" | cut -d ' ' -f 1
}
