import assert from 'node:assert/strict';
import { test } from 'node:test';

import { charts } from '../charts/all.js';
import { cards } from '../lib/cards.js';
import { escapeHtml } from '../lib/format.js';
import { capital, groupsOf, sentence } from '../lib/model.js';
import { LIMIT_BYTES, embeddable, page, safeJson } from '../lib/page.js';
import { GROUPS, fixture } from './fixture.mjs';
import { all, hurt, nothing, sound, spoiled } from './samples.mjs';

const figuresOf = (results) => charts.map((chart) => ({ chart, list: chart.prepare(results) }));
const pageOf = (results) => page(results, figuresOf(results));
const still = (html) => html.replace(/<script[\s\S]*?<\/script>/g, '');
const pages = Object.fromEntries(Object.entries(all).map(([name, results]) => [name, pageOf(results)]));

for (const [name, html] of Object.entries(pages)) {
  test(`"${name}": nothing is fetched, and the policy says so`, () => {
    assert.ok(Buffer.byteLength(html) <= LIMIT_BYTES);
    const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]+)">/.exec(html)[1];
    assert.ok(
      policy.startsWith("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"),
    );
    assert.doesNotMatch(policy, /https?:|\*|unsafe-eval/);
    const visible = still(html);
    assert.doesNotMatch(visible, /\b(src|srcset|poster|data|action)="/);
    assert.doesNotMatch(visible, /<(link|iframe|object|embed|img|base|form action)\b/);
    assert.doesNotMatch(visible, /@import|url\((?!#)/);
    for (const [, href] of visible.matchAll(/href="([^"]*)"/g)) assert.match(href, /^#/);
    for (const [, where] of visible.matchAll(/https?:\/\/([^\s"'<&]+)/g)) assert.match(where, /^www\.w3\.org\//);
  });

  test(`"${name}": no id twice, every link and reference leads somewhere`, () => {
    const visible = still(html);
    const ids = [...html.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1]);
    assert.equal(new Set(ids).size, ids.length);
    for (const [, to] of visible.matchAll(/href="#([^"]*)"/g)) assert.ok(ids.includes(to), to);
    for (const [, to] of visible.matchAll(/aria-labelledby="([^"]*)"/g)) assert.ok(ids.includes(to), to);
    for (const [, to] of visible.matchAll(/url\(#([^)]*)\)/g)) assert.ok(ids.includes(to), to);
  });

  test(`"${name}": names are text, never markup`, () => {
    assert.doesNotMatch(html, /<img/);
    const scripts = [...html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)];
    assert.deepEqual(
      scripts.map(([, attributes]) => attributes.trim()),
      [
        'type="application/json" id="results"',
        'type="application/json" id="charts"',
        'type="application/gzip" id="library"',
        '',
      ],
    );
    assert.equal(JSON.parse(scripts[0][2]).cells.length, all[name].cells.length);
    assert.equal(JSON.parse(scripts[1][2]).charts.length, charts.length);
  });

  test(`"${name}": without scripts, every picture, number and verdict is there`, () => {
    const visible = still(html);
    for (const { chart, list } of figuresOf(all[name])) {
      for (const data of list) {
        assert.ok(visible.includes(escapeHtml(chart.title(data))), data.id);
        if (chart.name !== 'which') assert.match(visible, new RegExp(`<figure id="${data.id}"[^>]*>[\\s\\S]*?<svg`));
        for (const row of chart.table(data).rows)
          for (const cell of row) assert.ok(visible.includes(`>${escapeHtml(cell)}</t`), `${data.id}: ${cell}`);
      }
    }
    for (const claim of all[name].claims) assert.ok(visible.includes(escapeHtml(sentence(claim))), claim.sentence);
    for (const cell of all[name].cells)
      for (const reason of cell.reasons) assert.ok(visible.includes(escapeHtml(reason.text)));
  });
}

test('the same file gives the same page', () => {
  assert.equal(pageOf(structuredClone(hurt)), pages.hurt);
});

test('a full score card fits, and what is left out is named', () => {
  const card = fixture({
    rounds: 10,
    groups: GROUPS.map((group) => ({ ...group, operations: Math.min(group.operations, 10000) })),
  });
  const html = pageOf(card);
  assert.ok(Buffer.byteLength(html) <= LIMIT_BYTES, `${Buffer.byteLength(html)} bytes`);
  assert.match(html, /The results file without [a-z]/);
  assert.match(html, /<div class="narrow">/);
});

test('what the page carries of the file has no histograms, and less at every step', () => {
  const sizes = embeddable(sound).map(({ copy, left_out: left }) => {
    assert.doesNotMatch(JSON.stringify(copy), /"histogram"/);
    assert.match(left, /\S/);
    return JSON.stringify(copy).length;
  });
  assert.deepEqual(
    [...sizes].sort((a, b) => b - a),
    sizes,
  );
  assert.match(JSON.stringify(sound), /"histogram"/);
});

test('JSON cannot end its script', () => {
  const text = safeJson({ a: '</script><!--\u2028' });
  assert.doesNotMatch(text, /</);
  assert.deepEqual(JSON.parse(text), { a: '</script><!--\u2028' });
});

test('cards repeat claims, and name the rows of the claim', () => {
  for (const results of [sound, hurt]) {
    const claims = groupsOf(results).flatMap((group) => Object.values(group.claims));
    const list = cards(results, figuresOf(results));
    assert.equal(list.length, 6);
    for (const card of list) {
      const claim = claims.find((one) => capital(sentence(one)) === card.text);
      if (claim) assert.deepEqual([...card.rows].sort(), [...claim.best].sort());
      else assert.match(card.heading, /^(Fewest bytes|Avoid)/);
    }
  }
});

test('cards of a file without a claim say why', () => {
  assert.match(pages.nothing, /This file makes no claim: it has no cells|no claim/);
  assert.deepEqual(cards(nothing, figuresOf(nothing)), []);
  for (const card of cards(spoiled, figuresOf(spoiled))) assert.deepEqual(card.rows, [], card.heading);
});

test('an interrupted run says so first', () => {
  assert.match(
    pageOf({ ...nothing, aborted: true, complete: false }),
    /<header>[\s\S]*interrupted: partial results[\s\S]*<\/header>/,
  );
});

test('what the generator takes itself stands beside every number', () => {
  const results = fixture();
  const html = pageOf(results);
  for (const cell of results.cells) {
    const floor = results.floor[cell.id];
    assert.ok(html.includes(`<td data-value="${floor.p50_ns}" title="the generator alone">`), cell.id);
  }
  const without = pageOf({ ...fixture(), floor: null });
  assert.doesNotMatch(still(without), /the generator alone/);
});
