// Rows must be told apart by everybody: distances in OKLab under normal vision and three dichromacies, contrast on the page.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DELIVERIES, ROW_ORDER, THEMES, compareRows, deliveryOf, identityOf, literalColours } from '../lib/identity.js';

// Full-strength simulation on linear RGB: Machado, Oliveira and Fernandes 2009.
const VISIONS = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protan: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deutan: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritan: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function linear(hex) {
  return [1, 3, 5]
    .map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
}

function oklab([r, g, b]) {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function seen(hex, matrix) {
  const rgb = linear(hex);
  return oklab(
    matrix.map((row) =>
      Math.min(
        1,
        Math.max(
          0,
          row.reduce((sum, k, i) => sum + k * rgb[i], 0),
        ),
      ),
    ),
  );
}

export function contrast(a, b) {
  const [x, y] = [a, b].map((hex) => linear(hex)).map(([r, g, bl]) => 0.2126 * r + 0.7152 * g + 0.0722 * bl + 0.05);
  return Math.max(x, y) / Math.min(x, y);
}

for (const theme of ['light', 'dark']) {
  const colours = literalColours(theme);
  const names = Object.keys(DELIVERIES);

  test(`${theme}: two deliveries differ for every kind of eye`, () => {
    for (const [vision, matrix] of Object.entries(VISIONS)) {
      for (const [i, a] of names.entries()) {
        for (const b of names.slice(i + 1)) {
          const [x, y] = [a, b].map((name) => seen(colours.row(name), matrix));
          const distance = Math.hypot(...x.map((v, k) => v - y[k]));
          // The floor is grey among colours: close to the dull ones, told apart by its cross and its dots.
          const least = a === 'tcp' || b === 'tcp' ? 0.05 : 0.1;
          assert.ok(distance >= least, `${a} and ${b}, ${vision}: ${distance.toFixed(3)}`);
        }
      }
    }
  });

  test(`${theme}: marks and text stand out`, () => {
    for (const name of names) assert.ok(contrast(colours.row(name), colours.background) >= 3, name);
    for (const text of [colours.text, colours.muted]) {
      for (const ground of [colours.background, colours.stripe])
        assert.ok(contrast(text, ground) >= 4.5, `${text} on ${ground}`);
    }
    colours.heat.forEach((ground, i) => assert.ok(contrast(colours.heatInk[i], ground) >= 4.5, `heat ${i}`));
    for (const part of colours.parts) assert.ok(contrast(part, colours.background) >= 3, part);
  });
}

test('without colour, dash, marker and its fill still tell rows apart', () => {
  const colours = literalColours('light');
  const looks = ROW_ORDER.map((row) => {
    const id = identityOf(row, colours);
    return `${id.symbol} ${id.hollow} ${id.symbolSize}`;
  });
  assert.equal(new Set(looks).size, ROW_ORDER.length);
  assert.equal(new Set(Object.values(DELIVERIES).map((id) => String(id.dash))).size, Object.keys(DELIVERIES).length);
});

test('themes have the same keys', () => {
  assert.deepEqual(Object.keys(THEMES.light), Object.keys(THEMES.dark));
});

test('rows are always in the same order, unknown ones last', () => {
  assert.deepEqual(['websocket/h1', 'zzz', 'tcp', 'aaa/h9'].sort(compareRows), [
    'tcp',
    'websocket/h1',
    'aaa/h9',
    'zzz',
  ]);
  assert.equal(deliveryOf('sse/h2'), 'sse');
  assert.equal(identityOf('carrier-pigeon', literalColours('light')).colour, '#444444');
});
