#!/bin/bash
# Help: every verb is listed, explains its options, and answers JSON; the version.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"

expect 0 'siskin 0.1.0' "$SISKIN" version
expect 0 '{"version": "0.1.0"}' "$SISKIN" version --json
expect 0 'siskin VERB [ARGUMENT ...]' "$SISKIN" help
expect 2 'say what to do' "$SISKIN"
verbs=$("$SISKIN" help --json | sed 's/.*\[\(.*\)\].*/\1/; s/[",]//g')
for verb in train resume eval predict explain run import export recipe data summary bench models doctor version help; do
    grep -qw "$verb" <<<"$verbs"
done
for verb in $verbs; do
    expect 0 "siskin $verb" "$SISKIN" "$verb" --help
    for option in --help --json --threads --seed --quiet; do grep -q -- "$option" out.txt; done
    cp out.txt by_option.txt
    expect 0 "siskin $verb" "$SISKIN" help "$verb"
    diff out.txt by_option.txt
done

cat >expected.txt <<'TEXT'
siskin export MODEL|RUN -o FILE.pth|FILE.safetensors|FILE.onnx
Write a model's weights under torchvision's names, or the model as ONNX.

  -o, --out FILE             FILE.pth, FILE.safetensors or FILE.onnx.
      --weights NAME         Of a run: best, last, best_ema, last_ema or average; by default its best.
      --batch N              ONNX: a fixed batch; otherwise its size stays open.
      --no-fold-norm         ONNX: keep batch-norms as nodes; otherwise they go into the weights.
      --softmax              ONNX: a second output, the probabilities.
      --preprocess           ONNX: u8 (N,H,W,C) of the crop's size in; the normalisation alone is inside.
  -h, --help                 Show this help.
      --json                 Answer with one JSON object on standard output.
  -q, --quiet                Only results and errors.
      --threads N            Compute threads; by default one for each core.
      --seed N               The number that all randomness follows from.
      --device cpu           Where to compute; this version knows cpu alone.
TEXT
"$SISKIN" export --help | diff expected.txt -

# The published counts.
expect 0 '"parameters": 3504872, "batch_statistics": 34112, "parameters_and_statistics": 3538984' "$SISKIN" summary mobilenet_v2 --json
expect 0 '3504872 parameters' "$SISKIN" models
expect 0 '300774272 multiply-adds' "$SISKIN" summary mobilenet_v2
expect 0 '{"name": "imagenet/mobilenet_v2"}' "$SISKIN" recipe list --json
