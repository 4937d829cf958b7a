// A synthetic results file: seeded, valid by the schema, and made up. For tests and for looking at charts while working
// on them; no number in it was measured.

import { ROW_ORDER } from '../lib/identity.js';

const RPC = ['tcp', 'request/h1-close', 'request/h1', 'request/h2', 'websocket/h1'];
const FEED = ROW_ORDER.filter((row) => !row.startsWith('request'));

// Latency and cost of a row relative to the floor, and its bytes above TCP beside the payload.
const TRAITS = {
  tcp: { latency: 1, cpu: 1, app: 4, segments: 1, setup: 1 },
  'request/h1-close': { latency: 3.1, cpu: 4.2, app: 210, segments: 5, setup: 1.5 },
  'request/h1': { latency: 1.6, cpu: 1.9, app: 205, segments: 1.1, setup: 1.5 },
  'request/h2': { latency: 2.1, cpu: 2.6, app: 62, segments: 1.2, setup: 2.2 },
  'short-poll/h1-close': { latency: 300, cpu: 9, app: 260, segments: 5, setup: 1.5 },
  'short-poll/h1': { latency: 297, cpu: 4, app: 240, segments: 2.2, setup: 1.4 },
  'long-poll/h1': { latency: 1.9, cpu: 2.9, app: 215, segments: 2.1, setup: 1.5 },
  'http-stream/h1': { latency: 1.08, cpu: 1.05, app: 7, segments: 1.02, setup: 1.5 },
  'sse/h1': { latency: 1.13, cpu: 1.08, app: 24, segments: 1.02, setup: 1.6 },
  'http-stream/h2': { latency: 1.02, cpu: 0.6, app: 10, segments: 0.2, setup: 2.2 },
  'sse/h2': { latency: 1.18, cpu: 0.7, app: 28, segments: 0.22, setup: 2.3 },
  'websocket/h1': { latency: 1.1, cpu: 1.06, app: 4, segments: 1.01, setup: 2 },
};

