// How many fit? Closed-loop groups: dot = median, bar = 95 % interval of the median, a tick per run.

import { forest, forestHeight, forestTable } from '../lib/forest.js';
import { brief, capital, entry, groupsOf, noClaim, sentence, unfitNote } from '../lib/model.js';

export const name = 'throughput';
export const question = 'How much fits through?';

export function prepare(results) {
  return groupsOf(results)
    .filter((group) => group.mode === 'closed')
    .map((group) => {
      const key = 'throughput_per_s';
      const entries = group.cells.map((cell) => entry(cell, group, key));
      const claim = group.claims[key];
      return {
        ...brief(group, results),
        id: `throughput-${group.slug}`,
        panels: [{ heading: 'operations per second', key, entries, log: true }],
        claim: claim ? sentence(claim) : noClaim(entries, key),
      };
    });
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
