// The page in a real browser: layout, accessibility, interaction, and that nothing is asked of the network.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { charts } from '../charts/all.js';
import { page as makePage } from '../lib/page.js';
import { standalone } from '../lib/svg.js';
import { GROUPS, fixture } from './fixture.mjs';
import { lint } from './layout.mjs';
import { all, damaged, few, wild } from './samples.mjs';

const CANDIDATES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].filter(Boolean);
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'dragstrip-page-'));
const results = {
  ...all,
  few,
  real: fixture({
    seed: 9,
    damage: damaged,
    groups: GROUPS.map((group) => ({ ...group, operations: Math.min(group.operations, 12500) })),
  }),
  wild: wild(5),
};
let browser;

before(async () => {
  const executablePath = CANDIDATES.find((file) => fs.existsSync(file));
  assert.ok(executablePath, 'no chromium: apt-get install chromium, or set CHROMIUM');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  for (const [name, data] of Object.entries(results)) {
    fs.writeFileSync(
      path.join(home, `${name}.html`),
      makePage(
        data,
        charts.map((chart) => ({ chart, list: chart.prepare(data) })),
      ),
    );
  }
});
after(async () => {
  await browser?.close();
  fs.rmSync(home, { recursive: true, force: true });
});

// Opens a page, runs `use`, and complains about any request beside the first and any message.
async function open(name, { width = 1280, height = 720, hash = '', axe = false, ...context }, use) {
  const where = await browser.newContext({ viewport: { width, height }, bypassCSP: axe, ...context });
  try {
    const tab = await where.newPage();
    const requests = [];
    const messages = [];
    tab.on('request', (request) => requests.push(request.url()));
    tab.on('console', (message) => messages.push(message.text()));
    tab.on('pageerror', (error) => messages.push(error.message));
    await tab.goto(`file://${home}/${name}.html${hash}`);
    if (context.javaScriptEnabled !== false) await tab.waitForSelector('html.script');
    await use(tab);
    assert.deepEqual(requests.filter((url) => !url.startsWith('blob:')).length, 1, requests.join(' '));
    assert.deepEqual(messages, []);
  } finally {
    await where.close();
  }
}

// Scrolls every figure into view, so that each becomes live.
async function enliven(tab) {
  await tab.evaluate(async () => {
    for (const figure of document.querySelectorAll('figure')) {
      figure.scrollIntoView();
      for (let i = 0; i < 1000 && !figure.querySelector('.live svg'); ++i)
        await new Promise((done) => setTimeout(done, 10));
    }
    scrollTo(0, 0);
  });
  assert.equal(await tab.locator('figure:not(:has(.live svg))').count(), 0, 'figures that did not become live');
}

const problems = (tab) => tab.evaluate(lint);

for (const name of Object.keys(results).filter((one) => one !== 'few')) {
  test(`"${name}": still pictures have no collisions, wide and narrow, light and dark`, async () => {
    for (const [width, colorScheme] of [[1280, 'light'], [390, 'dark'], ...(name === 'real' ? [[940, 'light']] : [])]) {
      await open(name, { width, colorScheme, javaScriptEnabled: false }, async (tab) =>
        assert.deepEqual(await problems(tab), [], `${width} px`),
      );
    }
  });
}

for (const [name, widths] of [
  ['real', [1280]],
  ['hurt', [390]],
  ['two', [700]],
  ['hostile', [700]],
]) {
  test(`"${name}": live pictures have no collisions`, async () => {
    for (const width of widths) {
      await open(name, { width }, async (tab) => {
        await enliven(tab);
        assert.deepEqual(await problems(tab), [], `${width} px`);
      });
    }
  });
}

test('exported pictures have no collisions', async () => {
  const where = await browser.newContext({ viewport: { width: 820, height: 600 } });
  const tab = await where.newPage();
  for (const name of ['real', 'hostile']) {
    for (const chart of charts) {
      for (const data of chart.prepare(results[name])) {
        await tab.setContent(
          `<style>*{margin:0}</style><figure id="${data.id}">${standalone(chart, data, 800)}</figure>`,
        );
        assert.deepEqual(await problems(tab), [], data.id);
      }
    }
  }
  await where.close();
});

