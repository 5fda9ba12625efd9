#!/bin/bash
# summary: MobileNetV2's table word for word; sizes, batches, what is frozen, and what a family has to say.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

# The peak depends on the machine's kernels, everything else does not.
"$SISKIN" summary mobilenet_v2 | grep -v '^activations at their peak' >table.txt
diff "${FIXTURES:?}/cli/summary_mobilenet_v2.txt" table.txt

expect 0 'mobilenet_v2, input 192 x 192 x 3, batch 4' "$SISKIN" summary mobilenet_v2 --size 192 --batch 4
grep -q '^885266432 multiply-adds$' out.txt
expect 2 '--size 0: expected a whole number' "$SISKIN" summary mobilenet_v2 --size 0
expect 0 '1281000 trainable, 2223872 frozen' "$SISKIN" summary mobilenet_v2 freeze=backbone
expect 0 'efficientnet_b3 as published: 1.4, 1.2, 300; the rule at phi 2 gives 1.44, 1.21, 296' \
    "$SISKIN" summary efficientnet_b3
"$SISKIN" summary mobilenet_v2 --json >answer.json
for member in '"parameters": 3504872' '"trainable": 3504872' '"batch_statistics": 34112' '"macs": 300774272' \
    '"activations": 401408, "activation_bytes": 1605632, "sees_all": false, "receptive_field": \[3, 3\], "jump": \[2, 2\]'; do
    grep -q "$member" answer.json
done
