#!/bin/bash
# The rules of the source tree that a machine can check: floors, who allocates, who opens files, unique names.
#
# A file includes only from its own floor or lower ones. The same check then runs on a small tree that
# breaks every rule, so that a check which finds nothing any more is found. SPDX-License-Identifier: Apache-2.0
set -euo pipefail

# Top to bottom; folders in one line share a floor.
FLOORS='cli h5
verbs
run train
eval
augment data
models
files
plan
ops
ir
kernels
base'

# check SRC: prints one line a broken rule.
check() {
    local src=$1
    (cd "$src" && find . -name '*.[ch]' -o -name '*.def' | sed 's|^\./||' | sort) | while read -r file; do
        awk -v file="$file" -v floors="$FLOORS" '
            function floor_of(path) { sub("/.*", "", path); return (path in floor) ? floor[path] : 0 }
            BEGIN {
                n = split(floors, lines, "\n")
                for (i = 1; i <= n; i++) { m = split(lines[i], names, " "); for (k = 1; k <= m; k++) floor[names[k]] = n - i + 1 }
                own = floor_of(file)
                if (!own) printf "%s: its folder is on no floor\n", file
            }
            { gsub(/\/\*([^*]|\*+[^*\/])*\*+\//, "") } # comments of one line
            in_comment { if (!match($0, /\*\//)) next; $0 = substr($0, RSTART + 2); in_comment = 0 }
            match($0, /\/\*/) { in_comment = 1; $0 = substr($0, 1, RSTART - 1) }
            /^#include "/ {
                split($0, part, "\"")
                path = part[2]
                if (path !~ "/") { printf "%s:%d: \"%s\" is not a path from src/\n", file, FNR, path; next }
                there = floor_of(path)
                if (!there) printf "%s:%d: \"%s\" is on no floor\n", file, FNR, path
                if (there > own) printf "%s:%d: \"%s\" is on a higher floor\n", file, FNR, path
                if (file ~ /^cli\// && path !~ /^(cli|base)\//) printf "%s:%d: the program uses <siskin.h> and base/ alone, not \"%s\"\n", file, FNR, path
                next
            }
            { gsub(/"([^"\\]|\\.)*"/, "\"\"") } # texts
            file != "base/arena.c" && /(^|[^A-Za-z0-9_.>])(malloc|calloc|realloc|reallocarray|posix_memalign|aligned_alloc|strdup|strndup|asprintf|free)[ ]*\(/ {
                printf "%s:%d: allocates outside base/arena.c\n", file, FNR }
            file != "base/file.c" && /(^|[^A-Za-z0-9_.>])(open|openat|fopen|creat|freopen|mkstemp)[ ]*\(/ {
                printf "%s:%d: opens a file outside base/file.c\n", file, FNR }
            file !~ /^cli\// && /(^|[^A-Za-z0-9_.>])(printf|puts|exit|abort|perror)[ ]*\(/ {
                printf "%s:%d: the library prints or exits\n", file, FNR }
            file != "base/cpu.c" && file !~ /^kernels\/simd\.h$/ && /^#(if|ifdef|elif) / {
                printf "%s:%d: #if outside base/cpu.c and kernels/simd.h\n", file, FNR }
        ' "$src/$file"
        head -c 3 "$src/$file" | grep "^/\*" >/dev/null || echo "$file: does not open with its purpose"
        head -30 "$src/$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$file: its opening has no SPDX line"
    done
    (cd "$src" && find . -name '*.[ch]') | sed 's|.*/||' | sort | uniq -d | sed 's|$|: this file name occurs twice|'
}

expect() {
    if ! grep -q "$1" <<<"$found"; then
        echo "the check itself is broken: it did not find \"$1\"" >&2
        exit 1
    fi
}

bad=$(mktemp -d)
trap 'rm -rf "$bad"' EXIT
mkdir -p "$bad"/{base,ops,data,cli,odd}
printf '/* x.c. SPDX-License-Identifier: Apache-2.0 */\n#include "ops/op.h"\nint f(void) { return open("x", 0); }\n' >"$bad/base/x.c"
printf '/* x.c. SPDX-License-Identifier: Apache-2.0 */\nvoid *g(void) { return malloc(3); }\n' >"$bad/ops/x.c"
printf '#include "data/data.h"\n#ifdef X\n#endif\n' >"$bad/cli/main.c"
printf '/* y.c */\n#include "z.h"\nvoid h(void) { printf("free(x)"); }\n' >"$bad/data/y.c"
printf '/* fine: malloc(3)\n * open(4) SPDX-License-Identifier: Apache-2.0 */\n#include "base/x.h"\nint i; /* free(x) */ int k = a.free(p);\n' >"$bad/ops/fine.c"
printf '/* o. SPDX-License-Identifier: Apache-2.0 */\n' >"$bad/odd/o.c"
found=$(check "$bad")
expect 'base/x.c:2: "ops/op.h" is on a higher floor'
expect 'base/x.c:3: opens a file'
expect 'ops/x.c:2: allocates'
expect 'x.c: this file name occurs twice'
expect 'cli/main.c:1: the program uses'
expect 'cli/main.c:2: #if outside'
expect 'cli/main.c: does not open with its purpose'
expect 'data/y.c:2: "z.h" is not a path'
expect 'data/y.c:3: the library prints'
expect 'data/y.c: its opening has no SPDX'
expect 'odd/o.c: its folder is on no floor'
if grep -q 'fine.c' <<<"$found"; then
    echo "the check itself is broken: $(grep fine.c <<<"$found")" >&2
    exit 1
fi

# Header guards are the one #if that every header has.
found=$(check "${SOURCE_ROOT:?}/src")
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
