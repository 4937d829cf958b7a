#!/usr/bin/env node
// node render.mjs RESULTS.json --out DIR: writes DIR/charts/*.svg and DIR/report.html. A validate.json has one chart and no
// page. Exit 0; 2: usage, or the input is neither; 5: cannot write.

import path from 'node:path';

import { charts } from './charts/all.js';
import * as residuals from './charts/residuals.js';
import { Failure, makeDirectory, readInput, removeStale, writeFile } from './lib/files.js';
import { page } from './lib/page.js';
import { standalone } from './lib/svg.js';

const WIDTH = 800;
const USAGE = 'usage: node render.mjs RESULTS.json --out DIR';

function parse(args) {
  let input = null;
  let out = null;
  for (let i = 0; i < args.length; ++i) {
    if (args[i] === '--out' && i + 1 < args.length && out === null) out = args[++i];
    else if (!args[i].startsWith('-') && input === null) input = args[i];
    else throw new Failure(2, USAGE);
  }
  if (input === null || out === null) throw new Failure(2, USAGE);
  return { input, out };
}

function drawResiduals(document, out) {
  const directory = path.join(out, 'charts');
  makeDirectory(directory);
  for (const data of residuals.prepare(document)) {
    writeFile(path.join(directory, `${data.id}.svg`), standalone(residuals, data, WIDTH));
  }
}

function main(args) {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(`${USAGE}\nwrites DIR/charts/*.svg and DIR/report.html\n`);
    return;
  }
  const { input, out } = parse(args);
  const { kind, document: results } = readInput(input);
  if (kind === 'validate') return drawResiduals(results, out);
  const figures = charts.map((chart) => ({ chart, list: chart.prepare(results) }));
  const directory = path.join(out, 'charts');
  makeDirectory(directory);
  const written = new Set();
  for (const { chart, list } of figures) {
    for (const data of list) {
      written.add(`${data.id}.svg`);
      writeFile(path.join(directory, `${data.id}.svg`), standalone(chart, data, WIDTH));
    }
  }
  writeFile(path.join(out, 'report.html'), page(results, figures));
  removeStale(
    directory,
    charts.map((chart) => chart.name),
    written,
  );
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.stderr.write(`render: ${error.message.replace(/\s+/g, ' ')}\n`);
  process.exitCode = error.code;
}
