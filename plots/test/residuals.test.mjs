// The chart of `dragstrip validate`, and what render.mjs makes of a validate.json.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import * as residuals from '../charts/residuals.js';
import { plotsPath } from '../lib/files.js';
import { standalone } from '../lib/svg.js';
import { wellFormed } from './xml.mjs';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'dragstrip-residuals-'));
after(() => fs.rmSync(home, { recursive: true, force: true }));

function check(validation, where, cell, residual, low, high, more = {}) {
  const inside = residual !== null && (low === null || residual >= low) && (high === null || residual <= high);
  return {
    validation,
    where,
    cell,
    unit: 'ms',
    model: 50,
    measured: residual === null ? null : 50 + residual,
    residual,
    low,
    high,
    verdict: inside ? 'pass' : 'fail',
    reason: '',
    ...more,
  };
}

function document(checks) {
  const of = (verdict) => checks.filter((c) => c.verdict === verdict).length;
  return {
    schema: 'dragstrip.validate/1',
    created_utc: '2026-01-02T03:04:05Z',
    tool: { version: '0.1.0', commit: '0123456789abcdef', dirty: false },
    machine: { kernel: 'Linux 6.1', cpu: 'test', cores: 2 },
    effort: 'normal',
    planted_fault: false,
    complete: true,
    duration_s: 1,
    passed: of('pass'),
    failed: of('fail'),
    skipped: of('skipped'),
    checks,
  };
}

const good = [
  check('V1', 'sim', 'sse/h1 n=16', 0, 0, 0, { unit: 'B' }),
  check('V1', 'sim', 'sse/h1 n=100', 0, 0, 0, { unit: 'B' }),
  check('V1', 'sockets', 'sse/h1 n=16', 0, 0, 0, { unit: 'B' }),
  check('V2', 'sim', 'a <cell> & more: mean', 0.5, -1, 1),
  check('V6', 'sockets', 'window', 5e6, 1e6, null, { unit: 'B/s' }),
  check('V7', 'sim', 'fan-out', null, null, null, { verdict: 'skipped', reason: 'no cost' }),
];

test('a residual is placed between its limits, and outside when it is outside', () => {
  const at = (residual, low, high) => residuals.place({ residual, low, high });
  assert.equal(at(0, 0, 0), 0);
  assert.equal(at(0.5, -1, 1), 0.5);
  assert.equal(at(-0.5, -1, 4), -0.5);
  assert.equal(at(2, -1, 4), 0.5);
  assert.equal(at(-1, -1, 1), -1);
  assert.ok(at(1.01, -1, 1) > 1);
  assert.ok(at(1, 0, 0) > 1);
  assert.ok(at(-1, 0, 0) < -1);
  assert.ok(at(null, 0, 0) > 1); // did not come at all
  assert.ok(at(10, 5, null) < 1 && at(4, 5, null) > 1 && at(-3, 5, null) > 1); // has to be large enough
  assert.equal(at(0.5, null, 1), 0.5);
});

test('the sizes of a row are one line, and the worst of them is what it shows', () => {
  const worse = check('V1', 'sim', 'sse/h1 n=1024', 1, 0, 0, { unit: 'B' });
  const [data] = residuals.prepare(document([...good, worse]));
  assert.equal(data.sections[0].rows.length, 1);
  assert.equal(data.sections[0].rows[0].marks.sim.failed, true);
  assert.equal(data.sections[0].rows[0].marks.sockets.failed, false);
  assert.match(residuals.title(data), /^1 of 6 models were not met$/);
  const [fine] = residuals.prepare(document(good));
  assert.equal(residuals.title(fine), 'All 5 comparisons agree with their models');
  assert.match(residuals.subtitle(fine), /1 skipped/);
  assert.ok(!fine.sections.some((section) => section.validation === 'V7'));
});

test('it is well-formed, the same twice, and has a place for every row', () => {
  const [data] = residuals.prepare(document([...good, check('V2', 'sockets', 'late', 9, -1, 1)]));
  const svg = standalone(residuals, data, 800);
  wellFormed(svg);
  assert.equal(svg, standalone(residuals, data, 800));
  for (const words of ['a &lt;cell&gt; &amp; more: mean', 'window', 'late', 'V6', '+9 ms']) assert.ok(svg.includes(words), words);
  assert.equal(residuals.table(data).rows.length, 4);
  for (const width of [350, 600, 1200]) residuals.option(data, { width, height: residuals.height(data) }, { parts: [], stripe: '', line: '', text: '', muted: '', background: '' });
});

test('render.mjs draws it, and refuses what does not follow the schema', () => {
  const render = (content) => {
    const file = path.join(home, 'validate.json');
    fs.writeFileSync(file, JSON.stringify(content));
    return spawnSync(process.execPath, [plotsPath('render.mjs'), file, '--out', home], { encoding: 'utf8' });
  };
  const done = render(document(good));
  assert.equal(done.status, 0, done.stderr);
  assert.ok(fs.existsSync(path.join(home, 'charts', 'residuals-validate.svg')));
  assert.ok(!fs.existsSync(path.join(home, 'report.html')));
  const bad = render({ ...document(good), effort: 'some' });
  assert.equal(bad.status, 2);
  assert.match(bad.stderr, /does not follow validate.schema.json: effort/);
});
