// The two big tables of the page: every claim, and every cell.

import { atLeast, escapeHtml } from './format.js';
import { METRICS, formatMetric, stat } from './model.js';

const COLUMNS = [
  'p50_ns',
  'p99_ns',
  'p999_ns',
  'throughput_per_s',
  'bytes_per_op',
  'server_cpu_ns_per_op',
  'client_cpu_ns_per_op',
  'server_bytes_per_connection',
  'connect_first_message_p50_ns',
];
const KINDS = { win: 'win', tie: 'tie', no_claim: 'no claim' };

export function verdictsTable(groups, sentence) {
  const rows = groups.flatMap((group) =>
    Object.values(group.claims).map(
      (claim, i) =>
        `<tr><th scope="row">${i === 0 ? escapeHtml(group.label) : `<span class="again">${escapeHtml(group.label)}</span>`}</th>` +
        `<td>${escapeHtml(METRICS[claim.metric]?.label ?? claim.metric)}</td><td class="kind-${claim.kind}">${KINDS[claim.kind]}</td><td class="words" data-group="${escapeHtml(group.key)}" data-metric="${escapeHtml(claim.metric)}">${escapeHtml(sentence(claim))}</td></tr>`,
    ),
  );
  if (rows.length === 0) return '<p>The results file makes no claim.</p>';
  return `<div class="scroll" tabindex="0" role="group" aria-label="every verdict"><table class="verdicts"><thead><tr><th scope="col">group</th><th scope="col">metric</th><th scope="col">verdict</th><th scope="col">in words</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function numberCell(cell, key) {
  const s = stat(cell, key);
  if (!s) return '<td data-value="">–</td>';
  const title = `${formatMetric(key, s.low)} to ${formatMetric(key, s.high)}, ${s.n} runs`;
  return `<td data-value="${s.median}" title="${escapeHtml(title)}">${atLeast(s.lower_bound)}${escapeHtml(formatMetric(key, s.median))}</td>`;
}

// What the load generator takes itself, with a peer that takes no time (docs/results.md): one measurement, no interval.
const FLOORS = { 'floor p50': 'p50_ns', 'floor p99': 'p99_ns', 'floor CPU': 'client_cpu_ns_per_op' };

function floorCell(cell, key) {
  const value = cell.floor?.[key] ?? null;
  if (value === null) return '<td data-value="">–</td>';
  return `<td data-value="${value}" title="the generator alone">${escapeHtml(formatMetric(key, value))}</td>`;
}

export function cellsTable(groups) {
  const heads = [
    'group',
    'row',
    'verdict',
    'runs',
    ...COLUMNS.map((key) => METRICS[key].label),
    ...Object.keys(FLOORS),
  ];
  const rows = groups.flatMap((group) =>
    group.cells.map(
      (cell) =>
        `<tr class="${cell.verdict === 'valid' ? '' : 'unfit'}"><th scope="row">${escapeHtml(group.label)}</th><td>${escapeHtml(cell.row)}</td>` +
        `<td title="${escapeHtml(cell.reasons.map((r) => r.text).join('; '))}">${cell.verdict}</td><td data-value="${cell.runs.length}">${cell.runs.length}</td>${COLUMNS.map((key) => numberCell(cell, key)).join('')}${Object.values(
          FLOORS,
        )
          .map((key) => floorCell(cell, key))
          .join('')}</tr>`,
    ),
  );
  const reasons = groups.flatMap((group) =>
    group.cells
      .filter((cell) => cell.verdict !== 'valid')
      .map(
        (cell) =>
          `<li>${escapeHtml(cell.id)} is ${cell.verdict}: ${escapeHtml(cell.reasons.map((r) => r.text).join('; ') || 'no reason was recorded')}</li>`,
      ),
  );
  const why = reasons.length
    ? `<details><summary>Why ${reasons.length} ${reasons.length === 1 ? 'cell is' : 'cells are'} not valid</summary><ul>${reasons.join('\n')}</ul></details>`
    : '';
  return `<p class="tools script-only"><label>show <input type="search" id="filter" placeholder="feed sse" autocomplete="off"></label> <button type="button" data-copy="csv">Copy as CSV</button> <button type="button" data-copy="md">Copy as Markdown</button></p>
<div class="scroll" tabindex="0" role="group" aria-label="every number"><table id="every"><thead><tr>${heads.map((h) => `<th scope="col" aria-sort="none">${escapeHtml(h)}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>${why}`;
}
