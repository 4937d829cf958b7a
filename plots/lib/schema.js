// The part of JSON Schema that results/*.schema.json use, no more: type, enum, const, required, properties,
// additionalProperties, items, anyOf, $ref, minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems.
// Histograms are long: nothing is built on the way down, the path of a problem is put together on the way up.

// The first thing wrong with `value`, as "cells[3].summary: ...", or null. `documents` maps file names to schemas.
export function firstError(value, schema, documents) {
  const problem = check(value, schema, documents, schema);
  return problem && `${problem.path.replace(/^\./, '') || 'the file'}: ${problem.what}`;
}

function wrong(what) {
  return { path: '', what };
}

function within(step, problem) {
  return { path: step + problem.path, what: problem.what };
}

function check(value, schema, documents, home) {
  if (schema.$ref !== undefined) {
    const [file, pointer = ''] = schema.$ref.split('#');
    const root = file ? documents[file] : home;
    const problem = check(
      value,
      pointer
        .split('/')
        .filter(Boolean)
        .reduce((node, key) => node[key], root),
      documents,
      root,
    );
    if (problem) return problem;
  }
  if (schema.anyOf !== undefined) {
    const problems = [];
    for (const one of schema.anyOf) {
      const problem = check(value, one, documents, home);
      if (!problem) break;
      problems.push(problem);
    }
    if (problems.length === schema.anyOf.length) return problems.at(-1);
  }
  if (schema.type !== undefined && !isOf(value, schema.type))
    return wrong(`${[schema.type].flat().join(' or ')} expected`);
  if (schema.const !== undefined && value !== schema.const) return wrong(`${JSON.stringify(schema.const)} expected`);
  if (schema.enum !== undefined && !schema.enum.includes(value))
    return wrong(`one of ${JSON.stringify(schema.enum)} expected`);
  if (typeof value === 'number') {
    if (value < schema.minimum || value > schema.maximum || value <= schema.exclusiveMinimum)
      return wrong(`${value} is out of range`);
  } else if (typeof value === 'string') {
    if (value.length < schema.minLength || value.length > schema.maxLength)
      return wrong('text of another length expected');
  } else if (Array.isArray(value)) {
    return checkItems(value, schema, documents, home);
  } else if (value !== null && typeof value === 'object') {
    return checkMembers(value, schema, documents, home);
  }
  return null;
}

function checkItems(value, schema, documents, home) {
  if (value.length < schema.minItems || value.length > schema.maxItems)
    return wrong('another number of items expected');
  if (schema.items === undefined) return null;
  for (let i = 0; i < value.length; ++i) {
    const problem = check(value[i], schema.items, documents, home);
    if (problem) return within(`[${i}]`, problem);
  }
  return null;
}

function checkMembers(value, schema, documents, home) {
  for (const key of schema.required ?? []) {
    if (!Object.hasOwn(value, key)) return wrong(`${key} is missing`);
  }
  for (const key of Object.keys(value)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    const rule = known ? schema.properties[key] : schema.additionalProperties;
    if (rule === false) return wrong(`${JSON.stringify(key)} is not known`);
    if (rule === undefined || rule === true) continue;
    const problem = check(value[key], rule, documents, home);
    if (problem) return within(`.${key}`, problem);
  }
  return null;
}

function isOf(value, type) {
  return typeof type === 'string' ? isA(value, type) : type.some((one) => isA(value, one));
}

function isA(value, type) {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return value !== null && typeof value === 'object' && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return Number.isFinite(value);
    default:
      return typeof value === type;
  }
}
