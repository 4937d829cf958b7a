// What do the slowest users see? Latency by nines: a run's quantiles out of its histogram, then the median over runs,
// with a band from the lowest run to the highest. A curve ends where fewer than ten operations of a run lie beyond.

import { axis, base, grid, line, marker, polygon, text } from '../lib/draw.js';
import { atLeast, count, duration, escapeHtml } from '../lib/format.js';
import { buckets, median, quantiles } from '../lib/histogram.js';
import { identityOf } from '../lib/identity.js';
import { brief, capital, groupsOf, noClaim, entry, sentence, stat, unfitNote } from '../lib/model.js';
import { logAxis, place, thin } from '../lib/scale.js';
import { nameOf, spread, textWidth } from '../lib/text.js';

export const name = 'tail';
export const question = 'What do the slowest users see?';

const STEP = 0.05;
const BEYOND = 10;
const FIRST = Math.log10(2);
const NINES = [
  [FIRST, '50 %'],
  [1, '90 %'],
  [2, '99 %'],
  [3, '99.9 %'],
  [4, '99.99 %'],
  [5, '99.999 %'],
];

function curve(cell) {
  const runs = cell.runs.filter((run) => run.verdict !== 'invalid' && buckets(run.latency_ns));
  if (runs.length === 0) return null;
  const scheduled = Math.min(...runs.map((run) => run.scheduled));
  const last = Math.log10(scheduled / BEYOND);
  if (!(last > 0.5)) return null;
  const xs = [];
  for (let x = FIRST; x < last - STEP / 2; x = Math.round((x + STEP) * 20) / 20) xs.push(Number(x.toFixed(4)));
  xs.push(Number(last.toFixed(4)));
  const perRun = runs.map((run) =>
    quantiles(
      buckets(run.latency_ns),
      xs.map((x) => 1 - 10 ** -x),
      run.scheduled,
      run.outcomes.ok,
    ),
  );
  const points = [];
  let zeros = 0;
  for (let i = 0; i < xs.length; ++i) {
    const values = perRun.map((list) => list[i]);
    if (values.some((v) => v === null)) break; // from here on operations that did not end well
    if (values.some((v) => v <= 0)) {
      ++zeros;
      continue;
    }
    points.push([
      xs[i],
      ...[median(values), Math.min(...values), Math.max(...values)].map((v) => Number(v.toPrecision(4))),
    ]);
  }
  if (points.length < 2) return null;
  const p99 = stat(cell, 'p99_ns');
  return {
    row: cell.row,
    verdict: cell.verdict,
    points,
    runs: runs.length,
    scheduled,
    zeros,
    p99: p99?.median ?? null,
    bound: p99?.lower_bound ?? false,
  };
}

export function prepare(results) {
  const charts = [];
  for (const group of groupsOf(results)) {
    if (group.mode !== 'open') continue;
    const curves = group.cells
      .filter((cell) => cell.verdict !== 'invalid')
      .map(curve)
      .filter(Boolean);
    if (curves.length === 0) continue;
    const claim = group.claims.p99_ns ?? group.claims.p50_ns;
    const key = group.claims.p99_ns ? 'p99_ns' : 'p50_ns';
    charts.push({
      ...brief(group, results),
      id: `tail-${group.slug}`,
      curves,
      absent: group.cells.filter((cell) => !curves.some((c) => c.row === cell.row)).map((cell) => cell.row),
      claim: claim
        ? sentence(claim)
        : noClaim(
            group.cells.map((cell) => entry(cell, group, key)),
            key,
          ),
    });
  }
  return charts;
}

export function title(data) {
  return capital(data.claim);
}

export function subtitle(data) {
  const runs = Math.max(...data.curves.map((c) => c.runs));
  const counts = data.curves.map((c) => c.scheduled);
  const zeros = data.curves.reduce((sum, c) => sum + c.zeros, 0);
  const parts = [
    `line: median of ${runs} ${runs === 1 ? 'run' : 'runs'}, band: lowest to highest run`,
    `${count(Math.min(...counts))} operations a run at least; each line ends where fewer than ${BEYOND} lie beyond`,
  ];
  if (zeros) parts.push(`${zeros} points of 0 ns not drawn`);
  if (data.absent.length) parts.push(`not drawn: ${data.absent.join(', ')}`);
  if (data.unfit.length) parts.push(unfitNote(data.unfit));
  return [...parts, data.provenance].join(' · ');
}

