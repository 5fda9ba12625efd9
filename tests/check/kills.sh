#!/bin/bash
# kills.sh [N]: kill -9 a training run at N random moments (100 by default) and resume it; the final weights have
# the SHA-256 of a run that was never killed. Every step writes a checkpoint, so many kills hit one being written.
# SPDX-License-Identifier: Apache-2.0
kills=${1:-100}
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe
sed -i 's/^epochs: .*/epochs: 12/' tiny.yaml

begin=$(date +%s%N)
"$SISKIN" train tiny.yaml --out whole -q >/dev/null
took_ms=$((($(date +%s%N) - begin) / 1000000))
last=$(sha whole/last.safetensors)
best=$(sha whole/best.safetensors)

killed=0 runs=0 writing=0
while [ "$killed" -lt "$kills" ]; do
    run=run$runs
    runs=$((runs + 1))
    while [ ! -e "$run/last.safetensors" ] || ! "$SISKIN" resume "$run" 2>&1 | grep -q 'is finished'; do
        if [ -e "$run/recipe.yaml" ]; then
            "$SISKIN" resume "$run" -q >/dev/null 2>&1 &
        else
            rm -rf "$run"
            "$SISKIN" train tiny.yaml --out "$run" -q >/dev/null 2>&1 &
        fi
        pid=$!
        { # the shell's own word on a killed child is not wanted
        if [ "$killed" -lt "$kills" ]; then
            ms=$((RANDOM % (took_ms + 1)))
            sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"
            if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
            ls -A "$run/checkpoints" 2>/dev/null | grep -q '^\.' && writing=$((writing + 1)) || true
        fi
        wait $pid || true
        } 2>/dev/null
    done
    [ "$(sha "$run/last.safetensors")" = "$last" ] || { echo "$run ended with other weights" >&2; exit 1; }
    [ "$(sha "$run/best.safetensors")" = "$best" ] || { echo "$run ended with another best model" >&2; exit 1; }
    [ "$(wc -l <"$run/log.jsonl")" = "$(wc -l <whole/log.jsonl)" ] || { echo "$run has another log" >&2; exit 1; }
    rm -rf "$run"
done
echo "$killed kills in $runs runs, $writing of them while a checkpoint was written: always the same weights"
