// Where do the bytes go? What one message costs on the wire: the payload itself, the heads and framing of the protocol
// around it, and the TCP/IP headers of its segments and their acknowledgements. Two panels: polling is so much wider
// that framing disappears beside it.

import { axis, base, blankAxis, grid, hatch, marker, rect, text } from '../lib/draw.js';
import { bytes, escapeHtml, list, ratio } from '../lib/format.js';
import { identityOf, isPush } from '../lib/identity.js';
import { median } from '../lib/histogram.js';
import { brief, groupsOf, isFloor, sharing, sharingNote, stat, unfitNote } from '../lib/model.js';
import { linearAxis, place, thin } from '../lib/scale.js';
import { nameOf, textWidth } from '../lib/text.js';

export const name = 'bytes';
export const question = 'Where do the bytes go?';

export const PARTS = ['payload', 'heads and framing', 'TCP/IP headers'];

// Payload bytes of an operation, both ways: a call carries it there and back, a message of a feed down only, a message
// of a chat up once and down to everybody in the room.
function payloadOf(cell) {
  if (cell.workload === 'rpc') return 2 * cell.payload_bytes;
  const shares = cell.runs
    .filter((run) => run.outcomes.ok > 0 && run.publishes)
    .map((run) => (run.publishes.scheduled * cell.payload_bytes) / run.outcomes.ok);
  return cell.payload_bytes + (shares.length ? median(shares) : 0);
}

function bar(cell) {
  const wire = stat(cell, 'bytes_per_op');
  const app = cell.summary.app_bytes_per_op;
  if (!wire || !app) return { row: cell.row, verdict: cell.verdict, parts: null };
  const payload = Math.min(payloadOf(cell), app.median);
  return {
    row: cell.row,
    verdict: cell.verdict,
    parts: [payload, app.median - payload, Math.max(0, wire.median - app.median)].map((v) => Math.round(v * 100) / 100),
    total: wire.median,
    interval: [wire.low, wire.high],
    payload: payloadOf(cell),
    n: wire.n,
  };
}

// Loads differ in how many messages share a segment, so every group of feed and chat has its own bytes; those of a call
// hardly change, and one group stands for all.
function chosen(groups) {
  const calls = new Set();
  return groups.filter((group) => {
    if (group.workload === 'connect') return false;
    if (group.workload !== 'rpc') return true;
    const kind = `${group.stack}|${group.payload}`;
    if (calls.has(kind)) return false;
    calls.add(kind);
    return true;
  });
}

export function prepare(results) {
  const groups = groupsOf(results);
  const order = (group) => ['feed', 'chat'].indexOf(group.workload);
  return chosen(groups)
    .map((group) => {
      const bars = group.cells.map(bar);
      return {
        ...brief(group, results),
        id: `bytes-${group.slug}`,
        bars,
        shared: sharing(group.cells),
        claim: conclusion(bars),
        order: order(group),
      };
    })
    .filter((data) => data.bars.some((b) => b.parts))
    .sort((a, b) => (a.order === b.order ? 0 : a.order === -1 ? 1 : b.order === -1 ? -1 : a.order - b.order));
}

// As many as the verdict engine needs before it compares anything (kMinPairs in results/statistics.h).
const ENOUGH_RUNS = 6;

