// Does the instrument measure what is known? Every model of `dragstrip validate`: where the residual lies between the limits
// of what is allowed. Drawn from validate.json, not from results: it is no part of charts/all.js.

import { base, line, rect, text } from '../lib/draw.js';
import { significant } from '../lib/format.js';
import { clip } from '../lib/text.js';

export const name = 'residuals';
export const question = 'Does the instrument measure what is known?';

const LINE = 20;
const HEAD = 30;
const TOP = 22;
const BEYOND = 1.3; // what lies outside the limits is drawn here at most
const TITLES = {
  V1: 'Bytes on the wire',
  V2: 'Short polls',
  V3: 'Long polls',
  V4: 'Age of information',
  V5: 'Round trips to the first event',
  V6: 'HTTP/2 windows',
  V7: 'Fan-out',
  V8: 'Byte counts, audited',
};

// -1 and 1 are the limits. A residual that only has to be large enough is inside by as much as it is larger.
export function place({ residual, low, high }) {
  if (residual === null) return BEYOND;
  if (high === null && low !== null) return residual > 0 ? Math.min(BEYOND, low / residual) : BEYOND;
  const limit = residual < 0 ? low : high;
  if (residual === 0) return 0;
  if (limit === null) return 0;
  const at = limit === 0 ? BEYOND * Math.sign(residual) : residual / Math.abs(limit);
  return Math.max(-BEYOND, Math.min(BEYOND, at));
}

function family(check) {
  return check.cell.split(' n=')[0];
}

export function prepare(document) {
  const sections = [];
  for (const check of document.checks) {
    let section = sections.find((s) => s.validation === check.validation);
    if (!section) sections.push((section = { validation: check.validation, rows: [] }));
    let row = section.rows.find((r) => r.cell === family(check));
    if (!row) section.rows.push((row = { cell: family(check), marks: {}, reason: '' }));
    if (check.verdict === 'skipped') {
      row.reason = check.reason;
      continue;
    }
    const mark = { at: place(check), residual: check.residual, unit: check.unit, failed: check.verdict === 'fail' };
    const seen = row.marks[check.where]; // of several sizes the worst one
    if (!seen || mark.failed > seen.failed || (mark.failed === seen.failed && Math.abs(mark.at) > Math.abs(seen.at)))
      row.marks[check.where] = mark;
  }
  // Skipped on one track and measured on the other is a row with one mark; skipped on all is counted only.
  for (const section of sections) section.rows = section.rows.filter((row) => Object.keys(row.marks).length > 0);
  const { passed, failed, skipped, complete, effort, created_utc, machine, tool, planted_fault } = document;
  return [
    {
      id: 'residuals-validate',
      sections: sections.filter((section) => section.rows.length > 0),
      passed,
      failed,
      skipped,
      complete,
      planted: planted_fault,
      provenance: `${effort} · ${created_utc.slice(0, 10)} · ${machine.cores} cores, ${machine.kernel} · ${tool.commit.slice(0, 10)}${tool.dirty ? ', changed' : ''}`,
    },
  ];
}

export function title(data) {
  const verdict =
    data.failed > 0
      ? `${data.failed} of ${data.failed + data.passed} models were not met`
      : `All ${data.passed} comparisons agree with their models`;
  return `${verdict}${data.planted ? ' (a fault was planted)' : ''}${data.complete ? '' : ' (interrupted)'}`;
}

export function subtitle(data) {
  return [
    'residual (measured − model) between the limits of what is allowed; of several sizes the worst',
    'hollow: virtual clock, filled: real sockets, ✕: outside',
    `${data.skipped} skipped`,
    data.provenance,
  ].join(' · ');
}

function shown(mark) {
  if (mark.residual === null) return 'none';
  const sign = mark.residual > 0 ? '+' : '';
  if (mark.unit === 'RTT') return `${sign}${mark.residual.toFixed(3)} RTT`;
  if (mark.unit === 'B/s') return `${sign}${significant(mark.residual / 1e6, 2)} MB/s`;
  const digits = mark.unit === 'B' ? 6 : 2;
  const small = mark.unit === 'ms' && Math.abs(mark.residual) < 0.005;
  return `${small ? '0' : sign + significant(mark.residual, digits)}${mark.unit ? ` ${mark.unit}` : ''}`;
}

