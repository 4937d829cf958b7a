// Which transport for my workload? Rows against groups, each cell how many times worse than the best of its column. One hue
// over the logarithm of the ratio; ★ = best or tied by the verdict engine; hatched = not measured or not to be believed.

import { base, blankAxis, grid, hatch, line, marker, rect, text } from '../lib/draw.js';
import { atLeast, escapeHtml, list, significant } from '../lib/format.js';
import { compareRows, identityOf } from '../lib/identity.js';
import {
  METRICS,
  capital,
  formatMetric,
  groupsOf,
  isFloor,
  provenance,
  sentence,
  sharing,
  sharingNote,
  slug,
  stat,
} from '../lib/model.js';
import { clip, nameOf, textWidth } from '../lib/text.js';

export const name = 'which';
export const question = 'Which transport for my workload?';

const CHOICES = [
  'p99_ns',
  'p50_ns',
  'throughput_per_s',
  'bytes_per_op',
  'server_cpu_ns_per_op',
  'server_bytes_per_connection',
  'connect_ready_p50_ns',
  'connect_first_message_p50_ns',
];
// Upper ends of the steps of colour; the last is open.
const STEPS = [1.1, 1.5, 3, 10];

function cellOf(cell, group, key, best) {
  const s = stat(cell, key);
  const claim = group.claims[key];
  const valid = cell.verdict === 'valid';
  const ratioTo =
    s && best && s.median > 0 ? (METRICS[key].better === 'lower' ? s.median / best : best / s.median) : null;
  return {
    row: cell.row,
    verdict: cell.verdict,
    value: s ? s.median : null,
    bound: s?.lower_bound ?? false,
    ratio: ratioTo,
    best: valid && !isFloor(cell.row) && (claim?.best.includes(cell.row) ?? false),
  };
}

function column(group, key) {
  const values = group.cells
    .filter((cell) => cell.verdict === 'valid' && !isFloor(cell.row))
    .map((cell) => stat(cell, key))
    .filter((s) => s && !s.lower_bound && s.median > 0)
    .map((s) => s.median);
  const best = values.length === 0 ? null : METRICS[key].better === 'lower' ? Math.min(...values) : Math.max(...values);
  const claim = group.claims[key];
  return {
    group: group.key,
    label: group.label,
    lines: group.lines,
    kind: claim?.kind ?? null,
    claim: claim ? sentence(claim) : null,
    best: claim?.best ?? [],
    cells: group.cells.map((cell) => cellOf(cell, group, key, best)),
  };
}

// One chart a stack and metric; the page shows one of them at a time.
export function prepare(results) {
  const groups = groupsOf(results);
  const charts = [];
  for (const stack of new Set(groups.map((group) => group.stack))) {
    const cells = groups.filter((group) => group.stack === stack).flatMap((group) => group.cells);
    for (const key of CHOICES) {
      const columns = groups
        .filter((group) => group.stack === stack)
        // What an open loop completes is what it was offered.
        .filter((group) => key !== 'throughput_per_s' || group.mode === 'closed')
        .map((group) => column(group, key))
        .filter((c) => c.cells.some((cell) => cell.value !== null));
      if (columns.length === 0) continue;
      const rows = [...new Set(columns.flatMap((c) => c.cells.map((cell) => cell.row)))].sort(compareRows);
      const runs = Math.max(0, ...cells.map((cell) => cell.runs.length));
      charts.push({
        id: `which-${slug(stack)}-${key.replace(/_ns$|_per_s$/, '').replace(/_/g, '-')}`,
        stack,
        metric: key,
        columns,
        rows,
        runs,
        shared: key === 'server_bytes_per_connection' ? sharing(cells) : [],
        provenance: provenance(results),
      });
    }
  }
  return charts;
}

export function title(data) {
  const { label, better } = METRICS[data.metric];
  const superlative = `${better === 'lower' ? 'lowest' : 'highest'} ${label}`;
  const only = data.columns.length === 1 ? data.columns[0] : null;
  if (only?.claim) return capital(only.claim);
  const judged = data.columns.filter((c) => c.kind !== null);
  if (judged.length === 0) return unjudged(data, superlative);
  const decided = judged.filter((c) => c.kind !== 'no_claim');
  if (decided.length === 0) return `No workload has a decided ${superlative}`;
  const [leaders, most] = tally(decided.map((c) => c.best));
  const where = most === data.columns.length ? `all ${most} workloads` : `${most} of ${data.columns.length} workloads`;
  const verb = leaders.length === 1 ? 'has' : 'each have';
  const ties = decided.some((c) => c.kind === 'tie' && leaders.some((row) => c.best.includes(row)));
  const open = data.columns.length - decided.length;
  return `${list(leaders)} ${verb} the ${superlative}${ties ? ', alone or tied,' : ''} in ${where}${open ? `; ${open} undecided` : ''}`;
}

