// Panels of rows, each with a dot at the median, a bar over the 95 % interval and a tick per run: the shape behind
// `throughput`, `intervals` and `connection`. A panel is {heading, key, entries, log}.

import { axis, base, blankAxis, grid, hatch, line, marker, rect, text } from './draw.js';
import { atLeast, escapeHtml } from './format.js';
import { compareRows, identityOf } from './identity.js';
import { METRICS, formatMetric } from './model.js';
import { linearAxis, logAxis, place, thin } from './scale.js';
import { clip, nameOf, textWidth } from './text.js';

const LINE = 27;
const HEAD = 32;
const FOOT = 30;
const GAP = 24;
const SEPARATION = 22;

function bands(panels, across) {
  const list = [];
  for (let i = 0; i < panels.length; i += across) list.push(panels.slice(i, i + across));
  return list.map((members) => ({
    members,
    rows: [...new Set(members.flatMap((p) => p.entries.map((e) => e.row)))].sort(compareRows),
  }));
}

function columns(panels, width) {
  return Math.max(1, Math.min(panels.length, width >= 860 ? 3 : width >= 640 ? 2 : 1));
}

export function forestHeight(panels, width) {
  const all = bands(panels, columns(panels, width));
  return all.reduce((sum, band) => sum + HEAD + band.rows.length * LINE + FOOT, 0) + (all.length - 1) * GAP;
}

function valueLabel(e, key) {
  if (!e.stat) return e.verdict === 'valid' ? 'not measured' : e.verdict;
  const shown = atLeast(e.stat.bound) + formatMetric(key, e.stat.median);
  if (e.verdict !== 'valid') return `${shown} ?`;
  return e.best ? `★ ${shown}` : shown;
}

function scaleOf(panel, pixels) {
  const values = panel.entries.flatMap((e) => (e.stat ? [e.stat.low, e.stat.high, ...e.stat.values] : []));
  return panel.log
    ? logAxis(values, pixels, 54)
    : linearAxis(values, Math.max(2, Math.floor(pixels / 62)), { binary: METRICS[panel.key].unit === 'bytes' });
}

// One panel's marks; the names of its rows stand left of the band's first.
function drawPanel(panel, rows, box, { valueWidth, headFrom }, colours) {
  const end = box.right + valueWidth;
  const headLeft = Math.max(headFrom, Math.min(box.left, end - textWidth(panel.heading, 13, true)));
  const drawn = [
    text(headLeft, box.top - 16, clip(panel.heading, end - headLeft, 13, true), {
      colour: colours.text,
      bold: true,
      size: 13,
    }),
  ];
  const scale = thin(scaleOf(panel, box.right - box.left - 12), box.right - box.left - 12, (v) =>
    formatMetric(panel.key, v),
  );
  const px = place(scale, box.left + 6, box.right - 6);
  for (const e of panel.entries) {
    const y = Math.round(box.top + (rows.indexOf(e.row) + 0.5) * LINE);
    const id = identityOf(e.row, colours);
    const known = e.verdict === 'valid' && e.stat;
    drawn.push(
      text(end, y, valueLabel(e, panel.key), {
        colour: known ? colours.text : colours.muted,
        align: 'right',
        bold: e.best,
      }),
    );
    if (e.verdict !== 'valid' || !e.stat)
      drawn.push(hatch(box.left, y - LINE / 2 + 4, box.right - box.left, LINE - 8, colours.muted, { opacity: 0.3 }));
    if (!e.stat || (scale.log && !(e.stat.low > 0))) continue;
    const opacity = known ? id.opacity : 0.45 * id.opacity;
    for (const v of e.stat.values) {
      if (scale.log && !(v > 0)) continue;
      const x = round(px(v));
      drawn.push(line(x, y - 10, x, y - 6, colours.muted, { opacity: 0.75 * id.opacity, z: 2 }));
    }
    const from = round(px(e.stat.low));
    const width = round(px(e.stat.high)) - from;
    drawn.push(rect(from - 1, y - 2.5, Math.max(2, width + 2), 5, id.colour, { opacity: 0.5 * opacity, r: 2, z: 3 }));
    drawn.push(marker(e.row, round(px(e.stat.median)), y, colours, { z: 4 }));
  }
  return { drawn, scale };
}

function round(v) {
  return Math.round(v * 10) / 10;
}