export function table(data) {
  const at = (c, x) => {
    if (c.points.at(-1)[0] < x - 1e-6) return '–';
    const after = c.points.findIndex((p) => p[0] >= x - 1e-6);
    return duration(c.points[after][1]);
  };
  const marks = NINES.filter(([x]) => data.curves.some((c) => c.points.at(-1)[0] >= x));
  return {
    head: ['row', ...marks.map(([, label]) => label), 'runs', 'operations a run'],
    rows: data.curves.map((c) => [
      c.row + (c.verdict === 'valid' ? '' : ` (${c.verdict})`),
      ...marks.map(([x]) => at(c, x)),
      String(c.runs),
      count(c.scheduled),
    ]),
  };
}

const KEY_LINE = 20;
const GAP = 18;

// A row that is ten times off squeezes the others into one line: those that are close to the fastest are drawn again.
function panelsOf(data) {
  const middle = (c) => c.points[Math.floor(c.points.length / 2)][1];
  const fastest = Math.min(...data.curves.map(middle));
  const close = data.curves.filter((c) => middle(c) < 8 * fastest);
  if (close.length < 2 || close.length === data.curves.length) return [{ heading: '', curves: data.curves }];
  return [
    { heading: 'all rows', curves: data.curves },
    { heading: `enlarged: the ${close.length} fast rows`, curves: close },
  ];
}

function keyColumns(data, width) {
  const widest = Math.max(...data.curves.map((c) => textWidth(label(c, width), 12)));
  return Math.max(1, Math.floor((width - 8) / (widest + 34)));
}

function label(c, width) {
  return nameOf(c.row, width) + (c.verdict === 'valid' ? '' : ' (suspect)');
}

function value(c) {
  return c.p99 === null ? '' : `p99 ${atLeast(c.bound)}${duration(c.p99)}`;
}

function keyHeight(data, width) {
  return width >= 560 ? 0 : Math.ceil(data.curves.length / keyColumns(data, width)) * KEY_LINE + 8;
}

function panelHeight(panel, width) {
  return width >= 560 ? Math.max(330, 84 + panel.curves.length * 19) : 300;
}

export function height(data, width) {
  const panels = panelsOf(data);
  return panels.reduce((sum, p) => sum + panelHeight(p, width), 0) + (panels.length - 1) * GAP + keyHeight(data, width);
}

export function option(data, size, colours) {
  const narrow = size.width < 560;
  const names = Math.max(...data.curves.map((c) => textWidth(label(c, size.width), 12)));
  const values = Math.max(...data.curves.map((c) => textWidth(value(c), 12)));
  const lastX = Math.max(...data.curves.map((c) => c.points.at(-1)[0]));
  const xTicks = NINES.filter(([x]) => x <= lastX + 0.02);
  const xScale = { log: false, min: FIRST, max: lastX, ticks: xTicks.map(([x]) => x), at: (v) => v, value: (t) => t };
  const nines = (v) => xTicks.find(([x]) => Math.abs(x - v) < 1e-6)?.[1] ?? '';
  const result = { ...base(colours), grid: [], xAxis: [], yAxis: [], series: [], graphic: { elements: [] } };
  result.tooltip = { ...result.tooltip, trigger: 'axis', formatter: tip };
  let top = 0;
  panelsOf(data).forEach((panel, i) => {
    const bottom = top + panelHeight(panel, size.width);
    const box = { top: top + 30, right: size.width - (narrow ? 30 : names + values + 74), bottom: bottom - 46 };
    const yScale = logAxis(
      panel.curves.flatMap((c) => c.points.flatMap((p) => [p[2], p[3]])),
      box.bottom - box.top,
      26,
    );
    box.left = 14 + Math.max(50, ...yScale.ticks.map((t) => textWidth(duration(yScale.value(t)), 12)));
    result.grid.push(grid(box, size));
    result.xAxis.push(axis(thin(xScale, box.right - box.left, nines), i, colours, { format: nines }));
    result.yAxis.push(axis(yScale, i, colours, { format: duration }));
    result.series.push(...panel.curves.map((c) => lineOf(c, i, colours)));
    result.graphic.elements.push(
      text(2, top + 10, panel.heading ? `latency, ${panel.heading}` : 'latency', {
        colour: colours.text,
        bold: true,
        size: 13,
      }),
      text(
        box.right,
        box.bottom + 34,
        narrow ? 'share of operations this fast' : 'share of operations that were this fast or faster',
        { colour: colours.muted, align: 'right' },
      ),
      ...drawPanel(
        panel,
        {
          box,
          names,
          narrow,
          width: size.width,
          px: place(xScale, box.left, box.right),
          py: place(yScale, box.bottom, box.top),
        },
        colours,
      ),
    );
    top = bottom + GAP;
  });
  if (narrow) result.graphic.elements.push(...keyBelow(data, size, colours, top - GAP + 12));
  return result;
}

