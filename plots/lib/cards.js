// The verdict cards: one question each, answered by a claim of the results file or, where it makes none, not at all.

import { escapeHtml, list, ratio } from './format.js';
import { compareRows, deliveryOf } from './identity.js';
import { METRICS, capital, formatMetric, groupsOf, isFloor, sentence, stat } from './model.js';

const QUESTIONS = [
  { metric: 'p99_ns', instead: 'p50_ns', heading: 'Lowest tail', otherwise: 'Lowest latency', chart: 'tail' },
  { metric: 'throughput_per_s', heading: 'Most throughput', chart: 'throughput' },
  { metric: 'server_cpu_ns_per_op', heading: 'Cheapest to serve', chart: 'intervals' },
  {
    metric: 'connect_first_message_p50_ns',
    instead: 'connect_ready_p50_ns',
    heading: 'First message soonest',
    chart: 'connection',
  },
];
const PREFERENCE = ['feed', 'chat', 'rpc', 'connect'];

function rank(group) {
  const place = PREFERENCE.indexOf(group.workload);
  return place === -1 ? PREFERENCE.length : place;
}

// The group that stands for a metric: native before other stacks, then the most typical workload, then the highest load.
function representative(groups, metric) {
  return groups
    .filter((group) => group.claims[metric])
    .sort(
      (a, b) => (a.stack !== 'native') - (b.stack !== 'native') || rank(a) - rank(b) || (b.rate ?? 0) - (a.rate ?? 0),
    )[0];
}

function answer(groups, { metric, instead, heading: wanted, otherwise = wanted, chart }) {
  const key = representative(groups, metric) ? metric : instead;
  const heading = key === metric ? wanted : otherwise;
  const group = key && representative(groups, key);
  if (!group) return null;
  const claim = group.claims[key];
  const decided = claim.kind !== 'no_claim';
  return {
    heading:
      heading.includes('(') || key === 'throughput_per_s' || key.startsWith('connect_first')
        ? heading
        : `${heading} (${METRICS[key].label})`,
    rows: decided ? [...claim.best].sort(compareRows) : [],
    tie: claim.kind === 'tie',
    text: capital(sentence(claim)),
    where: group.label,
    link: `${chart}-${group.slug}`,
  };
}

function fewestBytes(figures) {
  const { chart, list: all } = figures.find((figure) => figure.chart.name === 'bytes');
  const data = all.find((one) => one.stack === 'native') ?? all[0];
  if (!data) return null;
  const { claim } = data;
  const found = /^(.*) takes? the fewest bytes/.exec(claim);
  return {
    heading: 'Fewest bytes per message',
    rows: found ? found[1].split(/, | and /) : [],
    tie: found ? found[1].includes(' and ') : false,
    text: chart.title(data),
    where: data.label,
    link: data.id,
  };
}

// The row that is furthest behind in the most typical group that has one, by the near end of its interval: more than twice as
// slow as the best.
function avoid(groups) {
  let worst = null;
  for (const group of groups
    .filter((g) => g.stack === 'native' && g.mode === 'open')
    .sort((a, b) => rank(a) - rank(b))) {
    const claim = group.claims.p99_ns?.ratios.length ? group.claims.p99_ns : group.claims.p50_ns;
    for (const r of claim?.ratios ?? []) {
      if (r.low > 2 && !isFloor(r.row) && (worst === null || r.low > worst.ratio.low))
        worst = { group, metric: claim.metric, ratio: r };
    }
    if (worst) break;
  }
  if (!worst) return null;
  const { group, metric, ratio: r } = worst;
  const s = stat(
    group.cells.find((cell) => cell.row === r.row),
    metric,
  );
  return {
    heading: `Avoid for ${group.workload}`,
    rows: [r.row],
    tie: false,
    text: `${METRICS[metric].label} ${s ? formatMetric(metric, s.median) : ''}, ${ratio(r.low)} to ${ratio(r.high)} that of the best`,
    where: group.label,
    link: `tail-${group.slug}`,
  };
}

export function cards(results, figures) {
  const groups = groupsOf(results);
  const [tail, ...others] = QUESTIONS.map((question) => answer(groups, question));
  const bytes = fewestBytes(figures);
  return [tail, others[0], bytes, others[1], others[2], avoid(groups)].filter(Boolean);
}

export function cardsHtml(results, figures, ids) {
  const html = cards(results, figures).map((card) => {
    const names =
      card.rows.length === 0
        ? '<span class="none">no claim</span>'
        : card.rows.length > 3
          ? escapeHtml(`${card.rows.length} rows tie`)
          : card.rows
              .map((row) => `<span class="row row-${escapeHtml(knownDelivery(row))}">${escapeHtml(row)}</span>`)
              .join(' ');
    const link = ids.has(card.link)
      ? ` <a href="#${escapeHtml(card.link)}" aria-label="chart: ${escapeHtml(card.heading)}">chart</a>`
      : '';
    return (
      `<li class="card"><h3>${escapeHtml(card.heading)}${card.tie ? ' <span class="tie">tie</span>' : ''}</h3><p class="winner">${names}</p>` +
      `<p>${escapeHtml(card.text)}</p><p class="where">${escapeHtml(card.where)}${link}</p></li>`
    );
  });
  return html.length
    ? `<ul class="cards">${html.join('\n')}</ul>`
    : `<p>This file makes no claim: ${escapeHtml(whyNone(results))}.</p>`;
}

function knownDelivery(row) {
  return deliveryOf(row).replace(/[^a-z-]/g, '') || 'unknown';
}

function whyNone(results) {
  if (results.cells.length === 0) return 'it has no cells';
  const bad = results.cells.filter((cell) => cell.verdict !== 'valid').length;
  if (bad > 0) return `${bad} of ${results.cells.length} cells are not valid`;
  const rows = new Set(results.cells.map((cell) => cell.row));
  return rows.size < 2 ? `only ${list([...rows])} was measured` : 'no group has two rows to compare';
}
