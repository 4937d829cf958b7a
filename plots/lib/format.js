// The one number formatter of charts and report: three significant digits, trailing zeros trimmed, no locale.
// Units are chosen per chart or per call, never by the reader's machine.

export function significant(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  const decimals = Math.max(0, digits - 1 - magnitude);
  const rounded = decimals > 20 ? value.toPrecision(digits) : value.toFixed(decimals);
  const trimmed = rounded.includes('.') && !rounded.includes('e') ? rounded.replace(/\.?0+$/, '') : rounded;
  return trimmed === '-0' ? '0' : trimmed;
}

const DURATIONS = [
  ['s', 1e9],
  ['ms', 1e6],
  ['µs', 1e3],
  ['ns', 1],
];

export function duration(ns) {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return '–';
  const [unit, scale] = DURATIONS.find(([, s]) => Math.abs(ns) >= s * 0.9995) ?? DURATIONS[3];
  return `${significant(ns / scale)} ${unit}`;
}

const COUNTS = [
  ['G', 1e9],
  ['M', 1e6],
  ['k', 1e3],
  ['', 1],
];

export function count(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const [unit, scale] = COUNTS.find(([, s]) => Math.abs(value) >= s * 0.9995) ?? COUNTS[3];
  return `${significant(value / scale)}${unit}`;
}

export function bytes(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  for (const [unit, scale] of [
    ['GiB', 2 ** 30],
    ['MiB', 2 ** 20],
    ['KiB', 2 ** 10],
  ]) {
    if (Math.abs(value) >= scale) return `${significant(value / scale)} ${unit}`;
  }
  return `${significant(value)} B`;
}

export function ratio(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  return `${significant(value, value < 10 ? 2 : 3)}×`;
}

// By the units of results/metrics.h.
export const byUnit = { ns: duration, per_s: (v) => `${count(v)}/s`, bytes, count: significant };

// Before a value that operations which never ended make a lower bound.
export function atLeast(bound) {
  return bound ? '≥ ' : '';
}

export function escapeHtml(text) {
  return String(text).replace(
    /[&<>"']/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c],
  );
}

// "a, b and c"
export function list(words) {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
