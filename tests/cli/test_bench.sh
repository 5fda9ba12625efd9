#!/bin/bash
# bench: rates of a small network, the bound that its steps add up to, and a row for each step.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

expect 0 '% of the bound: ' "$SISKIN" bench mobilenet_v3_small model.input_size=64 --seconds 1 --threads 2
"$SISKIN" bench mobilenet_v3_small model.input_size=64 --seconds 1 --threads 1 --layers --json >answer.json
grep -qE '"bound_share": [0-9.e-]*[1-9]' answer.json
grep -q '"op": "fused_inverted_residual"' answer.json
