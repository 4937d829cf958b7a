// report.html: one file, no request, readable with scripts off. Pictures are inline SVG in the page's own colours; a script at
// the end makes them live.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import zlib from 'node:zlib';

import { bundle } from './bundle.js';
import { cardsHtml } from './cards.js';
import { plotsPath } from './files.js';
import { escapeHtml, list } from './format.js';
import { DELIVERIES, compareRows, customProperties, pageColours } from './identity.js';
import { METRICS, groupsOf, provenance, sentence } from './model.js';
import { inline } from './svg.js';
import { cellsTable, verdictsTable } from './tables.js';
import { HELP, METHOD, READING } from './words.js';

export const LIMIT_BYTES = 2 * 1000 * 1000;
const WIDE = 940;
const NARROW = 350;
const SHORT = {
  which: 'Which',
  tail: 'Tail',
  load: 'Load',
  throughput: 'Throughput',
  intervals: 'Intervals',
  bytes: 'Bytes',
  connection: 'Connection',
  verdicts: 'Verdicts',
  cells: 'Numbers',
  reading: 'How to read',
  method: 'Method',
  raw: 'Data',
};
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

// JSON that cannot end the script element it stands in.
export function safeJson(value) {
  return JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029');
}

function htmlTable({ head, rows }, caption) {
  const cells = (row) =>
    row
      .map((cell, i) => (i === 0 ? `<th scope="row">${escapeHtml(cell)}</th>` : `<td>${escapeHtml(cell)}</td>`))
      .join('');
  return (
    `<div class="scroll" tabindex="0" role="group" aria-label="${escapeHtml(caption)}"><table><thead><tr>${head.map((h) => `<th scope="col">${escapeHtml(h)}</th>`).join('')}</tr></thead>` +
    `<tbody>${rows.map((row) => `<tr>${cells(row)}</tr>`).join('\n')}</tbody></table></div>`
  );
}

const drawn = new WeakMap(); // a page that has to shrink is put together several times, its pictures are drawn once

function picture(chart, data, width, suffix) {
  if (!drawn.has(data)) drawn.set(data, {});
  return (drawn.get(data)[suffix] ??= inline(chart, data, width, pageColours, suffix));
}

function figure(chart, data, index, narrow) {
  const title = chart.title(data);
  const pictures =
    `<div class="wide">${picture(chart, data, WIDE, 'w')}</div>` +
    (narrow ? `<div class="narrow">${picture(chart, data, NARROW, 'n')}</div>` : '');
  return `<figure id="${data.id}" data-chart="${chart.name}" data-index="${index}">
<figcaption>${data.label ? `<p class="kicker">${escapeHtml(data.label)}</p>` : ''}<h3>${escapeHtml(title)}</h3></figcaption>
<div class="picture${narrow ? '' : ' one'}" role="img" aria-label="${escapeHtml(title)}">${pictures}</div>
<p class="conditions">${escapeHtml(chart.subtitle(data))}</p>
<details><summary>Numbers <span class="of">of: ${escapeHtml(title)}</span></summary>${htmlTable(chart.table(data), title)}</details>
</figure>`;
}

// One stack's heat map: the first metric is drawn, the others are numbers until a script draws them.
function whichFigures(chart, list_, narrow) {
  return [...new Set(list_.map((data) => data.stack))]
    .map((stack) => {
      const choices = list_.map((data, index) => ({ data, index })).filter(({ data }) => data.stack === stack);
      const [first, ...others] = choices;
      const buttons = choices.map(
        ({ data, index }) =>
          `<button type="button" role="radio" aria-checked="${data === first.data}" tabindex="${data === first.data ? 0 : -1}" data-which="${index}" data-metric="${data.metric}">${escapeHtml(METRICS[data.metric].label)}</button>`,
      );
      const html = figure(chart, first.data, first.index, narrow);
      const rest = others.map(
        ({ data }) =>
          `<details class="twin"><summary>${escapeHtml(chart.title(data))}</summary>${htmlTable(chart.table(data), chart.title(data))}</details>`,
      );
      const heading = stack === 'native' ? '' : `<h3 class="stack">Stack: ${escapeHtml(stack)}</h3>`;
      return `<div class="which" data-stack="${escapeHtml(stack)}">${heading}<div class="metrics script-only" role="radiogroup" aria-label="metric">${buttons.join('')}</div>${html}<div class="others">${rest.join('\n')}</div></div>`;
    })
    .join('\n');
}

