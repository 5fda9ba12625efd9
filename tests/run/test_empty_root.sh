#!/bin/bash
# The small library as a product ships it: a fully static program, a model and a picture in an otherwise empty
# root, and nothing else; its size is printed and limited. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
LIMIT=$((2 * 1024 * 1024))

program=${BUILD:?}/tests/classify-static
[ -x "$program" ] || { echo "not run here: no static program was built"; exit 77; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

cp "$program" "$root/classify"
strip "$root/classify"
size=$(stat -c %s "$root/classify")
echo "the static program has $size bytes (at most $LIMIT)"
[ "$size" -le "$LIMIT" ]
if command -v file >/dev/null; then file "$root/classify" | grep -q 'statically linked'; fi

# A model file by way of the program itself, and a picture of noise.
"${SISKIN:?}" export mobilenet_v2 model.width_mult=0.25 -o "$root/weights.pth" --quiet >/dev/null
"$SISKIN" import "$root/weights.pth" --model mobilenet_v2 model.width_mult=0.25 -o "$root/model.safetensors" >/dev/null
rm "$root/weights.pth"
{ printf 'P6\n300 260\n255\n'; head -c $((300 * 260 * 3)) <(yes 'a picture of stripes, nothing more'); } >"$root/picture.ppm"

# The same program outside, as a user would run it, says what is to be expected.
"$root/classify" "$root/model.safetensors" "$root/picture.ppm" 1 >"$root.expected"
[ "$(wc -l <"$root.expected")" = 5 ]
if [ "$(id -u)" = 0 ]; then
    chroot "$root" /classify model.safetensors picture.ppm 1 >"$root.found"
elif unshare -r true 2>/dev/null; then
    unshare -r chroot "$root" /classify model.safetensors picture.ppm 1 >"$root.found"
else
    echo "not run here: neither root nor user namespaces"
    exit 77
fi
diff "$root.expected" "$root.found"
rm -f "$root.expected" "$root.found"