export function random(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normal(next) {
  return Math.sqrt(-2 * Math.log(next() + 1e-12)) * Math.cos(2 * Math.PI * next());
}

export function bucketIndex(value, bits) {
  const e = Math.max(0, Math.floor(Math.log2(Math.max(1, value))) - bits);
  return e * 2 ** bits + Math.floor(value / 2 ** e);
}

function median(values) {
  const s = [...values].sort((a, b) => a - b);
  return s.length % 2 ? s[s.length >> 1] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
}

const NEED = { min: 1, p50: 200, p90: 1000, p95: 2000, p99: 10000, p999: 100000, max: 1 };
const QUANTILES = { p50: 0.5, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 };

function summaryOf(values, scheduled) {
  const sorted = Float64Array.from(values, (v) => Math.max(1, Math.round(v))).sort();
  const counts = new Map();
  for (const v of sorted) counts.set(bucketIndex(v, 10), (counts.get(bucketIndex(v, 10)) ?? 0) + 1);
  const at = (q) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
  const quantiles = Object.fromEntries(
    Object.entries(QUANTILES).map(([name, q]) => [name, scheduled < NEED[name] ? null : at(q)]),
  );
  return {
    count: sorted.length,
    mean: sorted.reduce((a, b) => a + b, 0) / sorted.length,
    min: sorted[0],
    ...quantiles,
    max: sorted[sorted.length - 1],
    clamped: 0,
    lower_bound: [],
    histogram: { unit_ns: 1, sub_bucket_bits: 10, counts: [...counts].sort((a, b) => a[0] - b[0]) },
  };
}

function makeRun(spec, row, round, next) {
  const t = TRAITS[row.replace(/^[^a-z]*/, '')] ?? TRAITS['sse/h1'];
  const n = spec.operations;
  const drift = Math.exp(0.03 * normal(next));
  const busy = spec.rate ? 1 / (1 - Math.min(0.9, (spec.rate * t.cpu) / 90000)) : 1;
  const polled = row.startsWith('short-poll');
  const scale = 60000 * t.latency * drift * busy;
  const latencies = Array.from({ length: n }, () => {
    if (polled) return 5e7 * next() * 2 + 40000;
    const tail = next() < 0.012 ? 1 + 8 * next() : 1;
    return scale * Math.exp(0.28 * normal(next)) * tail;
  });
  const latency = summaryOf(latencies, n);
  const payload = spec.payload;
  const both = spec.workload === 'rpc' ? 2 : 1;
  const appDown = Math.round(n * (payload + t.app / 2));
  const appUp = Math.round(n * ((both - 1) * payload + t.app / 2));
  const segments = Math.round(n * t.segments);
  const rate = spec.rate ?? (90000 / t.cpu) * drift;
  const connect =
    spec.workload !== 'connect'
      ? null
      : {
          tcp: summaryOf(
            Array.from({ length: 250 }, () => 45000 * Math.exp(0.1 * normal(next)) * drift),
            250,
          ),
          ready: summaryOf(
            Array.from({ length: 250 }, () => 50000 * t.setup * Math.exp(0.1 * normal(next)) * drift),
            250,
          ),
          first_message: summaryOf(
            Array.from({ length: 250 }, () => 80000 * t.setup * Math.exp(0.1 * normal(next)) * drift),
            250,
          ),
        };
  return {
    schema: 'dragstrip.run/1',
    row,
    workload: spec.workload,
    stack: spec.stack ?? 'native',
    target: 'http://127.0.0.1:40000',
    mode: spec.rate ? 'open' : 'closed',
    arrival: spec.rate ? 'poisson' : null,
    offered_rate_per_s: spec.rate ?? null,
    clients: spec.clients,
    threads: 1,
    payload_bytes: payload,
    seed: 1,
    room_size: spec.room ?? null,
    poll_interval_ns: polled ? 100000000 : null,
    channels_per_connection: row.endsWith('/h2') ? spec.clients : null,
    warmup_ns: 100000000,
    window_ns: 1000000000,
    timeout_ns: 2000000000,
    schedule_hash: spec.rate ? 'feedc0de' : null,
    scheduled: n,
    outcomes: { ok: n, timeout: 0, refused: 0, reset: 0, protocol_error: 0, lagged: 0, lost: 0, abandoned: 0 },
    deliveries: null,
    publishes: spec.room
      ? {
          scheduled: Math.round(n / spec.room),
          outcomes: {
            ok: Math.round(n / spec.room),
            timeout: 0,
            refused: 0,
            reset: 0,
            protocol_error: 0,
            lagged: 0,
            lost: 0,
            abandoned: 0,
          },
        }
      : null,
    latency_ns: latency,
    service_ns: latency,
    slip_ns: null,
    achieved_rate_per_s: rate,
    throughput_per_s: rate,
    goodput_bytes_per_s: rate * payload,
    duration_s: 1,
    wire: {
      bytes_up: appUp + 52 * segments,
      bytes_down: appDown + 52 * segments,
      segments_up: segments,
      segments_down: segments,
      app_bytes_up: appUp,
      app_bytes_down: appDown,
      retransmits: 0,
      connections_opened: spec.clients,
    },
    cpu: { client_ns_per_op: 9000 * t.cpu * drift, server_ns_per_op: 7000 * t.cpu * drift, client_busy_share: 0.4 },
    memory: {
      server_peak_bytes: 9e6,
      server_bytes_per_connection:
        spec.workload === 'connect' ? null : 900 + 6000 * t.setup * (row.endsWith('h2') ? 0.2 : 1),
    },
    calls: { client_reads: n, client_writes: n, client_polls: n },
    polls: polled ? { count: n, empty: 10, reconnects: 0 } : null,
    connect_ns: connect,
    seconds: [{ t: 0, scheduled: n, ok: n, failed: 0, p99_ns: latency.p99 }],
    verdict: 'valid',
    reasons: [],
    complete: true,
    round,
    order: 1,
  };
}

function statOf(runs, value) {
  const values = runs.map(value);
  if (values.length === 0 || values.some((v) => v === null || v === undefined)) return null;
  const m = median(values);
  return {
    median: m,
    low: Math.min(...values),
    high: Math.max(...values),
    n: values.length,
    lower_bound: false,
    values,
  };
}

function summarize(runs) {
  const l = (name) => (run) => (run.scheduled < NEED[name] ? null : run.latency_ns[name]);
  const c = (phase) => (run) => run.connect_ns?.[phase].p50 ?? null;
  return {
    p50_ns: statOf(runs, l('p50')),
    p90_ns: statOf(runs, l('p90')),
    p95_ns: statOf(runs, l('p95')),
    p99_ns: statOf(runs, l('p99')),
    p999_ns: statOf(runs, l('p999')),
    max_ns: statOf(runs, l('max')),
    service_p50_ns: statOf(runs, l('p50')),
    service_p99_ns: statOf(runs, l('p99')),
    throughput_per_s: statOf(runs, (r) => r.throughput_per_s),
    bytes_up_per_op: statOf(runs, (r) => r.wire.bytes_up / r.outcomes.ok),
    bytes_down_per_op: statOf(runs, (r) => r.wire.bytes_down / r.outcomes.ok),
    segments_per_op: statOf(runs, (r) => (r.wire.segments_up + r.wire.segments_down) / r.outcomes.ok),
    app_bytes_per_op: statOf(runs, (r) => (r.wire.app_bytes_up + r.wire.app_bytes_down) / r.outcomes.ok),
    client_cpu_ns_per_op: statOf(runs, (r) => r.cpu.client_ns_per_op),
    server_cpu_ns_per_op: statOf(runs, (r) => r.cpu.server_ns_per_op),
    server_peak_bytes: statOf(runs, (r) => r.memory.server_peak_bytes),
    server_bytes_per_connection: statOf(runs, (r) => r.memory.server_bytes_per_connection),
    connect_tcp_p50_ns: statOf(runs, c('tcp')),
    connect_ready_p50_ns: statOf(runs, c('ready')),
    connect_first_message_p50_ns: statOf(runs, c('first_message')),
  };
}

const LABELS = {
  p50_ns: 'p50',
  p99_ns: 'p99',
  throughput_per_s: 'throughput',
  server_cpu_ns_per_op: 'server CPU',
  connect_ready_p50_ns: 'time to ready',
  connect_first_message_p50_ns: 'time to first message',
};

// Stands in for the verdict engine: same shapes and sentences, simpler arithmetic.
export function makeClaims(cells) {
  const claims = [];
  for (const group of new Set(cells.map((cell) => cell.group))) {
    for (const [metric, label] of Object.entries(LABELS)) {
      const members = cells.filter((cell) => cell.group === group && cell.row !== 'tcp');
      if (metric === 'throughput_per_s' && members.some((cell) => cell.mode === 'open')) continue;
      if (!members.some((cell) => cell.summary[metric])) continue;
      const higher = metric === 'throughput_per_s';
      const field = members
        .filter((cell) => cell.verdict === 'valid' && cell.summary[metric])
        .sort((a, b) => (higher ? -1 : 1) * (a.summary[metric].median - b.summary[metric].median));
      const claim = {
        group,
        metric,
        direction: higher ? 'higher' : 'lower',
        best: [],
        kind: 'no_claim',
        sentence: `no claim on ${label}: nothing to compare`,
        ratios: [],
      };
      claims.push(claim);
      if (field.length < 2) continue;
      const leader = field[0].summary[metric].median;
      claim.ratios = field.map((cell) => {
        const r = higher ? leader / cell.summary[metric].median : cell.summary[metric].median / leader;
        return { row: cell.row, ratio: r, low: r === 1 ? 1 : r * 0.98, high: r === 1 ? 1 : r * 1.02 };
      });
      const tied = claim.ratios.filter((r) => r.high <= 1.05);
      const next = claim.ratios.find((r) => r.low > 1.05);
      const open = claim.ratios.find((r) => r.high > 1.05 && r.low <= 1.05);
      const x = (r) => `${r.low.toPrecision(3)}-${r.high.toPrecision(3)}x`;
      if (open) {
        claim.sentence = `no claim on ${label}: ${open.row} is ${x(open)} of ${field[0].row}; about 14 rounds would decide`;
        continue;
      }
      claim.best = tied.map((r) => r.row);
      claim.kind = tied.length > 1 ? 'tie' : 'win';
      claim.sentence =
        tied.length > 1
          ? `${claim.best.slice(0, -1).join(', ')} and ${claim.best.at(-1)} tie on ${label} (within 5 %)${next ? `; ${next.row} is ${x(next)} behind` : ''}`
          : `${claim.best[0]} has the ${higher ? 'highest' : 'lowest'} ${label}: ${x(next)} clear of ${next.row}`;
    }
  }
  return claims;
}

export const GROUPS = [
  { workload: 'rpc', clients: 8, rate: null, rows: RPC, operations: 4000 },
  { workload: 'rpc', clients: 8, rate: 2000, rows: RPC, operations: 2000 },
  { workload: 'rpc', clients: 8, rate: 12500, rows: RPC, operations: 12500 },
  { workload: 'rpc', clients: 8, rate: 20000, rows: RPC, operations: 20000 },
  { workload: 'feed', clients: 100, rate: 120, rows: FEED, operations: 12000 },
  { workload: 'chat', clients: 40, room: 10, rate: 400, rows: FEED, operations: 10000 },
  { workload: 'connect', clients: 50, rate: 500, rows: ROW_ORDER, operations: 500 },
];

// `damage(cells)` may spoil cells before claims are made.
export function fixture({ seed = 1, rounds = 6, groups = GROUPS, damage = () => {}, rename = (text) => text } = {}) {
  const next = random(seed);
  const cells = groups.flatMap((group) =>
    group.rows.map((row) => {
      const spec = { payload: 100, ...group };
      const runs = Array.from({ length: rounds }, (_, i) => makeRun(spec, row, i + 1, next));
      const load = spec.rate ? `r${spec.rate}` : 'closed';
      const polls = row.startsWith('short-poll');
      const native = (spec.stack ?? 'native') === 'native';
      const key = `${native ? '' : `${spec.stack}: `}${spec.workload} c${spec.clients} ${load} p${spec.payload}${spec.room ? ` m${spec.room}` : ''}`;
      for (const run of runs) Object.assign(run, { row: rename(row), workload: rename(spec.workload) });
      return {
        id: `${native ? '' : `${spec.stack}:`}${spec.workload}/${rename(row)}/c${spec.clients}/${load}/p${spec.payload}`,
        stack: spec.stack ?? 'native',
        workload: rename(spec.workload),
        row: rename(row),
        group: rename(key),
        mode: spec.rate ? 'open' : 'closed',
        clients: spec.clients,
        threads: 1,
        offered_rate_per_s: spec.rate ?? null,
        payload_bytes: spec.payload,
        room_size: spec.room ?? null,
        poll_interval_ns: polls ? 100000000 : null,
        runs,
        summary: summarize(runs),
        verdict: 'valid',
        reasons: [],
      };
    }),
  );
  damage(cells);
  return {
    schema: 'dragstrip.results/1',
    complete: true,
    aborted: false,
    created_utc: '2026-01-01T00:00:00Z',
    tool: {
      version: '0.1.0',
      commit: '0123456789abcdef',
      dirty: false,
      compiler: 'SYNTHETIC',
      flags: '-O2',
      build_type: 'Release',
    },
    machine: {
      kernel: 'Linux 6.1',
      cpu: 'SYNTHETIC, nothing was measured',
      cores: 2,
      memory_bytes: 8e9,
      virtualization: 'none',
      clocksource: 'tsc',
      congestion_control: 'cubic',
      fitness: 'B',
    },
    libraries: { nghttp2: '1.52.0' },
    suite: {
      name: 'synthetic',
      text: '# made up\nrounds = 6\n',
      seed,
      rounds,
      command: 'dragstrip run --suite synthetic',
    },
    floor: Object.fromEntries(
      cells.map((cell, i) => [
        cell.id,
        { operations: 11_000, p50_ns: 5000 + i, p99_ns: i % 3 === 0 ? null : 9000 + i, client_cpu_ns_per_op: 4500 },
      ]),
    ),
    cells,
    claims: makeClaims(cells),
  };
}

export function invalidate(cell, verdict = 'invalid') {
  Object.assign(cell, {
    verdict,
    reasons: [{ code: 'late', text: 'in 4 of 6 runs: only 91.0 % were released on time' }],
  });
  for (const run of cell.runs) run.verdict = verdict;
  if (verdict === 'invalid') for (const key of Object.keys(cell.summary)) cell.summary[key] = null;
}
