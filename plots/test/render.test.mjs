// The program as dragstrip calls it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';

import { plotsPath } from '../lib/files.js';
import { hurt, nothing, two } from './samples.mjs';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'dragstrip-plots-'));
after(() => fs.rmSync(home, { recursive: true, force: true }));

function put(name, content) {
  const file = path.join(home, name);
  fs.writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

function render(args, env = {}) {
  return spawnSync(process.execPath, [plotsPath('render.mjs'), ...args], {
    encoding: 'utf8',
    cwd: home,
    env: { ...process.env, ...env },
  });
}

function fails(args, code, pattern) {
  const { status, stderr, stdout } = render(args);
  assert.equal(status, code, stderr);
  assert.match(stderr, pattern);
  assert.equal(stderr.trim().split('\n').length, 1, stderr);
  assert.equal(stdout, '');
}

const tree = (directory) =>
  Object.fromEntries(
    fs
      .readdirSync(directory, { recursive: true })
      .sort()
      .filter((name) => fs.statSync(path.join(directory, name)).isFile())
      .map((name) => [name, fs.readFileSync(path.join(directory, name), 'utf8')]),
  );

test('writes the page and the pictures, the same bytes in any locale and zone', () => {
  const file = put('hurt.json', hurt);
  const first = render([file, '--out', 'a']);
  assert.equal(first.status, 0, first.stderr);
  assert.equal(first.stderr + first.stdout, '');
  const second = render(['--out', 'b', file], { LC_ALL: 'de_DE.UTF-8', TZ: 'Asia/Tokyo', LANG: 'tr_TR.UTF-8' });
  assert.equal(second.status, 0, second.stderr);
  const [a, b] = [tree(path.join(home, 'a')), tree(path.join(home, 'b'))];
  assert.deepEqual(Object.keys(a), Object.keys(b));
  for (const name of Object.keys(a)) assert.ok(a[name] === b[name], `${name} differs`);
  assert.ok(a['report.html']);
  for (const name of ['which', 'tail', 'load', 'throughput', 'intervals', 'bytes', 'connection']) {
    assert.ok(
      Object.keys(a).some((one) => one.startsWith(`charts/${name}-`) && one.endsWith('.svg')),
      name,
    );
  }
});

test('pictures of an earlier run go, other files stay', () => {
  const out = path.join(home, 'c');
  fs.cpSync(path.join(home, 'a'), out, { recursive: true }); // what the test before wrote
  assert.ok(fs.readdirSync(path.join(out, 'charts')).some((name) => name.includes('chat')));
  fs.writeFileSync(path.join(out, 'charts', 'mine.svg'), 'kept');
  assert.equal(render([put('two.json', two), '--out', out]).status, 0);
  const names = fs.readdirSync(path.join(out, 'charts'));
  assert.ok(names.includes('mine.svg'));
  assert.ok(!names.some((name) => name.includes('chat')));
  assert.ok(!names.some((name) => name.endsWith('.tmp')));
});

test('a file without cells makes a page', () => {
  assert.equal(render([put('nothing.json', nothing), '--out', 'd']).status, 0);
});

test('usage, and what cannot be read, is 2 and one line', () => {
  fails([], 2, /usage/);
  fails([put('hurt.json', hurt)], 2, /usage/);
  fails(['--what', 'x', '--out', 'y'], 2, /usage/);
  fails(['missing.json', '--out', 'e'], 2, /cannot read missing\.json: ENOENT/);
  fails([put('text.json', 'hello'), '--out', 'e'], 2, /is not JSON/);
  fails([put('foreign.json', { schema: 'other/1' }), '--out', 'e'], 2, /not a results file/);
  fails([put('null.json', 'null'), '--out', 'e'], 2, /not a results file/);
  const deep = `{"schema":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  fails([put('deep.json', deep), '--out', 'e'], 2, /not a results file/);
  const later = { ...nothing, schema: 'dragstrip.results/2' };
  fails([put('later.json', later), '--out', 'e'], 2, /schema: "dragstrip\.results\/1" expected/);
  const broken = structuredClone(two);
  delete broken.cells[0].summary.p50_ns;
  fails([put('broken.json', broken), '--out', 'e'], 2, /cells\[0\]\.summary: p50_ns is missing/);
  assert.ok(!fs.existsSync(path.join(home, 'e')));
});

test('what cannot be written is 5, and the old page stays whole', () => {
  const file = put('two.json', two);
  fails([file, '--out', path.join(file, 'under-a-file')], 5, /cannot make/);
  const out = path.join(home, 'f');
  fs.mkdirSync(path.join(out, 'report.html'), { recursive: true }); // a directory where the page should go
  fails([file, '--out', out], 5, /cannot write .*report\.html/);
  assert.deepEqual(fs.readdirSync(out).sort(), ['charts', 'report.html']);
});
