#!/bin/bash
# A run's length: looked at before (--dry-run), changed afterwards (extend).
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
make_idx data
make_recipe

# A dry run says what the whole would take, and leaves nothing.
expect 0 'all 6 steps with 3 evaluations take' "$SISKIN" train tiny.yaml --dry-run --out dry
[ ! -e dry ] && [ ! -e runs ]
expect 0 '"total_steps": 6' "$SISKIN" train tiny.yaml --dry-run --json
expect 0 '20 optimizer steps timed' "$SISKIN" train tiny.yaml epochs=40 --dry-run

# Where the schedule does not look at the length, a longer run is what it would have been from the start, to the last bit.
"$SISKIN" train tiny.yaml schedule.name=constant epochs=5 --out five -q >/dev/null
"$SISKIN" train tiny.yaml schedule.name=constant --out three -q >/dev/null
expect 0 'all 6 steps so far would have had the same rates' "$SISKIN" extend three epochs=5
grep -q '^epochs: 5' three/recipe.yaml
grep -q '"epochs_before": 3, "epochs_after": 5, "epochs_done": 3, "step": 6' three/extended.jsonl
expect 0 'epoch 5/5' "$SISKIN" resume three
[ "$(sha five/last.safetensors)" = "$(sha three/last.safetensors)" ]

# Where it does, that is said; --look writes nothing.
"$SISKIN" train tiny.yaml --out cosine -q >/dev/null
before=$(sha cosine/recipe.yaml)
expect 0 'of the 6 steps so far would have had another rate' "$SISKIN" extend cosine epochs=6 --look
[ "$(sha cosine/recipe.yaml)" = "$before" ] && [ ! -e cosine/extended.jsonl ]
expect 0 '"written": true' "$SISKIN" extend cosine epochs=6 --json
expect 0 'epoch 6/6' "$SISKIN" resume cosine

# What cannot be.
expect 2 'has already trained 6 epochs' "$SISKIN" extend cosine epochs=2
expect 2 'is meant to have 6 epochs already' "$SISKIN" extend cosine epochs=6
expect 2 'and nothing else' "$SISKIN" extend cosine seed=3
expect 2 'expected a whole number' "$SISKIN" extend cosine epochs=many
expect 1 'there is no run' "$SISKIN" extend nowhere epochs=6