test('the lint sees what it is for', async () => {
  const where = await browser.newContext({ viewport: { width: 400, height: 300 } });
  const tab = await where.newPage();
  const svg = (inside) => `<figure id="f"><svg width="200" height="100" viewBox="0 0 200 100">${inside}</svg></figure>`;
  const found = async (inside) => {
    await tab.setContent(svg(inside));
    return (await problems(tab)).join();
  };
  assert.equal(
    await found('<text x="10" y="20" font-size="12">one</text><text x="10" y="50" font-size="12">two</text>'),
    '',
  );
  assert.match(
    await found('<text x="10" y="20" font-size="12">one</text><text x="14" y="24" font-size="12">two</text>'),
    /on/,
  );
  assert.match(await found('<text x="190" y="20" font-size="12">long text</text>'), /outside/);
  assert.match(await found('<text x="10" y="20" font-size="9">small</text>'), /px/);
  await tab.setContent('<div style="width:900px">wide</div>');
  assert.match((await problems(tab)).join(), /scrolls sideways/);
  await where.close();
});

test('the heat map starts on the first screen, below the cards', async () => {
  await open('real', {}, async (tab) => {
    const top = (selector) =>
      tab
        .locator(selector)
        .first()
        .evaluate((element) => element.getBoundingClientRect());
    assert.ok((await top('.cards')).bottom < 600);
    assert.ok((await top('#which .picture')).top < 680);
    assert.equal(await tab.locator('.card').count(), 6);
  });
});

