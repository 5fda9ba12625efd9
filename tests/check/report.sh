#!/bin/bash
# report.sh: a run's page in a browser: what its DOM says equals log.jsonl and eval's answer to the last digit, curves lie where
# their numbers say, nothing is asked of the network, the console stays silent. Needs chromium; says so where it is missing.
# SPDX-License-Identifier: Apache-2.0
. "${SOURCE_ROOT:?}/tests/cli/tools.sh"
browser=$(command -v chromium || command -v google-chrome || true)
[ -n "$browser" ] || { echo "not run here: no chromium"; exit 0; }
make_idx data
make_recipe
printf 'ema: {form: tf, decay: 0.9}\n' >>tiny.yaml
"$SISKIN" train tiny.yaml --out run -q >/dev/null
"$SISKIN" eval run --json >eval.json

# The page, and a probe behind it that compares and writes its verdict.
{
    cat run/report.html
    printf '<script>const log=['
    paste -sd, run/log.jsonl
    printf '];const scored='
    cat eval.json
    cat <<'JS'
;
const bad = [];
const same = (what, a, b) => { if (JSON.stringify(a) !== JSON.stringify(b)) bad.push(what + ': ' + JSON.stringify(a) + ' against ' + JSON.stringify(b)); };
const epochs = log.filter(l => l.kind === 'epoch'), steps = log.filter(l => l.kind === 'step');
const perEpoch = epochs.at(-1).step / epochs.at(-1).epoch;
let curves = 0;
for (const c of document.querySelectorAll('#curves .curve')) {
    const name = c.dataset.name, rows = name === 'lr' ? steps : epochs;
    same(name + ' y', JSON.parse(c.dataset.y), rows.map(l => l[name]));
    same(name + ' x', JSON.parse(c.dataset.x), rows.map(l => name === 'lr' ? l.step / perEpoch : l.epoch));
    const d = c.closest('svg').dataset, xs = JSON.parse(c.dataset.x), ys = JSON.parse(c.dataset.y);
    const points = c.getAttribute('d').slice(1).replace(/h0\.1$/, '').split(/[LM]/).map(p => p.split(' ').map(Number));
    points.forEach((p, i) => {
        const x = +d.xLow + (p[0] - d.left) / (d.right - d.left) * (d.xHigh - d.xLow);
        const y = +d.yHigh - (p[1] - d.top) / (d.bottom - d.top) * (d.yHigh - d.yLow);
        if (Math.abs(x - xs[i]) > (d.xHigh - d.xLow) / 1e4 || Math.abs(y - ys[i]) > (d.yHigh - d.yLow) / 1e4) bad.push(name + ': point ' + i + ' lies elsewhere');
    });
    curves++;
}
same('curves', curves, 8);
const a = document.getElementById('accuracy').dataset;
same('accuracy', [+a.top1, +a.low, +a.high, +a.images], [scored.top1, scored.interval95[0], scored.interval95[1], scored.images]);
same('requests', performance.getEntriesByType('resource').length, 0);
document.title = bad.length ? 'PROBE FAILED ' + bad.join('; ') : 'PROBE PASSED ' + curves + ' curves';
</script>
JS
} >page.html

timeout 300 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$work/profile" --enable-logging=stderr \
    --dump-dom "file://$work/page.html" >dom.html 2>console.txt
if grep -a 'CONSOLE' console.txt; then echo "the page speaks on the console" >&2; exit 1; fi
grep -ao '<title>PROBE [^<]*' dom.html | sed 's/<title>//'
grep -qa '<title>PROBE PASSED' dom.html
