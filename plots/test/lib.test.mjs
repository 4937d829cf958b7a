import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import { bundle } from '../lib/bundle.js';
import { bytes, count, duration, escapeHtml, list, ratio, significant } from '../lib/format.js';
import { bucketMiddle, buckets, median, quantiles, total } from '../lib/histogram.js';
import { METRICS, sentence, slug } from '../lib/model.js';
import { linearAxis, logAxis, place } from '../lib/scale.js';
import { firstError } from '../lib/schema.js';
import { clip, spread, textWidth, wrap } from '../lib/text.js';
import { bucketIndex, random } from './fixture.mjs';

test('three significant digits, no trailing zeros, no minus zero', () => {
  const cases = [
    [0, '0'],
    [-0, '0'],
    [1, '1'],
    [1.5, '1.5'],
    [1.2345, '1.23'],
    [12.345, '12.3'],
    [123.45, '123'],
    [9.999, '10'],
    [0.00123456, '0.00123'],
    [-2.5, '-2.5'],
    [null, '–'],
    [undefined, '–'],
    [NaN, '–'],
    [Infinity, '–'],
  ];
  for (const [value, shown] of cases) assert.equal(significant(value), shown, String(value));
});

test('units follow the value', () => {
  assert.equal(duration(164200), '164 µs');
  assert.equal(duration(999.6), '1 µs');
  assert.equal(duration(50e6), '50 ms');
  assert.equal(duration(2.5e9), '2.5 s');
  assert.equal(duration(0), '0 ns');
  assert.equal(count(12500), '12.5k');
  assert.equal(bytes(100), '100 B');
  assert.equal(bytes(1536), '1.5 KiB');
  assert.equal(ratio(5.46), '5.5×');
  assert.equal(ratio(664.2), '664×');
  assert.equal(list(['a', 'b', 'c']), 'a, b and c');
  assert.equal(escapeHtml('<a href="x">\'&'), '&lt;a href=&quot;x&quot;&gt;&#39;&amp;');
});