function section(id, heading, content) {
  return `<section id="${id}" aria-labelledby="${id}-heading"><h2 id="${id}-heading">${escapeHtml(heading)}</h2>\n${content}\n</section>`;
}

function header(results) {
  const { suite, tool, machine } = results;
  const bad = results.cells.filter((cell) => cell.verdict !== 'valid').length;
  const state = [
    results.aborted ? '<strong>interrupted: partial results</strong>' : '',
    bad
      ? `<strong>${bad} of ${results.cells.length} cells are not valid</strong> and win nothing`
      : `all ${results.cells.length} cells valid`,
  ]
    .filter(Boolean)
    .join(' · ');
  const rows = [...new Set(results.cells.map((cell) => cell.row))].sort(compareRows);
  const workloads = [...new Set(results.cells.map((cell) => cell.workload))];
  return `<header><div class="top"><p class="brand">dragstrip</p><button type="button" id="theme" class="script-only" aria-pressed="false">dark</button><button type="button" id="help-open" class="script-only" aria-haspopup="dialog">keys</button></div>
<h1>Which transport, and at what price?</h1>
<p class="facts">${rows.length} rows over ${escapeHtml(list(workloads))} · suite <b>${escapeHtml(suite.name)}</b>, ${suite.rounds} ${suite.rounds === 1 ? 'round' : 'rounds'} · ${state} · machine fitness <b>${escapeHtml(machine.fitness ?? 'not judged')}</b> · <span class="whole">${escapeHtml(results.created_utc)}</span> · commit ${escapeHtml(tool.commit.slice(0, 8) || 'unknown')}${tool.dirty ? ' with changes' : ''}</p>
<p class="facts">${escapeHtml([provenance(results).split(' · ')[0], machine.virtualization === 'none' ? '' : machine.virtualization].filter(Boolean).join(', '))} · again: <code>${escapeHtml(suite.command)}</code></p></header>`;
}

function chips(results) {
  const rows = [...new Set(results.cells.map((cell) => cell.row))].sort(compareRows);
  return `<div class="chips script-only" role="group" aria-label="rows shown in colour"><span>mute a row in all charts:</span>${rows.map((row) => `<button type="button" aria-pressed="true" data-row="${escapeHtml(row)}">${escapeHtml(row)}</button>`).join('')}</div>`;
}

// Copies of the file, each with less in it, and what to say about it.
export function embeddable(results) {
  const without = (run, keys) => Object.fromEntries(Object.entries(run).filter(([key]) => !keys.includes(key)));
  const bare = (summary) => summary && without(summary, ['histogram']);
  const slim = (run) => ({
    ...run,
    latency_ns: bare(run.latency_ns),
    service_ns: bare(run.service_ns),
    slip_ns: bare(run.slip_ns),
    connect_ns: run.connect_ns && Object.fromEntries(Object.entries(run.connect_ns).map(([k, v]) => [k, bare(v)])),
  });
  const per = (change) => ({
    ...results,
    cells: results.cells.map((cell) => ({ ...cell, runs: cell.runs.map(change) })),
  });
  return [
    { copy: per(slim), left_out: 'the histograms' },
    {
      copy: per((run) => without(slim(run), ['seconds', 'slip_ns', 'service_ns', 'calls', 'publishes', 'deliveries'])),
      left_out: 'the histograms and some details of every run',
    },
    {
      copy: per((run) => ({
        round: run.round,
        verdict: run.verdict,
        scheduled: run.scheduled,
        outcomes: run.outcomes,
      })),
      left_out: 'all of a run but its outcomes',
    },
    {
      copy: { ...results, cells: results.cells.map((cell) => ({ ...cell, runs: [] })) },
      left_out: 'the runs; the summaries hold one value of each',
    },
  ];
}