// Bands, marks at the nines and, where there is room, names at the ends.
function drawPanel(panel, at, colours) {
  const drawn = [];
  for (const c of panel.curves) {
    const id = identityOf(c.row, colours);
    const faded = c.verdict === 'valid' ? id.opacity : Math.min(id.opacity, 0.45);
    const edge = (p, i) => [round(at.px(p[0])), round(at.py(p[i]))];
    const band = [...c.points.map((p) => edge(p, 3)), ...[...c.points].reverse().map((p) => edge(p, 2))];
    if (c.runs > 1) drawn.push(polygon(band, id.colour, { opacity: 0.13 * faded }));
    for (const x of [FIRST, 1, 2, 3, 4].filter((one) => one < c.points.at(-1)[0] - 0.12)) {
      const p = c.points.find((q) => q[0] >= x - 1e-3);
      drawn.push(marker(c.row, ...edge(p, 1), colours, { scale: 0.85 }));
    }
  }
  return at.narrow ? drawn : [...drawn, ...endLabels(panel, at, colours)];
}

function round(v) {
  return Math.round(v * 10) / 10;
}

function lineOf(c, index, colours) {
  const id = identityOf(c.row, colours);
  return {
    type: 'line',
    name: c.row,
    xAxisIndex: index,
    yAxisIndex: index,
    data: c.points.map((p) => [p[0], Math.log10(p[1])]),
    showSymbol: false,
    symbol: 'circle',
    itemStyle: { color: id.colour },
    lineStyle: {
      color: id.colour,
      width: 2,
      type: id.dash,
      opacity: c.verdict === 'valid' ? id.opacity : Math.min(id.opacity, 0.45),
    },
    emphasis: { disabled: true },
    z: 3,
  };
}

function tip(items) {
  const shown = [...items].sort((a, b) => b.value[1] - a.value[1]);
  const q = 100 * (1 - 10 ** -shown[0].value[0]);
  const digits = Math.max(0, Math.ceil(shown[0].value[0]) - 1);
  const lines = shown.map(
    (item) => `${escapeHtml(item.seriesName)}: <b>${escapeHtml(duration(10 ** item.value[1]))}</b>`,
  );
  return [`${q.toFixed(digits)} % were at least this fast`, ...lines].join('<br>');
}

function endLabels(panel, { box, px, py, names, width }, colours) {
  const wanted = panel.curves.map((c) => py(c.points.at(-1)[1]));
  const placed = spread(wanted, 18, box.top + 4, box.bottom - 6);
  const elements = [];
  panel.curves.forEach((c, i) => {
    const id = identityOf(c.row, colours);
    const y = round(placed[i]);
    const end = round(px(c.points.at(-1)[0]));
    elements.push(line(end + 1, round(wanted[i]), box.right + 14, y, id.colour, { opacity: 0.55 * id.opacity, z: 2 }));
    elements.push(marker(c.row, box.right + 22, y, colours));
    elements.push(text(box.right + 34, y, label(c, width), { colour: colours.text }));
    if (c.p99 !== null) elements.push(text(box.right + 46 + names, y, value(c), { colour: colours.muted }));
  });
  return elements;
}

function keyBelow(data, size, colours, top) {
  const columns = keyColumns(data, size.width);
  const width = (size.width - 8) / columns;
  return data.curves.flatMap((c, i) => {
    const x = 12 + (i % columns) * width;
    const y = top + Math.floor(i / columns) * KEY_LINE;
    return [marker(c.row, x, y, colours), text(x + 12, y, label(c, size.width), { colour: colours.text })];
  });
}
