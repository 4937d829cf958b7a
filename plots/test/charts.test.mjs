import assert from 'node:assert/strict';
import { test } from 'node:test';

import { charts } from '../charts/all.js';
import { PARTS } from '../charts/bytes.js';
import { stepOf, times } from '../charts/which.js';
import { schemaError } from '../lib/files.js';
import { literalColours, pageColours } from '../lib/identity.js';
import { capital, groupsOf, isFloor, sentence } from '../lib/model.js';
import { inline, standalone } from '../lib/svg.js';
import { all, hurt, sound, spoiled, two, wild } from './samples.mjs';
import { wellFormed } from './xml.mjs';

const chart = (name) => charts.find((one) => one.name === name);

for (const [name, results] of Object.entries(all)) {
  test(`the synthetic file "${name}" is a results file`, () => assert.equal(schemaError(results), null));

  test(`"${name}": every picture is well-formed XML with ids of its own`, () => {
    const ids = new Set();
    for (const one of charts) {
      for (const data of one.prepare(results)) {
        assert.match(data.id, /^[a-z]+-[a-z0-9-]+$/);
        const svg = standalone(one, data, 800);
        for (const id of wellFormed(svg)) {
          assert.ok(!ids.has(id), `id ${id} is there twice`);
          ids.add(id);
        }
        assert.doesNotMatch(svg, /NaN|undefined|Infinity|var\(/, data.id);
        for (const [width, suffix] of [
          [940, 'w'],
          [350, 'n'],
        ]) {
          const picture = inline(one, data, width, pageColours, suffix);
          for (const id of wellFormed(picture)) {
            assert.ok(!ids.has(id), `id ${id} is there twice`);
            ids.add(id);
          }
          assert.doesNotMatch(picture, /NaN|undefined|Infinity|#[0-9a-f]{6}\b/, data.id);
        }
      }
    }
  });

  test(`"${name}": the data of a chart survives JSON, and the chart is made of it alone`, () => {
    for (const one of charts) {
      for (const data of one.prepare(results)) {
        const copy = JSON.parse(JSON.stringify(data));
        assert.deepEqual(copy, data);
        assert.equal(one.title(copy), one.title(data));
        const { head, rows } = one.table(data);
        for (const row of rows) assert.equal(row.length, head.length, data.id);
      }
    }
  });
}

test('absurd numbers are drawn too', () => {
  for (let seed = 1; seed <= 3; ++seed) {
    for (const one of charts) {
      for (const data of one.prepare(wild(seed)))
        assert.doesNotMatch(standalone(one, data, 800), /NaN|undefined|Infinity/, data.id);
    }
  }
});

test('the same file gives the same bytes, whatever was drawn before', () => {
  const draw = (one, data) => standalone(one, data, 800);
  const first = charts.flatMap((one) => one.prepare(sound).map((data) => draw(one, data)));
  const backwards = [...charts]
    .reverse()
    .flatMap((one) =>
      one
        .prepare(sound)
        .reverse()
        .map((data) => draw(one, data)),
    )
    .reverse();
  assert.deepEqual(first, backwards);
});

test('a title is a claim of the file, word for word', () => {
  for (const results of [sound, hurt]) {
    const groups = groupsOf(results);
    const claims = new Set(results.claims.map((claim) => capital(sentence(claim))));
    for (const name of ['tail', 'throughput', 'intervals', 'connection']) {
      const list = chart(name).prepare(results);
      assert.ok(list.length > 0, name);
      for (const data of list) {
        const said = chart(name).title(data);
        const group = groups.find((one) => one.key === data.group);
        assert.ok(
          claims.has(said) && Object.values(group.claims).some((claim) => capital(sentence(claim)) === said),
          said,
        );
      }
    }
  }
});

test('load names a winner only where the claims do', () => {
  const [data] = chart('load').prepare(sound);
  const said = chart('load').title(data);
  const claims = sound.claims.filter(
    (claim) => claim.group.startsWith('rpc') && ['p50_ns', 'p99_ns'].includes(claim.metric) && claim.kind === 'win',
  );
  const [, winner, metric, count] = /^(\S+) has the lowest (p50|p99) at (\d+) of 3 rates$/.exec(said) ?? [];
  assert.ok(winner, said);
  const decided = claims.filter((claim) => claim.metric === `${metric}_ns` && !claim.group.includes('closed'));
  assert.equal(decided.length, Number(count));
  assert.ok(decided.every((claim) => claim.best[0] === winner));
});

test('which: stars and counts are those of the claims', () => {
  for (const results of [sound, hurt]) {
    for (const data of chart('which').prepare(results)) {
      for (const column of data.columns) {
        const claim = results.claims.find((one) => one.group === column.group && one.metric === data.metric);
        const starred = column.cells
          .filter((cell) => cell.best)
          .map((cell) => cell.row)
          .sort();
        assert.deepEqual(starred, [...(claim?.best ?? [])].sort());
      }
      const counted = /in (\d+) of (\d+) workloads/.exec(chart('which').title(data));
      if (counted) assert.equal(Number(counted[2]), data.columns.length);
      if (data.columns.every((column) => column.kind === 'no_claim')) assert.match(chart('which').title(data), /^No /);
    }
  }
});

test('suspect and invalid cells, and the floor, win nothing, even where a claim names them', () => {
  const tampered = structuredClone(hurt);
  for (const claim of tampered.claims)
    Object.assign(claim, { kind: 'tie', best: ['tcp', 'http-stream/h2', 'long-poll/h1', 'websocket/h1'] });
  for (const one of charts) {
    for (const data of one.prepare(tampered)) {
      const cells = [...(data.columns ?? []), ...(data.panels ?? [])].flatMap((part) => part.cells ?? part.entries);
      for (const cell of cells) {
        if (cell.best) assert.ok(cell.verdict === 'valid' && !isFloor(cell.row), `${data.id}: ${cell.row}`);
      }
    }
  }
});

test('where nothing is valid, nothing is best and no title names a winner', () => {
  for (const one of charts) {
    for (const data of one.prepare(spoiled)) {
      assert.doesNotMatch(one.title(data), /has the (lowest|highest)|fewest|tie on/, data.id);
      assert.doesNotMatch(standalone(one, data, 800), /★ ?[≥\d]/, data.id);
    }
  }
});

test('tail: lines end where fewer than ten operations lie beyond, and pass through the median of p50', () => {
  for (const data of chart('tail').prepare(sound)) {
    for (const curve of data.curves) {
      const last = curve.points.at(-1)[0];
      assert.ok(10 ** -last * curve.scheduled >= 10 - 0.01, `${curve.row}: ${last}`);
      const cell = sound.cells.find((one) => one.group === data.group && one.row === curve.row);
      const [, middle, low, high] = curve.points[0];
      assert.ok(low <= middle && middle <= high);
      assert.ok(Math.abs(middle / cell.summary.p50_ns.median - 1) < 0.01, `${curve.row}: ${middle}`);
      for (let i = 1; i < curve.points.length; ++i)
        assert.ok(curve.points[i][1] >= curve.points[i - 1][1], 'a quantile fell');
    }
  }
});

test('tail: a timeout is no latency, although the histogram holds it', () => {
  const late = structuredClone(sound);
  const share = 0.05;
  const [cell] = late.cells.filter((one) => one.workload === 'feed');
  for (const run of cell.runs) {
    run.outcomes.timeout = Math.ceil(share * run.scheduled);
    run.outcomes.ok = run.scheduled - run.outcomes.timeout;
  }
  const curveOf = (results) =>
    chart('tail')
      .prepare(results)
      .find((data) => data.group === cell.group)
      .curves.find((one) => one.row === cell.row);
  assert.ok(10 ** -curveOf(sound).points.at(-1)[0] < share / 2);
  assert.ok(10 ** -curveOf(late).points.at(-1)[0] >= share);
});

test('a lower bound is called one in every table', () => {
  const low = structuredClone(sound);
  for (const cell of low.cells)
    for (const metric of Object.values(cell.summary)) if (metric) metric.lower_bound = true;
  for (const name of ['which', 'load', 'intervals', 'throughput', 'connection']) {
    const data = chart(name).prepare(low)[0];
    const values = chart(name)
      .table(data)
      .rows.flatMap((row) => row.filter((words) => /\d [mµn]?s|\/s \(/.test(words)));
    assert.ok(values.length > 0, name);
    for (const words of values) assert.match(words, /^(★ )?≥ /, `${name}: ${words}`);
  }
});

test('bytes: parts add up to what was on the wire', () => {
  assert.equal(PARTS.length, 3);
  for (const data of chart('bytes').prepare(sound)) {
    for (const bar of data.bars) {
      assert.ok(bar.parts.every((part) => part >= 0));
      assert.ok(Math.abs(bar.parts.reduce((a, b) => a + b, 0) - bar.total) < 0.05, bar.row);
    }
    const fit = data.bars.filter((bar) => !isFloor(bar.row)).sort((a, b) => a.total - b.total);
    assert.ok(
      chart('bytes').title(data).startsWith(`${fit[0].row} takes the fewest bytes`),
      chart('bytes').title(data),
    );
  }
});

test('bytes: no winner with too few runs, and rows that could not be compared are named', () => {
  for (const data of chart('bytes').prepare(two)) assert.match(chart('bytes').title(data), /^No claim on bytes/);
  const [feed] = chart('bytes').prepare(hurt);
  assert.match(chart('bytes').title(feed), /1 of 8 rows is not valid/);
  assert.doesNotMatch(chart('bytes').title(feed), /^http-stream\/h2/); // the leanest, but suspect
});

test('headings of narrow panels are whole', () => {
  const [data] = chart('connection').prepare(sound);
  const size = { width: 350, height: chart('connection').height(data, 350) };
  const drawn = chart('connection').option(data, size, literalColours('light'));
  const words = drawn.graphic.elements.map((element) => element.style.text);
  for (const panel of data.panels) assert.ok(words.includes(panel.heading), panel.heading);
});

test('colours go by the ratio that is shown', () => {
  assert.equal(times(1.548), times(1.497));
  assert.equal(stepOf(1.548), stepOf(1.497));
  assert.deepEqual([1, 1.149, 1.151, 2.96, 9.94, 9.96, 10.1].map(stepOf), [0, 0, 1, 2, 3, 3, 4]);
});

test('rows whose clients share a connection are named where that counts, and only there', () => {
  const named = (results, name) =>
    chart(name)
      .prepare(results)
      .filter((data) => chart(name).subtitle(data).includes('several clients share a connection: '))
      .map((data) => data.id);
  const own = structuredClone(sound);
  for (const cell of own.cells) for (const run of cell.runs) run.channels_per_connection = null;
  for (const name of ['bytes', 'connection', 'which']) assert.deepEqual(named(own, name), [], name);
  for (const cell of own.cells.filter((one) => one.row.endsWith('/h2')))
    for (const run of cell.runs) run.channels_per_connection = 10;
  for (const name of ['bytes', 'connection']) assert.equal(named(own, name).length, chart(name).prepare(own).length);
  assert.deepEqual(named(own, 'which'), ['which-native-server-bytes-per-connection']);
});

test('every picture says where it comes from and how many runs it has', () => {
  for (const one of charts) {
    for (const data of one.prepare(hurt)) {
      const said = `${data.label ?? ''} ${one.subtitle(data)}`;
      assert.match(said, /commit 01234567/, data.id);
      assert.match(said, /fitness B/, data.id);
      assert.match(said, /6 runs/, data.id);
    }
  }
});

test('numbers in a picture are those of its table', () => {
  const [data] = chart('throughput').prepare(sound);
  const svg = standalone(chart('throughput'), data, 800);
  for (const row of chart('throughput').table(data).rows) {
    const shown = /^(?:★ )?(\S+)/.exec(row[1])[1];
    assert.ok(svg.includes(`${shown}</text>`), `${row[0]}: ${shown}`);
  }
});

test('muting a row fades it and moves nothing', () => {
  const colours = literalColours('light');
  const shape = (option) =>
    JSON.stringify(option.graphic.elements.map((e) => [e.type, e.shape ?? [e.style.x, e.style.y]]));
  for (const one of charts) {
    const [data] = one.prepare(sound);
    const size = { width: 940, height: one.height(data, 940) };
    const plain = one.option(data, size, colours);
    const muted = one.option(data, size, { ...colours, muted_rows: ['websocket/h1'] });
    assert.equal(shape(muted), shape(plain));
    assert.notEqual(JSON.stringify(muted.graphic), JSON.stringify(plain.graphic), one.name);
  }
});