function styles() {
  const light = customProperties('light');
  const dark = customProperties('dark');
  const identities = Object.keys(DELIVERIES)
    .map((d) => `.row-${d}{--own:var(--row-${d})}`)
    .join('');
  return (
    `:root{color-scheme:light dark;${light}}\n@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${dark}}}\n:root[data-theme=dark]{color-scheme:dark;${dark}}\n:root[data-theme=light]{color-scheme:light}\n` +
    `@media print{:root:root{${light}}}\n` +
    `@media (forced-colors:active){:root:root{--text:CanvasText;--muted:CanvasText;--line:GrayText;--surface:Canvas;--stripe:Canvas}}\n${identities}\n` +
    fs.readFileSync(plotsPath('page', 'style.css'), 'utf8')
  );
}

// Compressed, since it is half of the page otherwise; page/library.js unpacks it. A browser that cannot keeps the pictures.
function library() {
  const file = createRequire(import.meta.url).resolve('echarts/dist/echarts.min.js');
  return zlib.gzipSync(fs.readFileSync(file), { level: 9 }).toString('base64');
}

function assemble(results, figures, { narrow, raw, scripts }) {
  const byName = Object.fromEntries(figures.map((figure_) => [figure_.chart.name, figure_]));
  const ids = new Set(figures.flatMap(({ list: all }) => all.map((data) => data.id)));
  const sections = [];
  const nav = [];
  const add = (id, heading, content) => {
    nav.push(`<a href="#${id}">${escapeHtml(SHORT[id] ?? heading)}</a>`);
    sections.push(section(id, heading, content));
  };
  const { which } = byName;
  if (which.list.length)
    add('which', which.chart.question, whichFigures(which.chart, which.list, narrow('which')) + chips(results));
  for (const { chart, list: all } of figures) {
    if (chart.name === 'which' || all.length === 0) continue;
    add(chart.name, chart.question, all.map((data, i) => figure(chart, data, i, narrow(chart.name))).join('\n'));
  }
  const groups = groupsOf(results);
  add('verdicts', 'Every verdict', verdictsTable(groups, sentence));
  add('cells', 'Every number', cellsTable(groups));
  add('reading', 'How to read this', READING);
  add('method', 'Method and limits', METHOD);
  add(
    'raw',
    'Raw data',
    `<p>The results file without ${escapeHtml(raw.left_out)}. <button type="button" id="download" class="script-only">Save as JSON</button></p>
<details><summary>The suite, as it was read</summary><pre tabindex="0">${escapeHtml(results.suite.text)}</pre></details>
<p class="facts">${escapeHtml(
      Object.entries(results.libraries)
        .map(([name, version]) => `${name} ${version}`)
        .join(' · '),
    )} · ${escapeHtml(`${results.tool.compiler} ${results.tool.flags}`)}</p>`,
  );
  const live = { charts: figures.map(({ chart, list: all }) => ({ name: chart.name, list: all })) };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>dragstrip: ${escapeHtml(results.suite.name)}, ${escapeHtml(results.created_utc)}</title>
<style>${styles()}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the verdicts</a>
${header(results)}
<main id="main">
<section aria-labelledby="cards-heading"><h2 id="cards-heading" class="quiet">Verdicts</h2>
${cardsHtml(results, figures, ids)}
</section>
<nav aria-label="sections">${nav.join('\n')}</nav>
${sections.join('\n')}
</main>
<footer><p>Made by <code>dragstrip report</code> from one results file; opens without a network.</p></footer>
<p class="quiet" id="live" aria-live="polite"></p>
<dialog id="help" aria-labelledby="help-title">${HELP}<form method="dialog"><button>close</button></form></dialog>
<script type="application/json" id="results">${safeJson(raw.copy)}</script>
<script type="application/json" id="charts">${safeJson(live)}</script>
<script type="application/gzip" id="library">${scripts.library}</script>
<script>${scripts.page}</script>
</body>
</html>
`;
}

// The fullest page that fits: first less of the raw data, then narrow pictures only where they are needed most.
export function page(results, figures) {
  const scripts = {
    library: library(),
    page: bundle('page/app.js')
      .replace(/<\/script/gi, '<\\/script')
      .replace(/<!--/g, '<\\!--'),
  };
  let html = '';
  for (const narrow of [
    () => true,
    (name) => name !== 'intervals' && name !== 'connection',
    (name) => name === 'which',
    () => false,
  ]) {
    for (const raw of embeddable(results)) {
      html = assemble(results, figures, { narrow, raw, scripts });
      if (Buffer.byteLength(html) <= LIMIT_BYTES) return html;
    }
  }
  return html;
}
