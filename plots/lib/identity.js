// Who is who in every chart: hue, dash and marker are the delivery, marker fill is the carrier (h1 filled, h2 hollow,
// h1-close half size). Colour is identity, never rank. The hues were searched for the largest smallest distance of
// a pair under normal, protan, deutan and tritan vision; test/identity.test.mjs repeats the check.

export const DELIVERIES = {
  tcp: { light: '#5c6570', dark: '#9aa4b0', dash: [2, 2], symbol: 'cross' },
  request: { light: '#7e1674', dark: '#a54099', dash: [1, 4], symbol: 'pentagon' },
  'short-poll': { light: '#946043', dark: '#e8777a', dash: [2, 3], symbol: 'circle' },
  'long-poll': { light: '#c8800d', dark: '#eebc4a', dash: [8, 4], symbol: 'rect' },
  'http-stream': { light: '#394914', dark: '#556e1c', dash: [12, 3], symbol: 'diamond' },
  sse: { light: '#42949b', dark: '#83d4db', dash: [7, 3, 2, 3], symbol: 'triangle' },
  websocket: { light: '#0f4ac5', dark: '#407efc', dash: 'solid', symbol: 'hexagon' },
};
const UNKNOWN = { light: '#444444', dark: '#bbbbbb', dash: 'solid', symbol: 'circle' };

// The fixed order of rows in every chart and table.
export const ROW_ORDER = [
  'tcp',
  'request/h1-close',
  'request/h1',
  'request/h2',
  'short-poll/h1-close',
  'short-poll/h1',
  'long-poll/h1',
  'http-stream/h1',
  'sse/h1',
  'http-stream/h2',
  'sse/h2',
  'websocket/h1',
];

export function compareRows(a, b) {
  const place = (row) => (ROW_ORDER.includes(row) ? ROW_ORDER.indexOf(row) : ROW_ORDER.length);
  return place(a) - place(b) || (a < b ? -1 : a > b ? 1 : 0);
}

export function deliveryOf(row) {
  return row.split('/')[0];
}

export function isPush(row) {
  return ['tcp', 'http-stream', 'sse', 'websocket'].includes(deliveryOf(row));
}

// `colour` is what to draw with: a literal for exported files, a custom property where the page has themes.
export function identityOf(row, colours) {
  const delivery = deliveryOf(row);
  const carrier = row.split('/')[1] ?? '';
  const known = DELIVERIES[delivery] ?? UNKNOWN;
  return {
    colour: colours.row(delivery),
    dash: known.dash,
    symbol: known.symbol,
    hollow: carrier === 'h2',
    symbolSize: carrier === 'h1-close' ? 8 : 11,
    opacity: colours.muted_rows?.includes(row) ? 0.12 : 1,
  };
}

// Everything that is not a row. `heat` runs from near the best to far from it, `heatInk` is the text on it.
export const THEMES = {
  light: {
    text: '#1b2028',
    muted: '#57606c',
    line: '#d5dae1',
    background: '#ffffff',
    stripe: '#f5f7fa',
    heat: ['#f0f5fc', '#d3e2f6', '#96bce8', '#3f78bd', '#1d4f94'],
    heatInk: ['#1b2028', '#1b2028', '#1b2028', '#ffffff', '#ffffff'],
    parts: ['#2a5f9e', '#c07a16', '#8a94a1'],
  },
  dark: {
    text: '#e6e9ee',
    muted: '#a3acb8',
    line: '#39424e',
    background: '#0f1419',
    stripe: '#161d25',
    heat: ['#17212c', '#1d3a5f', '#275a94', '#6ba2e0', '#b4d4f7'],
    heatInk: ['#e6e9ee', '#e6e9ee', '#ffffff', '#0f1419', '#0f1419'],
    parts: ['#5c94d6', '#e0a34a', '#76818e'],
  },
};

// Literal colours of a theme, for exported SVGs.
export function literalColours(theme) {
  return { ...THEMES[theme], row: (delivery) => (DELIVERIES[delivery] ?? UNKNOWN)[theme] };
}

// Custom properties of the page (report.html defines them for light, dark and forced colours).
export const pageColours = {
  row: (delivery) => `var(--row-${DELIVERIES[delivery] ? delivery : 'unknown'})`,
  text: 'var(--text)',
  muted: 'var(--muted)',
  line: 'var(--line)',
  background: 'var(--surface)',
  stripe: 'var(--stripe)',
  heat: [0, 1, 2, 3, 4].map((i) => `var(--heat-${i})`),
  heatInk: [0, 1, 2, 3, 4].map((i) => `var(--heat-ink-${i})`),
  parts: [0, 1, 2].map((i) => `var(--part-${i})`),
};

// The declarations behind pageColours.
export function customProperties(theme) {
  const { text, muted, line, background, stripe, heat, heatInk, parts } = THEMES[theme];
  const rows = Object.entries(DELIVERIES).map(([delivery, id]) => `--row-${delivery}: ${id[theme]};`);
  return [
    `--text: ${text};`,
    `--muted: ${muted};`,
    `--line: ${line};`,
    `--surface: ${background};`,
    `--stripe: ${stripe};`,
    ...heat.map((c, i) => `--heat-${i}: ${c};`),
    ...heatInk.map((c, i) => `--heat-ink-${i}: ${c};`),
    ...parts.map((c, i) => `--part-${i}: ${c};`),
    ...rows,
    `--row-unknown: ${UNKNOWN[theme]};`,
  ].join(' ');
}
