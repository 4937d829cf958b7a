// How wide text will be, without a browser. The table is DejaVu Sans, the widest of the fonts in FONT: what fits by it
// fits in the others. ECharts' own guess is a narrow font, and labels laid out by it ran into each other.

// Without quotes: it is written into attributes.
export const FONT = 'Segoe UI, Helvetica Neue, Arial, DejaVu Sans, sans-serif';

const ASCII = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
  636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
  748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
  615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
  337, 636, 838,
];
const OTHERS = { µ: 636, '×': 838, '–': 500, '·': 318, '★': 896, '≥': 838, '±': 838 };
const BOLD = 1.13;

export function textWidth(text, size, bold = false) {
  let sum = 0;
  for (const c of String(text)) {
    const code = c.codePointAt(0);
    sum += code >= 32 && code < 127 ? ASCII[code - 32] : (OTHERS[c] ?? 1000);
  }
  return (sum * size * (bold ? BOLD : 1)) / 1000;
}

// Lines no wider than `width`; a word that is wider alone is cut.
export function wrap(text, width, size, bold = false) {
  const lines = [];
  let line = '';
  for (const word of String(text).split(/\s+/).filter(Boolean)) {
    const longer = line ? `${line} ${word}` : word;
    if (textWidth(longer, size, bold) <= width) {
      line = longer;
    } else {
      if (line) lines.push(line);
      line = clip(word, width, size, bold);
    }
  }
  if (line) lines.push(line);
  return lines;
}

// A row's name where it stands left of its marks: whole unless it would take more than a third of the picture.
export function nameOf(row, width) {
  return clip(row, Math.max(118, width * 0.34), 12);
}

export function clip(text, width, size, bold = false) {
  const whole = [...String(text)];
  if (textWidth(text, size, bold) <= width) return String(text);
  while (whole.length > 1 && textWidth(`${whole.join('')}…`, size, bold) > width) whole.pop();
  return `${whole.join('')}…`;
}

// Moves labels of `height` apart, keeping their order and staying within [top, bottom] while there is room.
export function spread(wanted, height, top, bottom) {
  const order = wanted.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const placed = new Array(wanted.length);
  let free = top;
  for (const [y, i] of order) {
    placed[i] = Math.max(y, free);
    free = placed[i] + height;
  }
  let limit = bottom;
  for (const [, i] of [...order].reverse()) {
    placed[i] = Math.min(placed[i], limit);
    limit = placed[i] - height;
  }
  return placed;
}
