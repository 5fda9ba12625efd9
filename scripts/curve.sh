#!/bin/sh
# curve.sh NAME RUN...: the curve of a run as rows of docs/accuracy.csv, from its log.jsonl (one row an epoch).
#
# docs/accuracy.csv is `scripts/curve.sh small/fashion_mnist build/demo small/fashion_mnist_long runs/long`.
# SPDX-License-Identifier: Apache-2.0
set -eu
echo "recipe,epoch,train_loss,train_top1,val_loss,val_top1,images_per_s"
while [ $# -ge 2 ]; do
    grep '"kind": "epoch"' "$2/log.jsonl" | awk -v name="$1" '
        function number(key,    at) {
            at = index($0, "\"" key "\": ")
            return at ? substr($0, at + length(key) + 4) + 0 : ""
        }
        { printf "%s,%d,%.4f,%.2f,%.4f,%.2f,%.0f\n", name, number("epoch"), number("loss"), number("top1"),
                 number("val_loss"), number("val_top1"), number("images_per_s") }'
    shift 2
done