// The results file makes no claim on bytes. Only an interval clear of every other one is called the fewest, only among
// valid rows and only with enough runs.
function conclusion(bars) {
  const field = bars.filter((b) => !isFloor(b.row));
  const fit = field.filter((b) => b.parts && b.verdict === 'valid').sort((a, b) => a.total - b.total);
  if (fit.length === 0) return 'No claim on bytes: no row has a valid measurement';
  const [least, next] = fit;
  const most = fit.at(-1);
  if (!next) return `No claim on bytes: only ${least.row} was measured, ${bytes(least.total)} a message`;
  const runs = Math.min(...fit.map((b) => b.n));
  if (runs < ENOUGH_RUNS)
    return `No claim on bytes: ${runs} ${runs === 1 ? 'round' : 'rounds'}, ${ENOUGH_RUNS} are needed; medians from ${bytes(least.total)} to ${bytes(most.total)}`;
  const excuse =
    fit.length < field.length
      ? ` (${field.length - fit.length} of ${field.length} rows ${field.length - fit.length === 1 ? 'is' : 'are'} not valid)`
      : '';
  const spread = `${most.row} takes ${bytes(most.total)}, ${ratio(most.total / least.total)} as much${excuse}`;
  if (least.interval[1] < next.interval[0])
    return `${least.row} takes the fewest bytes, ${bytes(least.total)} a message; ${spread}`;
  const alike = fit.filter((b) => b.interval[0] <= least.interval[1]).map((b) => b.row);
  if (alike.length === fit.length)
    return `No row is clear of the others: all take about ${bytes(least.total)} a message${excuse}`;
  return `${list(alike)} take the fewest bytes, about ${bytes(least.total)} a message; ${spread}`;
}

export function title(data) {
  return data.claim;
}

export function subtitle(data) {
  return [
    `median of ${data.rounds} ${data.rounds === 1 ? 'run' : 'runs'}, both directions; TCP/IP is 52 B a segment (72 on IPv6), by the client's own count`,
    ...sharingNote(data.shared),
    ...(data.unfit.length ? [unfitNote(data.unfit)] : []),
    data.provenance,
  ].join(' · ');
}

export function table(data) {
  return {
    head: ['row', ...PARTS, 'total', '× payload', 'verdict'],
    rows: data.bars.map((b) => [
      b.row,
      ...(b.parts ? [...b.parts.map(bytes), bytes(b.total), ratio(b.total / b.payload)] : ['–', '–', '–', '–', '–']),
      b.verdict,
    ]),
  };
}

const LINE = 26;
const KEY = 30;
const HEAD = 28;
const FOOT = 30;

function panelsOf(data) {
  const push = data.bars.filter((b) => isPush(b.row));
  const widest = (bars) => Math.max(0, ...bars.map((b) => b.total ?? 0));
  const zoom =
    push.length > 2 && push.length < data.bars.length && widest(push) > 0 && widest(push) < 0.7 * widest(data.bars);
  return [{ heading: 'all rows', bars: data.bars }, ...(zoom ? [{ heading: 'push rows, enlarged', bars: push }] : [])];
}

function columns(data, width) {
  return width >= 780 ? panelsOf(data).length : 1;
}

function keyRows(width) {
  return width >= 400 ? 1 : 2;
}

export function height(data, width) {
  const panels = panelsOf(data);
  const heights = panels.map((p) => HEAD + p.bars.length * LINE + FOOT);
  const all =
    columns(data, width) > 1 ? Math.max(...heights) : heights.reduce((a, b) => a + b, 0) + (panels.length - 1) * 14;
  return KEY * keyRows(width) + all;
}

export function option(data, size, colours) {
  const panels = panelsOf(data);
  const across = columns(data, size.width);
  const cell = (size.width - (across - 1) * 28) / across;
  const names = Math.max(...data.bars.map((b) => textWidth(nameOf(b.row, size.width), 12))) + 30;
  const values = Math.max(...data.bars.map((b) => textWidth(valueLabel(b), 12))) + 8;
  const result = {
    ...base(colours),
    grid: [],
    xAxis: [],
    yAxis: [],
    series: [],
    graphic: { elements: key(size, colours) },
  };
  let top = KEY * keyRows(size.width);
  panels.forEach((panel, i) => {
    const left = across > 1 ? i * (cell + 28) : 0;
    const box = {
      left: left + names,
      top: top + HEAD,
      right: left + cell - values - 8,
      bottom: top + HEAD + panel.bars.length * LINE,
    };
    const scale = linearAxis(
      panel.bars.map((b) => b.total ?? 0),
      Math.max(2, Math.floor((box.right - box.left) / 66)),
    );
    // The axis ends at the longest bar, not at a round number: room is scarce.
    scale.max = Math.max(1, ...panel.bars.map((b) => b.total ?? 0));
    scale.ticks = scale.ticks.filter((t) => t <= scale.max);
    result.graphic.elements.push(
      text(left, top + 12, panel.heading, { colour: colours.text, bold: true, size: 13 }),
      ...drawBars(panel, left, box, scale, size.width, colours),
    );
    result.grid.push(grid(box, size));
    result.xAxis.push(axis(thin(scale, box.right - box.left, bytes), i, colours, { format: (v) => bytes(v) }));
    result.yAxis.push({ ...blankAxis(i, 0, panel.bars.length), inverse: true });
    result.series.push(hover(panel, i));
    if (across === 1) top += HEAD + panel.bars.length * LINE + FOOT + 14;
  });
  return result;
}