test('metrics are called what results/metrics.h calls them', () => {
  const header = fs.readFileSync(new URL('../../results/metrics.h', import.meta.url), 'utf8');
  const known = new Map(
    [...header.matchAll(/Metric\{"(\w+)", Unit::(\w+), Better::(\w+),\s*[\d.]+,\s*"([^"]+)"/g)].map(
      ([, key, unit, better, label]) => [key, { label, unit, better }],
    ),
  );
  assert.equal(known.size, header.match(/^ +Metric\{"/gm).length);
  for (const [key, metric] of Object.entries(METRICS)) {
    if (key !== 'bytes_per_op') assert.deepEqual(metric, known.get(key), key); // the sum of two of them
  }
});

test('a bucket stands for its middle, and every value falls into its own', () => {
  const next = random(7);
  for (let i = 0; i < 2000; ++i) {
    const value = Math.floor(2 ** (next() * 40));
    const middle = bucketMiddle(bucketIndex(value, 10), 10);
    assert.ok(Math.abs(middle - value) <= Math.max(0.5, value / 2 ** 11), `${value} became ${middle}`);
  }
});

test('quantiles are those of the sorted values', () => {
  const next = random(3);
  const values = Array.from({ length: 5000 }, () => 1 + Math.floor(900 * next())); // below 1024 a bucket is one value
  const counts = new Map();
  for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1);
  const histogram = { unit_ns: 1, sub_bucket_bits: 10, counts: [...counts].sort((a, b) => a[0] - b[0]) };
  const found = buckets({ histogram });
  values.sort((a, b) => a - b);
  assert.equal(total(found), 5000);
  const qs = [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1];
  assert.deepEqual(
    quantiles(found, qs),
    qs.map((q) => values[Math.max(1, Math.ceil(q * 5000 - 1e-9)) - 1]),
  );
});

test('operations that never ended are slower than every quantile that is shown', () => {
  const found = [{ value: 10, count: 90 }];
  assert.deepEqual(quantiles(found, [0.5, 0.9, 0.91, 0.99], 100), [10, 10, null, null]);
  const timeouts = [...found, { value: 1000, count: 5 }];
  assert.deepEqual(quantiles(timeouts, [0.5, 0.9, 0.91, 0.99], 100, 90), [10, 10, null, null]);
  assert.equal(buckets({ histogram: { unit_ns: 1, sub_bucket_bits: 10, counts: [] } }), null);
  assert.equal(buckets(null), null);
});

test('median', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
});

test('ticks of a log axis keep their distance over any range', () => {
  const next = random(11);
  for (let i = 0; i < 500; ++i) {
    const low = 10 ** (-9 + 18 * next());
    const high = low * 10 ** (next() * 9);
    const pixels = 60 + 600 * next();
    const axis = logAxis([low, high], pixels, 26);
    const at = place(axis, 0, pixels);
    assert.ok(at(low) >= 0 && at(high) <= pixels);
    const places = axis.ticks.map((t) => at(axis.value(t)));
    places.forEach((x, k) =>
      assert.ok(x >= -1e-6 && x <= pixels + 1e-6 && (k === 0 || x - places[k - 1] >= 26 - 1e-6)),
    );
    assert.ok(pixels < 150 || axis.ticks.length >= 2, `${low} to ${high} on ${pixels} pixels has ${axis.ticks.length}`);
  }
  for (let i = 0; i < 500; ++i) {
    // A narrow panel of the forest charts: one tick would be no scale.
    const low = 10 ** (-2 + 6 * next());
    const axis = logAxis([low, low * (1 + 3 * next())], 165, 54);
    assert.ok(axis.ticks.length >= 2, `from ${low}: ${axis.ticks.length}`);
  }
  assert.ok(logAxis([], 100, 20).max > logAxis([], 100, 20).min);
  assert.ok(Number.isFinite(logAxis([0, -1, NaN], 100, 20).max));
});

test('a linear axis starts at zero and is round, in KiB too', () => {
  assert.deepEqual(linearAxis([3, 87], 5).ticks, [0, 20, 40, 60, 80, 100]);
  assert.deepEqual(linearAxis([9000], 4, { binary: true }).ticks, [0, 5120, 10240]);
  assert.equal(linearAxis([-300, 1000]).min <= -300, true);
  assert.ok(linearAxis([0, 0]).max > 0);
  assert.ok(linearAxis([]).max > 0);
});

test('labels are moved apart and stay in their order and place', () => {
  assert.deepEqual(spread([50, 50, 50], 10, 0, 100), [50, 60, 70]);
  assert.deepEqual(spread([95, 99], 10, 0, 100), [90, 100]);
  const placed = spread([5, 30, 31, 90], 18, 0, 100);
  for (let i = 1; i < placed.length; ++i) assert.ok(placed[i] - placed[i - 1] >= 18);
});

test('text is wrapped and cut to the width', () => {
  for (const words of ['http-stream/h2 and http-stream/h1 tie on p99 (within 5 %)', 'x'.repeat(200), '超'.repeat(60)]) {
    for (const line of wrap(words, 200, 13, true)) assert.ok(textWidth(line, 13, true) <= 200, line);
  }
  assert.equal(clip('short', 100, 12), 'short');
  assert.ok(clip('long '.repeat(50), 100, 12).endsWith('…'));
});

test('claims are set in type, long excuses are counted', () => {
  assert.equal(
    sentence({ sentence: 'sse/h1 has the lowest p99: 1.38-1.6x clear of long-poll/h1' }),
    'sse/h1 has the lowest p99: 1.38–1.6× clear of long-poll/h1',
  );
  assert.equal(
    sentence({ sentence: 'no claim on p50: a/h1, b/h1, c/h2 and d/h1 are not valid' }),
    'no claim on p50: 4 rows are not valid',
  );
  assert.equal(
    sentence({ sentence: 'no claim on p50: a/h1 and b/h1 are not valid' }),
    'no claim on p50: a/h1 and b/h1 are not valid',
  );
  assert.equal(slug('cpp_httplib: feed c1 r5'), 'cpp-httplib-feed-c1-r5');
});

test('the validator finds what is wrong, and where', () => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    required: ['a'],
    properties: {
      a: { type: 'array', items: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/n' }] } },
      b: { enum: ['x', null] },
    },
    $defs: { n: { type: 'integer', minimum: 1 } },
  };
  assert.equal(firstError({ a: [1, null], b: null }, schema, {}), null);
  assert.match(firstError({ a: [1, 0] }, schema, {}), /^a\[1\]: 0 is out of range/);
  assert.match(firstError({ a: [1.5] }, schema, {}), /^a\[0\]: integer expected/);
  assert.match(firstError({}, schema, {}), /a is missing/);
  assert.match(firstError({ a: [], c: 1 }, schema, {}), /"c" is not known/);
  assert.match(firstError({ a: [], b: 'y' }, schema, {}), /^b: one of/);
  assert.match(firstError([], schema, {}), /object expected/);
});

test('the page script is one script, without imports, and parses', () => {
  const code = bundle('page/app.js');
  assert.doesNotMatch(code, /^\s*(import|export)\b/m);
  assert.doesNotThrow(() => new Function(code));
});