function drawNames(rows, top, width, full, colours) {
  return rows.flatMap((row, i) => {
    const y = Math.round(top + (i + 0.5) * LINE);
    const stripe = i % 2 === 0 ? [rect(0, top + i * LINE, width, LINE, colours.stripe, { z: 0 })] : [];
    return [...stripe, marker(row, 10, y, colours), text(22, y, nameOf(row, full), { colour: colours.text })];
  });
}

export function forest(panels, size, colours) {
  const across = columns(panels, size.width);
  const names = 34 + Math.max(...panels.flatMap((p) => p.entries.map((e) => textWidth(nameOf(e.row, size.width), 12))));
  const values =
    16 + Math.max(...panels.flatMap((p) => p.entries.map((e) => textWidth(valueLabel(e, p.key), 12, e.best))));
  const cell = (size.width - names - (across - 1) * SEPARATION) / across;
  const option = { ...base(colours), grid: [], xAxis: [], yAxis: [], series: [], graphic: { elements: [] } };
  let top = HEAD;
  for (const { members, rows } of bands(panels, across)) {
    const used = names + members.length * cell + (members.length - 1) * SEPARATION;
    option.graphic.elements.push(...drawNames(rows, top, used, size.width, colours));
    members.forEach((panel, i) => {
      const left = names + i * (cell + SEPARATION);
      const box = { left, top, right: left + cell - values, bottom: top + rows.length * LINE };
      // Over the names of the rows there is room for a long heading.
      const room = { valueWidth: values - 6, headFrom: i === 0 ? 0 : left };
      const { drawn, scale } = drawPanel(panel, rows, box, room, colours);
      const index = option.grid.length;
      const inner = { ...box, left: box.left + 6, right: box.right - 6 };
      option.grid.push(grid(inner, size));
      option.xAxis.push(axis(scale, index, colours, { format: (v) => formatMetric(panel.key, v) }));
      option.yAxis.push({ ...blankAxis(index, 0, rows.length), inverse: true });
      option.series.push(hover(panel, rows, index, scale));
      option.graphic.elements.push(...drawn);
    });
    top += rows.length * LINE + FOOT + GAP + HEAD;
  }
  return option;
}

// Invisible points that carry the tooltip.
function hover(panel, rows, index, scale) {
  const points = panel.entries
    .map((e) => [e, rows.indexOf(e.row)])
    .filter(([e]) => e.stat && (!scale.log || e.stat.median > 0));
  return {
    type: 'scatter',
    xAxisIndex: index,
    yAxisIndex: index,
    symbolSize: 22,
    itemStyle: { color: 'transparent' },
    emphasis: { disabled: true },
    data: points.map(([e, i]) => ({ value: [scale.at(e.stat.median), i + 0.5], name: e.row })),
    tooltip: { formatter: (item) => tip(panel, points[item.dataIndex][0]) },
    z: 7,
  };
}

function tip(panel, e) {
  const f = (v) => escapeHtml(formatMetric(panel.key, v));
  const lines = [
    `<b>${escapeHtml(e.row)}</b> · ${escapeHtml(panel.heading)}`,
    `median ${atLeast(e.stat.bound)}${f(e.stat.median)}`,
    `95 % interval ${f(e.stat.low)} to ${f(e.stat.high)}, ${e.stat.n} runs`,
  ];
  if (e.ratio && e.ratio[0] !== 1)
    lines.push(`${e.ratio[1].toPrecision(3)} to ${e.ratio[2].toPrecision(3)} times the best`);
  if (e.verdict !== 'valid') lines.push(`${e.verdict}: wins nothing`);
  return lines.join('<br>');
}

export function forestTable(panels) {
  return {
    head: ['row', ...panels.map((p) => p.heading), 'runs', 'verdict'],
    rows: [...new Set(panels.flatMap((p) => p.entries.map((e) => e.row)))].map((row) => {
      const entries = panels.map((p) => p.entries.find((e) => e.row === row));
      const any = entries.find(Boolean);
      return [
        row,
        ...panels.map((p, i) =>
          entries[i]?.stat
            ? `${entries[i].best ? '★ ' : ''}${atLeast(entries[i].stat.bound)}${formatMetric(p.key, entries[i].stat.median)} (${formatMetric(p.key, entries[i].stat.low)} to ${formatMetric(p.key, entries[i].stat.high)})`
            : '–',
        ),
        String(Math.max(...entries.map((e) => e?.stat?.n ?? 0))),
        any.verdict,
      ];
    }),
  };
}