test('no violation of WCAG 2.1 AA that axe can see', async () => {
  const source = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const [name, colorScheme, width] of [
    ['few', 'light', 1280],
    ['two', 'dark', 390],
    ['nothing', 'light', 1280],
  ]) {
    await open(name, { colorScheme, width, axe: true }, async (tab) => {
      await enliven(tab);
      await tab.evaluate(() => {
        for (const details of document.querySelectorAll('details')) details.open = true;
      });
      await tab.evaluate(source);
      const violations = await tab.evaluate(async () =>
        (
          await globalThis.axe.run(
            { exclude: ['svg'] },
            {
              resultTypes: ['violations'],
              runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],
            },
          )
        ).violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`),
      );
      assert.deepEqual(violations, [], `${name} ${colorScheme}`);
    });
  }
});

test('another metric is a click or an arrow away, and in the address', async () => {
  await open('real', {}, async (tab) => {
    const heading = tab.locator('#which figure h3').first();
    const before_ = await heading.textContent();
    await tab.getByRole('radio', { name: 'p50' }).click();
    assert.notEqual(await heading.textContent(), before_);
    assert.match(tab.url(), /metric=p50_ns/);
    await tab.keyboard.press('ArrowRight');
    assert.match(tab.url(), /metric=throughput_per_s/);
    assert.equal(await tab.getByRole('radio', { name: 'throughput' }).getAttribute('aria-checked'), 'true');
    assert.equal(await tab.locator('#live').textContent(), await heading.textContent());
    assert.match(await tab.locator('#which figure details table').first().textContent(), /closed loop/);
  });
});

test('the address brings back metric, muted rows, theme, order and filter', async () => {
  await open(
    'real',
    { hash: '#metric=p50_ns&mute=sse%2Fh1&theme=dark&sort=p50%3Adescending&filter=feed' },
    async (tab) => {
      assert.equal(await tab.getByRole('radio', { name: 'p50' }).getAttribute('aria-checked'), 'true');
      assert.equal(await tab.locator('[data-row="sse/h1"]').getAttribute('aria-pressed'), 'false');
      assert.equal(await tab.evaluate(() => document.documentElement.dataset.theme), 'dark');
      const shown = await tab.locator('#every tbody tr:visible').allTextContents();
      assert.ok(shown.length > 3 && shown.every((row) => row.includes('feed')));
      const values = await tab.locator('#every tbody tr:visible td:nth-child(5)').evaluateAll((cells) =>
        cells
          .map((cell) => cell.dataset.value)
          .filter(Boolean)
          .map(Number),
      );
      assert.deepEqual(
        values,
        [...values].sort((a, b) => b - a),
      );
    },
  );
});

test('heads of the big table break between words only', async () => {
  await open('few', {}, async (tab) => {
    const broken = await tab.locator('#every thead button').evaluateAll((buttons) =>
      buttons
        .filter((button) => {
          const range = document.createRange();
          range.selectNodeContents(button);
          const lines = new Set([...range.getClientRects()].map((rect) => Math.round(rect.top)));
          return lines.size > button.textContent.split(' ').length;
        })
        .map((button) => button.textContent),
    );
    assert.deepEqual(broken, []);
  });
});

test('Markdown is copied as it is read, CSV as numbers', async () => {
  await open('few', { permissions: ['clipboard-read', 'clipboard-write'] }, async (tab) => {
    const copied = async (what) => {
      await tab.getByRole('button', { name: `Copy as ${what}` }).click();
      await tab.waitForFunction(() => document.getElementById('live').textContent === 'copied');
      return tab.evaluate(() => navigator.clipboard.readText());
    };
    const [p50] = (await tab.locator('#every tbody td:nth-child(5)').allTextContents()).filter((one) => one !== '–');
    assert.match(p50, /^[\d.]+ [µm]?s$/);
    assert.ok((await copied('Markdown')).includes(`| ${p50} |`));
    const csv = await copied('CSV');
    assert.ok(!csv.includes(p50));
    assert.match(csv, /,valid,6,\d+(\.\d+)?,/);
  });
});

test('keys: t for the theme, ? for help, a number for a section', async () => {
  await open('real', { colorScheme: 'light' }, async (tab) => {
    await tab.keyboard.press('t');
    assert.equal(await tab.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.match(tab.url(), /theme=dark/);
    await tab.keyboard.press('?');
    assert.ok(await tab.locator('#help').isVisible());
    await tab.keyboard.press('Escape');
    await tab.keyboard.press('2');
    await tab.waitForFunction(() => scrollY > 500);
  });
});

test('a tooltip shows the value as text, whatever the row is called', async () => {
  await open('hostile', {}, async (tab) => {
    for (const name of ['which', 'bytes', 'tail']) {
      const figure = tab.locator(`figure[data-chart="${name}"]`).first();
      await figure.scrollIntoViewIfNeeded();
      const picture = figure.locator('.live');
      await picture.waitFor();
      await picture.scrollIntoViewIfNeeded();
      const box = await picture.boundingBox();
      for (let x = 0.2; x < 0.8; x += 0.15)
        await tab.mouse.move(box.x + box.width * x, box.y + Math.min(box.height * 0.3, 150));
    }
    assert.equal(await tab.locator('img').count(), 0);
  });
  await open('real', {}, async (tab) => {
    const picture = tab.locator('#which .live').first();
    await picture.waitFor();
    await picture.scrollIntoViewIfNeeded();
    const cell = await tab.locator('#which .live text', { hasText: '1.0×' }).first().boundingBox();
    await tab.mouse.move(cell.x + cell.width / 2, cell.y + cell.height / 2);
    await tab.getByText('best or tied)').waitFor();
  });
});

test('live and still pictures show the same words', async () => {
  const words = (tab, selector) => tab.locator(`${selector} text`).allTextContents();
  const still = {};
  await open('few', { javaScriptEnabled: false }, async (tab) => {
    for (const chart of charts) still[chart.name] = (await words(tab, `#${chart.name} .wide`)).sort();
  });
  await open('few', {}, async (tab) => {
    await enliven(tab);
    for (const chart of charts)
      assert.deepEqual((await words(tab, `#${chart.name} .live`)).sort(), still[chart.name], chart.name);
  });
});

test('forced colours keep text and lines', async () => {
  await open('few', { forcedColors: 'active' }, async (tab) => assert.deepEqual(await problems(tab), []));
});