// Who is named most often, and how often.
function tally(lists) {
  const counts = new Map();
  for (const row of lists.flat()) counts.set(row, (counts.get(row) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return [
    [...counts]
      .filter(([, n]) => n === most)
      .map(([row]) => row)
      .sort(compareRows),
    most,
  ];
}

// Metrics without a margin get no verdict: medians are compared and called that.
function unjudged(data, superlative) {
  const lists = data.columns.map((c) =>
    c.cells
      .filter((cell) => cell.ratio !== null && cell.ratio <= 1 && cell.verdict === 'valid' && !isFloor(cell.row))
      .map((cell) => cell.row),
  );
  if (lists.every((rows) => rows.length === 0))
    return `No row has a valid measurement of ${METRICS[data.metric].label}`;
  const [leaders, most] = tally(lists);
  const where = data.columns.length === 1 ? '' : ` in ${most} of ${data.columns.length} workloads`;
  return `${list(leaders)} ${leaders.length === 1 ? 'has' : 'have'} the ${superlative}${where}, by medians alone: no verdict is made on it`;
}

export function subtitle(data) {
  const suspect = data.columns.flatMap((c) => c.cells).filter((cell) => cell.verdict !== 'valid').length;
  const parts = [
    ...(data.stack === 'native' ? [] : [data.stack]),
    `${METRICS[data.metric].label}: times the best median of the column; tcp is the floor, for reference, and wins nothing`,
    '★ best or tied (95 % interval of the paired ratio over runs)',
    `${data.runs} ${data.runs === 1 ? 'run' : 'runs'} a cell`,
    ...sharingNote(data.shared),
  ];
  if (suspect)
    parts.push(`${suspect} ${suspect === 1 ? 'cell is' : 'cells are'} suspect or invalid: hatched, cannot win`);
  return [...parts, data.provenance].join(' · ');
}

export function table(data) {
  return {
    head: ['row', ...data.columns.map((c) => c.label)],
    rows: data.rows.map((row) => [
      row,
      ...data.columns.map((c) => {
        const cell = c.cells.find((x) => x.row === row);
        if (!cell) return '';
        if (cell.value === null) return cell.verdict === 'valid' ? 'not measured' : cell.verdict;
        return `${cell.best ? '★ ' : ''}${atLeast(cell.bound)}${formatMetric(data.metric, cell.value)}${cell.ratio ? ` (${times(cell.ratio)})` : ''}${cell.verdict === 'valid' ? '' : ` ${cell.verdict}`}`;
      }),
    ]),
  };
}

export function times(v) {
  if (v >= 999500) return '>1M×';
  if (v >= 10000) return `${significant(v / 1000, 2)}k×`;
  return `${v < 9.95 ? v.toFixed(1) : significant(v, 3)}×`;
}

// Columns that do not fit side by side continue in another panel below, which has only the rows it needs.
function layout(data, width) {
  const names = Math.max(...data.rows.map((row) => textWidth(nameOf(row, width), 12))) + 30;
  const least = width >= 560 ? 84 : 56;
  const headWidth = Math.min(
    150,
    Math.max(...data.columns.flatMap((c) => c.lines.map((l, n) => textWidth(l, 12, n === 0)))) + 8,
  );
  const fit = Math.max(1, Math.floor((width - names) / Math.max(least, headWidth)));
  const across = Math.ceil(data.columns.length / Math.ceil(data.columns.length / fit));
  const cell = Math.min(150, Math.floor((width - names) / across));
  const l = {
    names,
    across,
    cell,
    line: width >= 560 ? 38 : 32,
    head: 46,
    gap: 22,
    key: width >= 560 ? 34 : 76,
    panels: [],
  };
  let top = l.head;
  for (let i = 0; i < data.columns.length; i += across) {
    const columns = data.columns.slice(i, i + across);
    const rows = data.rows.filter((row) => columns.some((c) => c.cells.some((cell_) => cell_.row === row)));
    l.panels.push({ columns, rows, top });
    top += rows.length * l.line + l.gap + l.head;
  }
  l.height = top - l.gap - l.head + l.key;
  return l;
}

export function height(data, width) {
  return layout(data, width).height;
}

export function option(data, size, colours) {
  const l = layout(data, size.width);
  const drawn = [];
  const points = [];
  for (const { columns, rows, top } of l.panels) {
    rows.forEach((row, i) => {
      const y = top + (i + 0.5) * l.line;
      drawn.push(marker(row, 8, y, colours), text(20, y, nameOf(row, size.width), { colour: colours.text }));
      if (isFloor(row) && i === 0)
        drawn.push(
          line(0, top + l.line, l.names + columns.length * l.cell, top + l.line, colours.muted, { dash: [3, 3] }),
        );
    });
    columns.forEach((column_, c) => {
      const x = l.names + c * l.cell;
      column_.lines.forEach((words, n) =>
        drawn.push(
          text(x + l.cell / 2, top - 32 + n * 17, clip(words, l.cell - 4, 12, n === 0), {
            colour: n === 0 ? colours.text : colours.muted,
            bold: n === 0,
            align: 'center',
          }),
        ),
      );
      rows.forEach((row, i) => {
        const cell = column_.cells.find((one) => one.row === row);
        const box = { x: x + 1.5, y: top + i * l.line + 1.5, width: l.cell - 3, height: l.line - 3 };
        drawn.push(...drawCell(cell, box, data.metric, identityOf(row, colours).opacity, colours));
        if (cell) points.push({ value: [x + l.cell / 2, top + (i + 0.5) * l.line], cell, label: column_.label });
      });
    });
  }
  drawn.push(...key(size, l, colours));
  const whole = { left: 0, top: 0, right: size.width, bottom: size.height };
  return {
    ...base(colours),
    grid: [grid(whole, size)],
    xAxis: [blankAxis(0, 0, size.width)],
    yAxis: [{ ...blankAxis(0, 0, size.height), inverse: true }],
    series: [
      {
        type: 'scatter',
        symbol: 'rect',
        symbolSize: [l.cell - 3, l.line - 3],
        itemStyle: { color: 'transparent' },
        emphasis: { disabled: true },
        data: points.map(({ value }) => value),
        tooltip: { formatter: (item) => tip(points[item.dataIndex], data.metric) },
        z: 9,
      },
    ],
    graphic: { elements: drawn },
  };
}

// By the number that is shown: two cells that say 1.5× have one colour.
export function stepOf(ratio) {
  const v = ratio < 9.95 ? Number(ratio.toFixed(1)) : ratio;
  const i = STEPS.findIndex((end) => v <= end);
  return i === -1 ? STEPS.length : i;
}

function drawCell(cell, box, metric, opacity, colours) {
  const middle = [box.x + box.width / 2, box.y + box.height / 2];
  if (!cell) return [line(middle[0] - 5, middle[1], middle[0] + 5, middle[1], colours.line, { width: 1.5 })];
  const good = cell.verdict === 'valid';
  if (cell.value === null || !good) {
    const drawn = [
      rect(box.x, box.y, box.width, box.height, 'none', { stroke: colours.line, r: 3 }),
      hatch(box.x, box.y, box.width, box.height, colours.muted, { opacity: 0.3, gap: 7 }),
    ];
    if (cell.value !== null) {
      drawn.push(
        text(...middle, `${cell.bound ? '≥' : ''}${cell.ratio ? times(cell.ratio) : formatMetric(metric, cell.value)}?`, {
          colour: colours.muted,
          align: 'center',
          size: 13,
          halo: colours.background,
        }),
      );
    } else if (!good && box.width >= 56) {
      drawn.push(
        text(...middle, cell.verdict, { colour: colours.muted, align: 'center', size: 12, halo: colours.background }),
      );
    }
    return drawn;
  }
  const step = cell.ratio === null ? 0 : stepOf(cell.ratio);
  const ink = colours.heatInk[step];
  const shown = cell.ratio === null ? formatMetric(metric, cell.value) : times(cell.ratio);
  const wide = box.width >= 78 && box.height >= 34 && cell.ratio !== null;
  const drawn = [
    rect(box.x, box.y, box.width, box.height, isFloor(cell.row) ? 'none' : colours.heat[step], {
      r: 3,
      opacity,
      stroke: isFloor(cell.row) ? colours.line : 'none',
    }),
  ];
  const style = { colour: isFloor(cell.row) ? colours.muted : ink, align: 'center', opacity };
  drawn.push(
    text(middle[0], middle[1] - (wide ? 7 : 0), `${cell.best ? '★ ' : ''}${cell.bound ? '≥' : ''}${shown}`, {
      ...style,
      size: cell.best ? 14 : 13,
      bold: cell.best,
    }),
  );
  if (wide) drawn.push(text(middle[0], middle[1] + 9, formatMetric(metric, cell.value), { ...style, size: 12 }));
  return drawn;
}

function key(size, l, colours) {
  const labels = ['to 1.1×', 'to 1.5×', 'to 3×', 'to 10×', 'more', 'hatched: disturbed or not measured'];
  const y0 = size.height - l.key + 22;
  let x = 0;
  let y = y0;
  return labels.flatMap((label, i) => {
    const width = textWidth(label, 12) + 36;
    if (x + width > size.width) {
      x = 0;
      y += 20;
    }
    const box = [x, y - 7, 16, 14];
    x += width;
    const mark =
      i < 5 ? rect(...box, colours.heat[i], { r: 2, stroke: colours.line }) : hatch(...box, colours.muted, { gap: 5 });
    return [mark, text(box[0] + 22, y, label, { colour: colours.muted })];
  });
}

function tip({ cell, label }, metric) {
  const lines = [`<b>${escapeHtml(cell.row)}</b> · ${escapeHtml(label)}`];
  lines.push(
    cell.value === null
      ? 'not measured'
      : `${METRICS[metric].label} ${atLeast(cell.bound)}${escapeHtml(formatMetric(metric, cell.value))}`,
  );
  if (cell.ratio !== null)
    lines.push(`${escapeHtml(times(cell.ratio))} the best median${cell.best ? ' (★ best or tied)' : ''}`);
  if (cell.verdict !== 'valid') lines.push(`${cell.verdict}: wins nothing`);
  if (isFloor(cell.row)) lines.push('the floor: a reference, not a contestant');
  return lines.join('<br>');
}
