#!/bin/bash
# Prints what passed its budget: functions of more than 60 lines (kernels are exempt), files of more than 600,
# a public header of more than 300. It never fails: each name on the list needs a reason in review.
# SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "${SOURCE_ROOT:-.}"

git ls-files -co --exclude-standard 'src/*.[ch]' 'tests/*.[ch]' 'examples/*.c' | while read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 600 ] || echo "file $file: $lines lines (600)"
done
lines=$(wc -l <include/siskin.h)
[ "$lines" -le 300 ] || echo "file include/siskin.h: $lines lines (300)"

# With clang-format's layout a function begins at column 1, ends with a brace there, and has its name before "(".
git ls-files -co --exclude-standard 'src/*.c' 'tests/*.c' 'examples/*.c' | grep -v '^src/kernels/' | while read -r file; do
    awk -v file="$file" '
        /^[A-Za-z_].*\(/ && !/;$/ { start = FNR; name = $0; sub(/\(.*/, "", name); sub(/.*[ *]/, "", name) }
        /^}/ { if (start && FNR - start + 1 > 60) printf "function %s in %s: %d lines (60)\n", name, file, FNR - start + 1; start = 0 }
    ' "$file"
done

# Identical blocks: any 12 lines of code that occur twice in src/.
git ls-files -co --exclude-standard 'src/*.c' | xargs awk '
    FNR == 1 { delete window }
    { line = $0; gsub(/[ \t]+/, " ", line) }
    {
        for (i = 0; i < 11; i++) window[i] = window[i + 1]
        window[11] = line
        if (FNR < 12) next
        block = ""
        for (i = 0; i < 12; i++) block = block window[i] "\n"
        if (length(block) < 240) next
        if (block in seen && FNR > quiet) { printf "12 lines twice: %s:%d and %s\n", FILENAME, FNR - 11, seen[block]; quiet = FNR + 12 }
        if (!(block in seen)) seen[block] = FILENAME ":" (FNR - 11)
    }
    FNR == 1 { quiet = 0 }'
