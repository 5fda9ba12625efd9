#!/bin/bash
# networks.sh: the logits of every network and variant, the largest ones too, by the engine and by reference.
# SPDX-License-Identifier: Apache-2.0
set -e
tests=$(dirname "${SISKIN:?}")/tests
SISKIN_LONG=1 "$tests/test_families"
SISKIN_LONG=1 "$tests/test_parity"