function valueLabel(b) {
  if (!b.parts) return b.verdict === 'valid' ? 'not measured' : b.verdict;
  return `${bytes(b.total)} · ${ratio(b.total / b.payload)}`;
}

function key(size, colours) {
  const widths = PARTS.map((part) => textWidth(part, 12) + 34);
  let x = 0;
  let y = 11;
  return PARTS.flatMap((part, i) => {
    if (x + widths[i] > size.width) {
      x = 0;
      y += 22;
    }
    const at = x;
    x += widths[i];
    return [rect(at, y - 6, 12, 12, colours.parts[i], { r: 2 }), text(at + 18, y, part, { colour: colours.text })];
  });
}

function drawBars(panel, left, box, scale, width, colours) {
  const px = place(scale, box.left, box.right);
  return panel.bars.flatMap((b, i) => {
    const y = box.top + (i + 0.5) * LINE;
    const id = identityOf(b.row, colours);
    const drawn = [
      marker(b.row, left + 8, y, colours),
      text(left + 20, y, nameOf(b.row, width), { colour: colours.text }),
    ];
    if (!b.parts) {
      drawn.push(hatch(box.left, y - 8, box.right - box.left, 16, colours.muted, { opacity: 0.35 }));
      drawn.push(text(box.right + 8, y, valueLabel(b), { colour: colours.muted }));
      return drawn;
    }
    let at = 0;
    b.parts.forEach((part, p) => {
      const from = px(at);
      at += part;
      const long = px(at) - from;
      if (long > 0.2)
        drawn.push(
          rect(round(from), y - 8, round(Math.max(0.5, long - (long > 3 ? 1 : 0))), 16, colours.parts[p], {
            z: 3,
            opacity: id.opacity,
          }),
        );
    });
    if (b.verdict !== 'valid')
      drawn.push(hatch(box.left, y - 8, px(b.total) - box.left, 16, colours.background, { z: 4, opacity: 0.9 }));
    drawn.push(
      text(round(px(b.total)) + 7, y, valueLabel(b), { colour: b.verdict === 'valid' ? colours.text : colours.muted }),
    );
    return drawn;
  });
}

function round(v) {
  return Math.round(v * 10) / 10;
}

function hover(panel, index) {
  const shown = panel.bars.map((b, i) => [b, i]).filter(([b]) => b.parts);
  return {
    type: 'scatter',
    xAxisIndex: index,
    yAxisIndex: index,
    symbolSize: 22,
    itemStyle: { color: 'transparent' },
    emphasis: { disabled: true },
    data: shown.map(([b, i]) => ({ value: [b.total / 2, i + 0.5], name: b.row })),
    tooltip: {
      formatter: (item) => {
        const b = shown[item.dataIndex][0];
        return [
          `<b>${escapeHtml(b.row)}</b> ${escapeHtml(bytes(b.total))}`,
          ...PARTS.map((part, p) => `${part} ${escapeHtml(bytes(b.parts[p]))}`),
        ].join('<br>');
      },
    },
    z: 7,
  };
}
