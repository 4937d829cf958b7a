// Reading a results file and writing what is made of it. A problem of the reader is exit 2, of the writer exit 5.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { firstError } from './schema.js';

export class Failure extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

const HOME = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export function plotsPath(...parts) {
  return path.join(HOME, ...parts);
}

function schemas() {
  const read = (name) => JSON.parse(fs.readFileSync(path.join(HOME, '..', 'results', name), 'utf8'));
  return Object.fromEntries(['results.schema.json', 'run.schema.json'].map((name) => [name, read(name)]));
}

export function schemaError(results) {
  const documents = schemas();
  return firstError(results, documents['results.schema.json'], documents);
}

// {kind: 'results' | 'validate', document}
export function readInput(file) {
  const document = readJson(file);
  if (isOfFormat(document, 'dragstrip.validate/')) {
    const text = fs.readFileSync(path.join(HOME, '..', 'results', 'validate.schema.json'), 'utf8');
    const problem = firstError(document, JSON.parse(text), {});
    if (problem) throw new Failure(2, `${file} does not follow validate.schema.json: ${problem}`);
    return { kind: 'validate', document };
  }
  return { kind: 'results', document: checkedResults(file, document) };
}

function readJson(file) {
  let bytes;
  try {
    bytes = fs.readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(2, `cannot read ${file}: ${error.code ?? error.message}`);
  }
  try {
    return JSON.parse(bytes);
  } catch {
    throw new Failure(2, `${file} is not JSON`);
  }
}

function isOfFormat(document, prefix) {
  return typeof document?.schema === 'string' && document.schema.startsWith(prefix);
}

function checkedResults(file, results) {
  if (!isOfFormat(results, 'dragstrip.results/')) {
    throw new Failure(2, `${file} is not a results file of dragstrip`);
  }
  const problem = schemaError(results);
  if (problem) throw new Failure(2, `${file} does not follow results.schema.json: ${problem}`);
  return results;
}

// Whole or not at all: a reader never sees half a file.
export function writeFile(file, content) {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    fs.writeFileSync(temporary, content);
    fs.renameSync(temporary, file);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw new Failure(5, `cannot write ${file}: ${error.code ?? error.message}`);
  }
}

export function makeDirectory(directory) {
  try {
    fs.mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new Failure(5, `cannot make ${directory}: ${error.code ?? error.message}`);
  }
}

// Pictures of an earlier run with other groups would be taken for pictures of this one.
export function removeStale(directory, names, written) {
  const ours = new RegExp(`^(${names.join('|')})-[a-z0-9-]+\\.svg$`);
  for (const file of fs.readdirSync(directory)) {
    if (ours.test(file) && !written.has(file)) fs.rmSync(path.join(directory, file), { force: true });
  }
}
