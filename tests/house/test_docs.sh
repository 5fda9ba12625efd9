#!/bin/bash
# Every `file:function` and every path that the documents name exists: a tour past houses that are gone is worse than none.
#
# Names stand in backticks. A function counts where the file defines it, or pastes its level to it with KERNEL_NAME or
# its number type with NAMED. The same check then runs on a document that is wrong. SPDX-License-Identifier: Apache-2.0
set -euo pipefail
cd "${SOURCE_ROOT:?}"

# defined FILE FUNCTION: a line that begins in column 1, holds the name before "(", and is no prototype.
defined() {
    grep -E "^[A-Za-z_].*([ *]|KERNEL_NAME\(|NAMED\()$2\)?\(" "$1" | grep -qvE ';[[:space:]]*(/\*.*)?$'
}

# check DOCUMENT...: prints one line a name that leads nowhere.
check() {
    local name file
    grep -ohE '`[^` ]+`' "$@" | tr -d '`' | sort -u | while read -r name; do
        case $name in
        *'*'* | *'<'* | *'{'* | *\|*) continue ;; # a pattern, not a name
        src/*.[ch]:* | src/*.def:*)
            file=${name%%:*}
            if [ ! -f "$file" ]; then echo "$name: there is no such file"
            elif ! defined "$file" "${name#*:}"; then echo "$name: the file defines no such function"; fi
            ;;
        src/* | tests/* | include/* | docs/* | recipes/* | cmake/* | bench/*)
            [ -e "$name" ] || echo "$name: there is no such file"
            ;;
        *.def | *.md | *_*.h)
            [ -n "$(find src docs tests include -name "${name##*/}" -print -quit)" ] || echo "$name: there is no such file"
            ;;
        esac
    done
}

bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
cat >"$bad" <<'END'
`src/base/nowhere.c:f` `src/base/arena.c:arena_burn` `src/base/arena.c:arena_alloc` `tests/nowhere` `nowhere.def`
`src/plan/gradient.c:gradients_plain` `src/kernels/matmul.c:matmul` `src/base/arena.h:arena_alloc` `src/ops/<name>.c`
END
found=$(check "$bad" | sort)
want='nowhere.def: there is no such file
src/base/arena.c:arena_burn: the file defines no such function
src/base/arena.h:arena_alloc: the file defines no such function
src/base/nowhere.c:f: there is no such file
src/plan/gradient.c:gradients_plain: the file defines no such function
tests/nowhere: there is no such file'
if [ "$found" != "$(sort <<<"$want")" ]; then
    echo "the check itself is broken; it found:" >&2
    echo "$found" >&2
    exit 1
fi

found=$(check docs/*.md)
if [ -n "$found" ]; then
    echo "$found"
    exit 1
fi
stops=$(grep -c '^## [0-9]' docs/tour.md)
names=$(grep -oE '`src/[^` ]+:[a-z_0-9]+`' docs/tour.md | sort -u | wc -l)
lines=$(wc -l <docs/architecture.md)
if [ "$stops" != 10 ] || [ "$names" -lt 30 ] || [ "$lines" -gt 200 ]; then
    echo "docs: $stops stops (10), $names functions (30 or more), $lines lines of architecture (at most 200)"
    exit 1
fi
