// Results the tests share. Small: few operations, so that a file takes milliseconds; the shapes are those of real suites.

import { GROUPS, fixture, invalidate } from './fixture.mjs';

export const SMALL = GROUPS.map((group) => ({ ...group, operations: Math.min(group.operations, 1200) }));

// A suspect and an invalid cell, a metric that is missing, one that is a lower bound.
export function damaged(cells) {
  const find = (workload, row) => cells.find((cell) => cell.workload === workload && cell.row === row);
  invalidate(find('feed', 'http-stream/h2'), 'suspect');
  invalidate(find('chat', 'long-poll/h1'), 'invalid');
  find('feed', 'sse/h1').summary.p50_ns = null;
  find('connect', 'sse/h2').summary.connect_first_message_p50_ns = null;
  const bound = find('chat', 'sse/h1').summary.p50_ns;
  bound.lower_bound = true;
  find('chat', 'websocket/h1').summary.bytes_up_per_op = null;
  const memory = find('feed', 'tcp').summary.server_bytes_per_connection;
  for (const key of ['median', 'low', 'high']) memory[key] = -512;
}

export const sound = fixture({ groups: SMALL });
export const hurt = fixture({ groups: SMALL, seed: 2, damage: damaged });
// One group of each kind of chart.
export const few = fixture({
  groups: SMALL.filter((group) => group.workload !== 'chat' && group.rate !== 2000),
  seed: 6,
  rounds: 6,
  damage: (cells) =>
    invalidate(
      cells.find((cell) => cell.workload === 'feed' && cell.row === 'sse/h1'),
      'suspect',
    ),
});
export const two = fixture({
  seed: 3,
  rounds: 1,
  groups: [
    { workload: 'rpc', clients: 1, rate: 100, rows: ['request/h1'], operations: 300 },
    { workload: 'feed', clients: 2, rate: null, rows: ['tcp', 'sse/h1'], operations: 200, stack: 'cpp_httplib' },
  ],
});
export const nothing = { ...fixture({ groups: [] }), cells: [], claims: [] };
export const hostile = fixture({
  seed: 4,
  rounds: 2,
  rename: (text) => `${text}</script><img src=x onerror=alert(1)>"'&\u202e超`,
  groups: SMALL.filter((group) => group.workload !== 'chat').map((group) => ({
    ...group,
    rows: group.rows.slice(0, 3),
    operations: 300,
  })),
});
export const spoiled = fixture({
  seed: 5,
  groups: SMALL,
  damage: (cells) => cells.forEach((cell, i) => invalidate(cell, i % 2 ? 'invalid' : 'suspect')),
});

export const all = { sound, hurt, two, nothing, hostile, spoiled };

// Numbers of every size, as no machine would measure them.
export function wild(seed) {
  return fixture({
    seed,
    groups: SMALL.map((group) => ({ ...group, operations: 300 })),
    damage: (cells) =>
      cells.forEach((cell, i) => {
        const factor = 10 ** (((seed * 7 + i * 13) % 18) - 9);
        for (const stat of Object.values(cell.summary)) {
          if (!stat) continue;
          for (const key of ['median', 'low', 'high']) stat[key] *= factor;
          stat.values = stat.values.map((v) => v * factor);
        }
        if (i % 5 === 0) cell.summary.p50_ns = null;
        if (i % 7 === 0) for (const key of ['median', 'low', 'high']) cell.summary.server_cpu_ns_per_op[key] = 0;
      }),
  });
}