export function table(data) {
  return {
    head: ['model', 'virtual clock', 'sockets'],
    rows: data.sections.flatMap((section) =>
      section.rows.map((row) => [
        `${section.validation} ${row.cell}`,
        ...['sim', 'sockets'].map((where) =>
          row.marks[where] ? `${shown(row.marks[where])}${row.marks[where].failed ? ' FAIL' : ''}` : '–',
        ),
      ]),
    ),
  };
}

export function height(data) {
  return TOP + data.sections.reduce((sum, section) => sum + HEAD + section.rows.length * LINE, 0);
}

function mark(where, m, x, y, colours) {
  if (m.failed) {
    const colour = colours.parts[1];
    return [
      line(x - 5, y - 5, x + 5, y + 5, colour, { width: 2.5, z: 6 }),
      line(x - 5, y + 5, x + 5, y - 5, colour, { width: 2.5, z: 6 }),
    ];
  }
  const filled = where === 'sockets';
  const style = { fill: filled ? colours.parts[0] : 'none', stroke: colours.parts[0], lineWidth: 1.5 };
  return [{ type: 'circle', silent: true, z: filled ? 4 : 5, shape: { cx: x, cy: y, r: filled ? 3.5 : 5.5 }, style }];
}

export function option(data, size, colours) {
  const names = Math.min(size.width * 0.36, 250);
  const values = size.width < 600 ? 78 : 168;
  const left = names + 8;
  const right = size.width - values - 12;
  const px = (at) => left + ((at + BEYOND + 0.1) / (2 * (BEYOND + 0.1))) * (right - left);
  const drawn = [];
  const bottom = height(data);
  drawn.push(rect(px(-1), TOP, px(1) - px(-1), bottom - TOP, colours.stripe, { z: 0 }));
  for (const [at, words] of [
    [-1, '− limit'],
    [0, 'model'],
    [1, '+ limit'],
  ]) {
    drawn.push(line(px(at), TOP, px(at), bottom, at === 0 ? colours.muted : colours.line, { z: 1 }));
    drawn.push(text(px(at), 9, words, { colour: colours.muted, align: 'center' }));
  }
  let y = TOP;
  for (const section of data.sections) {
    const heading = `${section.validation} · ${TITLES[section.validation] ?? ''}`;
    drawn.push(text(0, y + HEAD / 2 + 2, clip(heading, names, 12, true), { colour: colours.text, bold: true }));
    y += HEAD;
    for (const row of section.rows) {
      const middle = y + LINE / 2;
      drawn.push(text(10, middle, clip(row.cell, names - 14, 12), { colour: colours.text }));
      for (const [where, m] of Object.entries(row.marks)) drawn.push(...mark(where, m, px(m.at), middle, colours));
      const wide = size.width >= 600;
      const parts = (wide ? ['sim', 'sockets'] : ['sockets']).map((where) => row.marks[where]);
      const words = (m) => (m ? shown(m) : '–');
      if (wide) {
        drawn.push(text(size.width - 86, middle, words(parts[0]), { colour: colours.muted, align: 'right' }));
      }
      const last = parts.at(-1);
      const label = words(last ?? (wide ? undefined : row.marks.sim));
      drawn.push(text(size.width, middle, label, { colour: last?.failed ? colours.parts[1] : colours.text, align: 'right', bold: last?.failed ?? false }));
      y += LINE;
    }
  }
  if (size.width >= 600) drawn.push(text(size.width - 86, 9, 'virtual clock', { colour: colours.muted, align: 'right' }));
  drawn.push(text(size.width, 9, 'sockets', { colour: colours.muted, align: 'right' }));
  return { ...base(colours), graphic: { elements: drawn } };
}
