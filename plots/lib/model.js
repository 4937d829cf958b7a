// Groups, cells and claims of a results file, as charts and page want them. Works on data only: no DOM, no files.

import { byUnit, count, duration } from './format.js';
import { compareRows, deliveryOf } from './identity.js';

// As in results/metrics.h, with the label that follows "lowest".
export const METRICS = {
  p50_ns: { label: 'p50', unit: 'ns', better: 'lower' },
  p90_ns: { label: 'p90', unit: 'ns', better: 'lower' },
  p95_ns: { label: 'p95', unit: 'ns', better: 'lower' },
  p99_ns: { label: 'p99', unit: 'ns', better: 'lower' },
  p999_ns: { label: 'p99.9', unit: 'ns', better: 'lower' },
  max_ns: { label: 'maximum', unit: 'ns', better: 'lower' },
  throughput_per_s: { label: 'throughput', unit: 'per_s', better: 'higher' },
  bytes_per_op: { label: 'bytes per message', unit: 'bytes', better: 'lower' },
  server_cpu_ns_per_op: { label: 'server CPU', unit: 'ns', better: 'lower' },
  client_cpu_ns_per_op: { label: 'client CPU', unit: 'ns', better: 'lower' },
  server_bytes_per_connection: { label: 'memory per connection', unit: 'bytes', better: 'lower' },
  connect_tcp_p50_ns: { label: 'TCP connect', unit: 'ns', better: 'lower' },
  connect_ready_p50_ns: { label: 'time to ready', unit: 'ns', better: 'lower' },
  connect_first_message_p50_ns: { label: 'time to first message', unit: 'ns', better: 'lower' },
};

export function formatMetric(key, value) {
  return byUnit[METRICS[key].unit](value);
}

// The floor is a reference: it is drawn and never wins.
export function isFloor(row) {
  return deliveryOf(row) === 'tcp';
}

export function slug(text) {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 60) || 'group'
  );
}

// The statistic of a metric; bytes both ways are summed, since no reader wants to choose a direction.
export function stat(cell, key) {
  if (key !== 'bytes_per_op') return cell.summary[key] ?? null;
  const { bytes_up_per_op: up, bytes_down_per_op: down } = cell.summary;
  if (!up || !down || up.values.length !== down.values.length) return null;
  return {
    median: up.median + down.median,
    low: up.low + down.low,
    high: up.high + down.high,
    n: Math.min(up.n, down.n),
    lower_bound: up.lower_bound || down.lower_bound,
    values: up.values.map((v, i) => v + down.values[i]),
  };
}

function conditions(cell) {
  const load = cell.mode === 'closed' ? 'closed loop' : `${count(cell.offered_rate_per_s)}/s`;
  const words = [cell.workload, `${cell.clients} ${cell.clients === 1 ? 'client' : 'clients'}`];
  if (cell.room_size) words.push(`rooms of ${cell.room_size}`);
  return [...words, load, `${cell.payload_bytes} B`];
}

// In the order of the file. `lines` is the short name over a column, `label` the long one.
export function groupsOf(results) {
  const groups = new Map();
  for (const cell of results.cells) {
    if (!groups.has(cell.group)) {
      const own = cell.stack === 'native' ? [] : [cell.stack];
      groups.set(cell.group, {
        key: cell.group,
        slug: slug(cell.group),
        stack: cell.stack,
        workload: cell.workload,
        mode: cell.mode,
        clients: cell.clients,
        rate: cell.offered_rate_per_s,
        payload: cell.payload_bytes,
        room: cell.room_size,
        label: [...own, ...conditions(cell)].join(' · '),
        lines: [cell.workload, cell.mode === 'closed' ? 'closed' : `${count(cell.offered_rate_per_s)}/s`],
        cells: [],
        claims: {},
      });
    }
    groups.get(cell.group).cells.push({ ...cell, floor: results.floor?.[cell.id] ?? null });
  }
  for (const claim of results.claims) {
    const group = groups.get(claim.group);
    if (group) group.claims[claim.metric] = claim;
  }
  const list = [...groups.values()];
  const slugs = new Set();
  for (const group of list) {
    group.cells.sort((a, b) => compareRows(a.row, b.row));
    const poll = group.cells.find((cell) => cell.poll_interval_ns)?.poll_interval_ns;
    group.poll = poll ?? null;
    if (list.some((other) => other !== group && other.label === group.label)) {
      group.label += poll ? ` · polls every ${duration(poll)}` : ` · ${group.key}`;
    }
    for (let n = 2, base = group.slug; slugs.has(group.slug); ++n) group.slug = `${base}-${n}`;
    slugs.add(group.slug);
  }
  return list;
}

