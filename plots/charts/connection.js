// What does a connection cost? Time until TCP is there, until it is usable, until the first message; bytes to get there;
// memory the server holds for it. One row of dots a phase, each on its own scale.

import { forest, forestHeight, forestTable } from '../lib/forest.js';
import { brief, capital, entry, groupsOf, noClaim, sentence, sharing, sharingNote, unfitNote } from '../lib/model.js';

export const name = 'connection';
export const question = 'What does a connection cost?';

const PHASES = [
  'connect_tcp_p50_ns',
  'connect_ready_p50_ns',
  'connect_first_message_p50_ns',
  'server_cpu_ns_per_op',
  'bytes_per_op',
];
const HEADINGS = {
  connect_tcp_p50_ns: 'until TCP is open (p50)',
  connect_ready_p50_ns: 'until it is usable (p50)',
  connect_first_message_p50_ns: 'until the first message (p50)',
  server_cpu_ns_per_op: 'server CPU per connection',
  bytes_per_op: 'TCP/IP bytes, open to close',
};

// Connections that are opened and closed again hold nothing worth weighing: memory comes from the group of the same stack
// that keeps most connections open.
function memoryPanel(groups, stack) {
  const key = 'server_bytes_per_connection';
  const holds = (group) =>
    group.stack === stack && group.workload !== 'connect' && group.cells.some((cell) => cell.summary[key]);
  const group = groups.filter(holds).sort((a, b) => b.clients - a.clients || b.cells.length - a.cells.length)[0];
  if (!group) return [];
  return [
    {
      heading: 'server memory per connection',
      key,
      from: group.label,
      shared: sharing(group.cells),
      entries: group.cells.map((cell) => entry(cell, group, key)),
      log: false,
    },
  ];
}

export function prepare(results) {
  const charts = [];
  const groups = groupsOf(results);
  for (const group of groups.filter((g) => g.workload === 'connect')) {
    const panels = PHASES.map((key) => ({
      heading: HEADINGS[key],
      key,
      entries: group.cells.map((cell) => entry(cell, group, key)),
      log: true,
    })).filter((panel) => panel.entries.some((e) => e.stat));
    if (panels.length === 0) continue;
    const key = ['connect_first_message_p50_ns', 'connect_ready_p50_ns'].find((k) => group.claims[k]);
    charts.push({
      ...brief(group, results),
      id: `connection-${group.slug}`,
      panels: [...panels, ...memoryPanel(groups, group.stack)],
      claim: key ? sentence(group.claims[key]) : noClaim(panels[0].entries, panels[0].key),
    });
  }
  return charts;
}

export function title(data) {
  return capital(data.claim);
}

export function subtitle(data) {
  return [
    `dot: median of ${data.rounds} ${data.rounds === 1 ? 'run' : 'runs'}, bar: 95 % interval of it, ticks: runs; each panel has its own scale`,
    ...data.panels.filter((p) => p.from).flatMap((p) => [`memory from ${p.from}`, ...sharingNote(p.shared)]),
    ...(data.unfit.length ? [unfitNote(data.unfit)] : []),
    data.provenance,
  ].join(' · ');
}

export function table(data) {
  return forestTable(data.panels);
}

export function height(data, width) {
  return forestHeight(data.panels, width);
}

export function option(data, size, colours) {
  return forest(data.panels, size, colours);
}
