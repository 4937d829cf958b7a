// The part of JSON Schema that results/*.schema.json use, no more: type, enum, const, required, properties,
// additionalProperties, items, anyOf, $ref, minimum, maximum, exclusiveMinimum, minLength, maxLength, minItems, maxItems.

// The first thing wrong with `value`, as "cells[3].summary: ...", or null. `documents` maps file names to schemas.
export function firstError(value, schema, documents, home = schema, path = '') {
  const at = (what) => `${path || 'the file'}: ${what}`;
  if (schema.$ref !== undefined) {
    const [file, pointer = ''] = schema.$ref.split('#');
    const root = file ? documents[file] : home;
    const target = pointer.split('/').filter(Boolean).reduce((node, key) => node[key], root);
    const problem = firstError(value, target, documents, root, path);
    if (problem) return problem;
  }
  if (schema.anyOf && schema.anyOf.every((one) => firstError(value, one, documents, home, path))) {
    return firstError(value, schema.anyOf.at(-1), documents, home, path);
  }
  const types = schema.type === undefined ? null : [schema.type].flat();
  if (types && !types.some((type) => isA(value, type))) return at(`${types.join(' or ')} expected`);
  if (schema.const !== undefined && value !== schema.const) return at(`${JSON.stringify(schema.const)} expected`);
  if (schema.enum && !schema.enum.includes(value)) return at(`one of ${JSON.stringify(schema.enum)} expected`);
  if (typeof value === 'number') {
    if (value < schema.minimum || value > schema.maximum || value <= schema.exclusiveMinimum) return at(`${value} is out of range`);
  }
  if (typeof value === 'string') {
    if (value.length < schema.minLength || value.length > schema.maxLength) return at('text of another length expected');
  }
  if (Array.isArray(value)) {
    if (value.length < schema.minItems || value.length > schema.maxItems) return at('another number of items expected');
    for (let i = 0; schema.items && i < value.length; ++i) {
      const problem = firstError(value[i], schema.items, documents, home, `${path}[${i}]`);
      if (problem) return problem;
    }
  } else if (value !== null && typeof value === 'object') {
    return objectError(value, schema, documents, home, path, at);
  }
  return null;
}

function objectError(value, schema, documents, home, path, at) {
  const missing = (schema.required ?? []).find((key) => !Object.hasOwn(value, key));
  if (missing) return at(`${missing} is missing`);
  for (const [key, member] of Object.entries(value)) {
    const known = schema.properties && Object.hasOwn(schema.properties, key);
    const rule = known ? schema.properties[key] : schema.additionalProperties;
    if (rule === false) return at(`${JSON.stringify(key)} is not known`);
    if (rule === undefined || rule === true) continue;
    const problem = firstError(member, rule, documents, home, path ? `${path}.${key}` : key);
    if (problem) return problem;
  }
  return null;
}

function isA(value, type) {
  switch (type) {
    case 'null': return value === null;
    case 'array': return Array.isArray(value);
    case 'object': return value !== null && typeof value === 'object' && !Array.isArray(value);
    case 'integer': return Number.isInteger(value);
    case 'number': return Number.isFinite(value);
    default: return typeof value === type;
  }
}
