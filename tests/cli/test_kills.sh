#!/bin/bash
# Ten kills; `./dev check` makes a hundred. SPDX-License-Identifier: Apache-2.0
exec bash "${SOURCE_ROOT:?}/tests/check/kills.sh" 10
