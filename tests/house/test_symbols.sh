#!/bin/bash
# What the libraries show and need: visible symbols begin with sk_, and libsiskin-run needs libc, libm and threads alone.
#
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
run=${BUILD:?}/libsiskin-run.a
all=$BUILD/libsiskin.a

# visible FILE...: global symbols with default visibility that are not public ones.
visible() {
    readelf -sW "$@" 2>/dev/null | awk '$5 == "GLOBAL" && $6 == "DEFAULT" && $7 != "UND" && $8 !~ /^sk_/ {print $8}' | sort -u
}


stray=$(visible "$run" "$all")
if [ -n "$stray" ]; then
    echo "visible symbols that do not begin with sk_:" $stray
    exit 1
fi
# The check itself sees something: without the exception, the public functions are found.
readelf -sW "$run" 2>/dev/null | grep 'DEFAULT .* sk_error$' >/dev/null || { echo "sk_error is not visible"; exit 1; }

# The archives as installed: inner names are local, so that they cannot meet a program's own.
stray=$(nm -g --defined-only "$BUILD/dist/libsiskin-run.a" "$BUILD/dist/libsiskin.a" 2>/dev/null |
    awk 'NF == 3 && $3 !~ /^sk_/ {print $3}' | sort -u)
if [ -n "$stray" ]; then
    echo "global symbols of the installed libraries that do not begin with sk_:" $stray
    exit 1
fi

# Kernels that inference does not need are not in the small library.
full=$(sed -n 's/^FULL_KERNEL(\([a-z0-9_]*\),.*/\1/p' "${SOURCE_ROOT:?}/src/kernels/kernels.def")
[ "$(wc -w <<<"$full")" -ge 20 ] || { echo "kernels.def has no rows FULL_KERNEL"; exit 1; }
stray=$(nm --defined-only "$run" 2>/dev/null | awk 'NF == 3 {print $3}' | grep -xE "($(tr '\n' '|' <<<"$full")kernels_table)_(plain|neon|avx2|avx512)" || true)
if [ -n "$stray" ]; then
    echo "libsiskin-run holds kernels that are libsiskin's alone:" $stray
    exit 1
fi

# Everything that the installed archive needs must come from libc and libm: link it whole, with nothing else.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'int main(void) { return 0; }\n' >"$scratch/main.c"
cc "$scratch/main.c" -Wl,--whole-archive "$BUILD/dist/libsiskin-run.a" -Wl,--no-whole-archive -pthread -lm -o "$scratch/whole"
libraries=$(readelf -d "$scratch/whole" | awk '/NEEDED/ {gsub(/[][]/, "", $5); print $5}' | grep -vE '^(libc|libm|ld-linux.*)\.so' || true)
if [ -n "$libraries" ]; then
    echo "libsiskin-run needs:" $libraries
    exit 1
fi
