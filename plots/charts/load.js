// How hard can it be pushed? p50 and p99 against offered load, for groups that share everything but the rate. Open loop
// only: a closed one slows down with its server. x is linear, as capacity is; y is log.

import { axis, base, grid, line, marker, text } from '../lib/draw.js';
import { atLeast, count, duration, escapeHtml } from '../lib/format.js';
import { identityOf, compareRows } from '../lib/identity.js';
import { brief, capital, groupsOf, isFloor, sentence, stat, unfitNote } from '../lib/model.js';
import { linearAxis, logAxis, place, thin } from '../lib/scale.js';
import { nameOf, spread, textWidth } from '../lib/text.js';

export const name = 'load';
export const question = 'How hard can it be pushed?';

const PANELS = [
  { key: 'p50_ns', label: 'p50' },
  { key: 'p99_ns', label: 'p99' },
];
const KEPT_UP = 0.95;

function family(group) {
  return [group.stack, group.workload, group.clients, group.payload, group.room ?? '', group.poll ?? ''].join('|');
}

function point(cell, group) {
  const scheduled = cell.runs.reduce((sum, run) => sum + run.scheduled, 0);
  const ok = cell.runs.reduce((sum, run) => sum + run.outcomes.ok, 0);
  const values = Object.fromEntries(
    PANELS.map(({ key }) => {
      const s = stat(cell, key);
      return [key, s && s.median > 0 ? [s.median, s.low, s.high] : null];
    }),
  );
  const bounds = PANELS.map(({ key }) => key).filter((key) => stat(cell, key)?.lower_bound);
  const overloaded = scheduled > 0 && ok / scheduled < KEPT_UP;
  return { rate: group.rate, ...values, bounds, verdict: cell.verdict, overloaded };
}

export function prepare(results) {
  const families = new Map();
  for (const group of groupsOf(results)) {
    if (group.mode !== 'open') continue;
    families.set(family(group), [...(families.get(family(group)) ?? []), group]);
  }
  const charts = [];
  for (const groups of families.values()) {
    const rates = new Set(groups.map((group) => group.rate));
    if (rates.size < 2 || rates.size !== groups.length) continue;
    groups.sort((a, b) => a.rate - b.rate);
    const rows = [...new Set(groups.flatMap((group) => group.cells.map((cell) => cell.row)))].sort(compareRows);
    const series = rows.map((row) => ({
      row,
      points: groups.flatMap((group) =>
        group.cells.filter((cell) => cell.row === row).map((cell) => point(cell, group)),
      ),
    }));
    if (!series.some((s) => s.points.some((p) => p.p50_ns || p.p99_ns))) continue;
    const top = groups.at(-1);
    charts.push({
      ...brief(top, results),
      id: `load-${top.slug}`,
      label: top.label.replace(/ · [^·]*\/s(?= ·)/, ''),
      series,
      claim: conclusion(groups),
      unfit: groups.flatMap((group) => brief(group, results).unfit.map((note) => `at ${count(group.rate)}/s ${note}`)),
    });
  }
  return charts;
}

// "sse/h1 has the lowest p99 at 2 of 3 rates", or what the claim at the highest decided rate says.
function conclusion(groups) {
  for (const key of ['p99_ns', 'p50_ns']) {
    const decided = groups.filter((group) => group.claims[key] && group.claims[key].kind !== 'no_claim');
    if (decided.length === 0) continue;
    const label = key === 'p99_ns' ? 'p99' : 'p50';
    const winners = new Set(
      decided.map((group) => (group.claims[key].kind === 'win' ? group.claims[key].best[0] : '')),
    );
    if (decided.length > 1 && winners.size === 1 && !winners.has('')) {
      return `${[...winners][0]} has the lowest ${label} at ${decided.length} of ${groups.length} rates`;
    }
    const last = decided.at(-1);
    return `At ${count(last.rate)}/s offered, ${sentence(last.claims[key])}`;
  }
  const claim = groups
    .map((group) => group.claims.p99_ns ?? group.claims.p50_ns)
    .filter(Boolean)
    .at(-1);
  return claim ? sentence(claim) : 'No claim on latency under load: the results file makes none';
}

export function title(data) {
  return capital(data.claim);
}

export function subtitle(data) {
  const all = data.series.flatMap((s) => s.points);
  const parts = [
    `open loop, ${data.rounds} ${data.rounds === 1 ? 'run' : 'runs'} a point, bar: 95 % interval of the median`,
  ];
  const missing = all.filter((p) => !p.p99_ns && p.p50_ns).length;
  if (missing) parts.push(`${missing} points have no p99 (it needs 10,000 operations a run)`);
  const bounds = all.filter((p) => p.bounds.length > 0).length;
  const are = bounds === 1 ? 'point is a lower bound' : 'points are lower bounds';
  if (bounds) parts.push(`${bounds} ${are}: operations never ended`);
  if (all.some((p) => p.overloaded)) parts.push(`✕: fewer than ${KEPT_UP * 100} % of the operations completed`);
  if (data.unfit.length) parts.push(`faded: ${unfitNote(data.unfit)}`);
  return [...parts, data.provenance].join(' · ');
}

