// Axes that we lay out ourselves: where a value lands in pixels is known without asking the chart library, so labels
// can be placed beside it. A log axis is a linear one over log10.

import { textWidth } from './text.js';

function niceStep(span, most) {
  const raw = span / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((m) => m * power >= raw * (1 - 1e-9));
}

// `most` ticks at most, from zero. Binary: steps are round in KiB, not in thousands.
export function linearAxis(values, most = 5, { binary = false } = {}) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(low + 1e-9, ...finite);
  const unit = binary ? 1024 ** Math.floor(Math.log2(Math.max(1, high)) / 10) : 1;
  const step = niceStep((high - low || 1) / unit, most) * unit;
  const min = Math.floor(low / step + 1e-9) * step;
  const max = Math.ceil(high / step - 1e-9) * step;
  const ticks = [];
  for (let i = 0; min + i * step <= max + step / 2; ++i) ticks.push(Number((min + i * step).toPrecision(12)));
  return { log: false, min, max, ticks, at: (v) => v, value: (t) => t };
}

const MANTISSAS = [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];

function logTicks(mantissas, min, max) {
  const ticks = [];
  for (let e = Math.floor(min); e <= Math.ceil(max); ++e) {
    for (const m of mantissas) {
      const t = Math.log10(m) + e;
      if (t >= min - 1e-9 && t <= max + 1e-9) ticks.push(Number(t.toFixed(9)));
    }
  }
  return ticks;
}

// Values that are not positive have no place on it and must have been counted before. Ticks are `gap` pixels apart at least.
export function logAxis(values, pixels, gap) {
  const logs = values.filter((v) => Number.isFinite(v) && v > 0).map(Math.log10);
  let min = logs.length ? Math.min(...logs) : 0;
  let max = logs.length ? Math.max(...logs) : 1;
  const room = Math.max(0.03 * (max - min), 0.02);
  min -= room;
  max += room;
  if (max - min < 0.5) {
    // never zoom into noise: less than about 3x is shown on a scale of 3x
    const middle = (min + max) / 2;
    min = middle - 0.25;
    max = middle + 0.25;
  }
  const perDecade = pixels / (max - min);
  const apart = (ticks) => ticks.every((t, i) => i === 0 || (t - ticks[i - 1]) * perDecade >= gap);
  let ticks = MANTISSAS.map((mantissas) => logTicks(mantissas, min, max)).find(
    (list) => list.length > 1 && apart(list),
  );
  // Too little room for anything regular: what keeps its distance, of steps as fine as two ticks need.
  for (const mantissas of max - min > 1.5 ? [[1]] : MANTISSAS.slice(0, 3).reverse()) {
    if (ticks?.length > 1) break;
    const kept = [];
    for (const t of logTicks(mantissas, min, max)) {
      if (kept.length === 0 || (t - kept.at(-1)) * perDecade >= gap) kept.push(t);
    }
    if (!ticks || kept.length > ticks.length) ticks = kept;
  }
  return { log: true, min, max, ticks, at: (v) => Math.log10(v), value: (t) => 10 ** t };
}

// Leaves out ticks of a horizontal axis until no label is nearer than eight pixels to the next.
export function thin(axis, pixels, format) {
  const at = place(axis, 0, pixels);
  const clear = (ticks) =>
    ticks.every(
      (t, i) =>
        i === 0 ||
        at(axis.value(t)) - at(axis.value(ticks[i - 1])) >=
          (textWidth(format(axis.value(t)), 12) + textWidth(format(axis.value(ticks[i - 1])), 12)) / 2 + 8,
    );
  let ticks = axis.ticks;
  for (let n = 2; !clear(ticks); ++n) ticks = axis.ticks.filter((_, i) => i % n === 0);
  return { ...axis, ticks };
}

// Pixel of a value between two pixels.
export function place(axis, from, to) {
  return (v) => from + ((axis.at(v) - axis.min) / (axis.max - axis.min)) * (to - from);
}
