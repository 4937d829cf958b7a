// Is it well-formed XML? Enough of a parser for SVG: tags balance, attributes are quoted and not repeated, entities known.
// Returns the ids.

import assert from 'node:assert/strict';

export function wellFormed(text) {
  const ids = [];
  const open = [];
  const tag = /<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/y;
  let at = 0;
  while (at < text.length) {
    if (text[at] !== '<') {
      const next = text.indexOf('<', at);
      const words = text.slice(at, next === -1 ? undefined : next);
      assert.doesNotMatch(
        words.replace(/&(amp|lt|gt|quot|#39|#x?[0-9a-fA-F]+);/g, ''),
        /[&>]/,
        `stray character in "${words.slice(0, 60)}"`,
      );
      if (open.length === 0) assert.equal(words.trim(), '', 'text outside of the root');
      at = next === -1 ? text.length : next;
      continue;
    }
    tag.lastIndex = at;
    const found = tag.exec(text);
    assert.ok(found, `not a tag: ${text.slice(at, at + 120)}`);
    const [whole, closing, name, attributes, empty] = found;
    if (closing) {
      assert.equal(open.pop(), name);
    } else {
      const names = [...attributes.matchAll(/\s([\w:-]+)="([^"]*)"/g)];
      assert.equal(new Set(names.map((one) => one[1])).size, names.length, `an attribute twice in ${whole}`);
      for (const [, key, value] of names) {
        assert.doesNotMatch(value.replace(/&(amp|lt|gt|quot|#39|#x?[0-9a-fA-F]+);/g, ''), /&/);
        if (key === 'id') ids.push(value);
      }
      if (!empty) open.push(name);
    }
    at += whole.length;
  }
  assert.deepEqual(open, []);
  assert.equal(new Set(ids).size, ids.length, 'an id twice');
  return ids;
}