export function table(data) {
  return {
    head: ['row', 'offered', 'p50', 'p99', 'kept up', 'verdict'],
    rows: data.series.flatMap((s) =>
      s.points.map((p) => [
        s.row,
        `${count(p.rate)}/s`,
        ...PANELS.map(({ key }) => (p[key] ? shown(p, key) : '–')),
        p.overloaded ? 'no' : 'yes',
        p.verdict,
      ]),
    ),
  };
}

function shown(p, key) {
  return atLeast(p.bounds.includes(key)) + duration(p[key][0]);
}

function panelsOf(data) {
  return PANELS.filter(({ key }) => data.series.some((s) => s.points.some((p) => p[key])));
}

export function height(data, width) {
  const labels = 90 + data.series.length * 19;
  return width >= 700 ? Math.max(340, labels) : panelsOf(data).length * Math.max(280, labels);
}

export function option(data, size, colours) {
  const panels = panelsOf(data);
  const across = size.width >= 700 ? panels.length : 1;
  const names = Math.max(...data.series.map((s) => textWidth(nameOf(s.row, size.width / across), 12)));
  const result = { ...base(colours), grid: [], xAxis: [], yAxis: [], series: [], graphic: { elements: [] } };
  const all = data.series.flatMap((s) => s.points.flatMap((p) => panels.flatMap(({ key }) => p[key] ?? [])));
  const cell = { width: size.width / across, height: size.height / (panels.length / across) };
  const yScale = logAxis(all, cell.height - 82, 26); // one scale for both panels
  const ticksWidth = Math.max(46, ...yScale.ticks.map((t) => textWidth(duration(yScale.value(t)), 12)));
  panels.forEach((panel, i) => {
    const left = (i % across) * cell.width;
    const top = Math.floor(i / across) * cell.height;
    const box = {
      left: left + ticksWidth + 12,
      top: top + 34,
      right: left + cell.width - names - 52,
      bottom: top + cell.height - 48,
    };
    const xScale = linearAxis(
      data.series.flatMap((s) => s.points.map((p) => p.rate)),
      Math.max(2, Math.floor((box.right - box.left) / 60)),
    );
    result.grid.push(grid(box, size));
    result.xAxis.push(axis(thin(xScale, box.right - box.left, count), i, colours, { format: count }));
    result.yAxis.push(axis(yScale, i, colours, { format: duration }));
    result.graphic.elements.push(
      text(left + 2, top + 12, panel.label, { colour: colours.text, bold: true, size: 13 }),
      text(box.right, box.bottom + 34, 'offered, operations per second', { colour: colours.muted, align: 'right' }),
      ...drawPanel(data, panel.key, { box, xScale, yScale, width: cell.width }, colours),
    );
    for (const s of data.series) result.series.push(lineOf(s, panel, i, colours));
  });
  return result;
}

function round(v) {
  return Math.round(v * 10) / 10;
}

function drawPanel(data, key, { box, xScale, yScale, width }, colours) {
  const px = place(xScale, box.left, box.right);
  const py = place(yScale, box.bottom, box.top);
  const drawn = [];
  const ends = [];
  for (const s of data.series) {
    const id = identityOf(s.row, colours);
    const points = s.points.filter((p) => p[key]);
    for (const p of points) {
      const x = round(px(p.rate));
      const [middle, low, high] = p[key].map((v) => round(py(v)));
      const opacity = p.verdict === 'valid' ? id.opacity : 0.4 * id.opacity;
      drawn.push(line(x, low, x, high, id.colour, { width: 2, opacity, z: 4 }));
      if (p.overloaded)
        drawn.push(text(x, middle - 14, '✕', { colour: colours.text, align: 'center', size: 13, z: 7 }));
      const mark = marker(s.row, x, middle, colours, { z: 5 });
      mark.style.opacity = opacity;
      drawn.push(mark);
    }
    if (points.length) ends.push({ row: s.row, x: round(px(points.at(-1).rate)), y: py(points.at(-1)[key][0]) });
  }
  const placed = spread(
    ends.map((e) => e.y),
    18,
    box.top + 2,
    box.bottom - 4,
  );
  ends.forEach((e, i) => {
    const id = identityOf(e.row, colours);
    const y = round(placed[i]);
    drawn.push(line(e.x + 7, round(e.y), box.right + 14, y, id.colour, { opacity: 0.5 * id.opacity, z: 2 }));
    drawn.push(marker(e.row, box.right + 22, y, colours));
    drawn.push(
      text(box.right + 34, y, nameOf(e.row, width), { colour: isFloor(e.row) ? colours.muted : colours.text }),
    );
  });
  return drawn;
}

function lineOf(s, panel, index, colours) {
  const id = identityOf(s.row, colours);
  return {
    type: 'line',
    name: s.row,
    xAxisIndex: index,
    yAxisIndex: index,
    data: s.points.map((p) => [p.rate, p[panel.key] ? Math.log10(p[panel.key][0]) : null]),
    connectNulls: false,
    symbol: 'circle',
    symbolSize: 18,
    itemStyle: { color: 'transparent' },
    lineStyle: { color: id.colour, width: 2, type: id.dash, opacity: id.opacity },
    emphasis: { disabled: true },
    tooltip: {
      formatter: (item) =>
        `<b>${escapeHtml(s.row)}</b><br>${panel.label} ${escapeHtml(shown(s.points[item.dataIndex], panel.key))} at ${escapeHtml(count(item.value[0]))}/s offered`,
    },
    z: 3,
  };
}