// What is printed under every chart.
export function provenance(results) {
  const { machine, tool } = results;
  const cores = `${machine.cores} ${machine.cores === 1 ? 'core' : 'cores'}`;
  return [
    `${machine.cpu}, ${cores}, ${machine.kernel}`,
    `fitness ${machine.fitness ?? 'not judged'}`,
    `commit ${tool.commit.slice(0, 8) || 'unknown'}${tool.dirty ? ' with changes' : ''}`,
  ].join(' · ');
}

// Only what charts need of a group, small enough to be embedded.
export function brief(group, results) {
  const { key, slug: name, stack, workload, mode, label, lines, poll } = group;
  return {
    group: key,
    slug: name,
    stack,
    workload,
    mode,
    label: poll ? `${label}${label.includes('polls every') ? '' : ` · polls every ${duration(poll)}`}` : label,
    lines,
    rounds: Math.max(...group.cells.map((cell) => cell.runs.length), 0),
    provenance: provenance(results),
    unfit: unfit(group.cells),
  };
}

// ["sse/h1 suspect: in 2 of 6 runs: ..."]
export function unfit(cells) {
  return cells
    .filter((cell) => cell.verdict !== 'valid')
    .map((cell) => `${cell.row} is ${cell.verdict}${cell.reasons.length ? ` (${cell.reasons[0].text})` : ''}`);
}

export function unfitNote(notes) {
  if (notes.length === 0) return '';
  return notes.length > 2 ? `${notes.slice(0, 2).join('; ')}; ${notes.length - 2} more not valid` : notes.join('; ');
}

// Rows of which several clients share a connection: what such a connection holds, and what a segment carries, is not one
// client's.
export function sharing(cells) {
  return cells.filter((cell) => cell.runs.some((run) => run.channels_per_connection > 1)).map((cell) => cell.row);
}

export function sharingNote(rows) {
  return rows.length ? [`several clients share a connection: ${[...new Set(rows)].sort(compareRows).join(', ')}`] : [];
}

// One row of a metric, as charts draw it.
export function entry(cell, group, key) {
  const s = stat(cell, key);
  const claim = group.claims[key];
  const ratio = claim?.ratios.find((r) => r.row === cell.row);
  return {
    row: cell.row,
    verdict: cell.verdict,
    best: cell.verdict === 'valid' && !isFloor(cell.row) && (claim?.best.includes(cell.row) ?? false),
    stat: s && { median: s.median, low: s.low, high: s.high, n: s.n, bound: s.lower_bound, values: s.values },
    ratio: ratio ? [ratio.ratio, ratio.low, ratio.high] : null,
  };
}

// The sentence of a claim, set in type ("1.4–1.6× clear"), with long lists of excuses counted instead of read out.
export function sentence(claim) {
  return claim.sentence
    .replace(
      /((?:[^\s,:(]+, ){2,}[^\s,]+ and [^\s,]+) (are not valid|could not be measured)/g,
      (_, rows, what) => `${rows.split(/, | and /).length} rows ${what}`,
    )
    .replace(/(\d)-(?=\d[\d.]*x\b)/g, '$1–')
    .replace(/(\d)x(?=\W|$)/g, '$1×');
}

// Said instead of a claim when the file has none on this metric.
export function noClaim(entries, key) {
  const measured = entries.filter((e) => e.stat && e.verdict === 'valid' && !isFloor(e.row));
  const { label } = METRICS[key];
  if (measured.length === 0) return `No claim on ${label}: no row has a valid measurement`;
  if (measured.length === 1) return `No claim on ${label}: only ${measured[0].row} was measured`;
  return `No claim on ${label}: the results file makes none`;
}

export function capital(text) {
  // A row's name keeps its spelling; only the verdict engine's own words start a sentence.
  return /^no claim/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
}
