// The page has no module loader (its content policy allows nothing but what is in it), so modules become functions of one
// script. Understands the imports and exports this package is written with, and refuses any other.

import fs from 'node:fs';
import path from 'node:path';

import { plotsPath } from './files.js';

const IMPORT = /^import (\{[^}]*\}|\* as \w+) from '(\.[^']+)';$/gm;

export function bundle(entry) {
  const order = [];
  const seen = new Set();
  visit(entry, order, seen);
  const parts = order.map((name) => `M[${JSON.stringify(name)}] = (() => {\n${transform(name)}\n})();`);
  return `(() => {\n'use strict';\nconst M = {};\n${parts.join('\n')}\n})();`;
}

function source(name) {
  return fs.readFileSync(plotsPath(name), 'utf8');
}

function resolve(from, to) {
  return path.posix.normalize(path.posix.join(path.posix.dirname(from), to));
}

function visit(name, order, seen) {
  if (seen.has(name)) return;
  seen.add(name);
  for (const [, , to] of source(name).matchAll(IMPORT)) visit(resolve(name, to), order, seen);
  order.push(name);
}

function transform(name) {
  const exported = [];
  const code = source(name)
    .replace(IMPORT, (_, names, to) => {
      const from = `M[${JSON.stringify(resolve(name, to))}]`;
      return names.startsWith('*')
        ? `const ${names.slice(5)} = ${from};`
        : `const ${names.replace(/ as /g, ': ')} = ${from};`;
    })
    .replace(/^export (const|let|(?:async )?function|class) (\w+)/gm, (_, kind, what) => {
      exported.push(what);
      return `${kind} ${what}`;
    });
  const left = /^(import|export)\b.*$/m.exec(code);
  if (left) throw new Error(`${name}: the bundler does not know "${left[0]}"`);
  const slim = code
    .replace(/^\s*\/\/.*\n/gm, '')
    .replace(/\n{2,}/g, '\n')
    .replace(/^ +/gm, '');
  return `${slim.trim()}\nreturn { ${exported.join(', ')} };`;
}
