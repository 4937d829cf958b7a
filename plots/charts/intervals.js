// Is A really faster than B? Medians of p50 and p99 with their intervals, side by side; what overlaps is not decided by eye
// but by the claim in the title.

import { forest, forestHeight, forestTable } from '../lib/forest.js';
import { brief, capital, entry, groupsOf, noClaim, sentence, unfitNote } from '../lib/model.js';

export const name = 'intervals';
export const question = 'Is one really faster than the other?';

export function prepare(results) {
  return groupsOf(results)
    .filter((group) => group.mode === 'open')
    .map((group) => {
      const panels = ['p50_ns', 'p99_ns', 'server_cpu_ns_per_op']
        .map((key) => ({
          heading: { p50_ns: 'p50', p99_ns: 'p99', server_cpu_ns_per_op: 'server CPU per operation' }[key],
          key,
          entries: group.cells.map((cell) => entry(cell, group, key)),
          log: true,
        }))
        .filter((panel) => panel.entries.some((e) => e.stat));
      const claim = group.claims.p50_ns;
      return {
        ...brief(group, results),
        id: `intervals-${group.slug}`,
        panels,
        claim: claim ? sentence(claim) : noClaim(panels[0]?.entries ?? [], 'p50_ns'),
      };
    })
    .filter((data) => data.panels.length > 0);
}

export function title(data) {
  return capital(data.claim);
}

export function subtitle(data) {
  return [
    `dot: median of ${data.rounds} ${data.rounds === 1 ? 'run' : 'runs'}, bar: 95 % interval of it, ticks: runs, log scale`,
    '★ best or tied',
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
