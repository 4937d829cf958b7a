// A chart's option to SVG, in Node. What comes out depends on the chart alone: the library numbers ids and classes with
// counters of the process, so they are renamed, and no two pictures on a page share one.

import * as echarts from 'echarts/dist/echarts.esm.min.mjs';

import { escapeHtml } from './format.js';
import { literalColours } from './identity.js';
import { FONT, clip, textWidth, wrap } from './text.js';

echarts.setPlatformAPI({
  measureText(words, font) {
    const size = Number(/([\d.]+)px/.exec(font ?? '')?.[1] ?? 12);
    return { width: textWidth(words ?? '', size, /\b(bold|[6-9]00)\b/.test(font ?? '')) };
  },
});

function draw(option, size) {
  const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: size.width, height: size.height });
  try {
    chart.setOption(option);
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

// The drawing without its <svg>, small: rounded numbers, no hover classes, ids of its own.
export function body(option, size, id) {
  const svg = draw(option, size);
  return svg
    .replace(/^<svg[^>]*>\n?/, '')
    .replace(/<\/svg>\s*$/, '')
    .replace(/<style[\s\S]*?<\/style>\n?/g, '')
    .replace(/<rect [^>]*fill="none"><\/rect>\n?/, '')
    .replace(/ (ecmeta_\w+|class|xml:space)="[^"]*"/g, '')
    .replace(/ pointer-events="visible"/g, '')
    .replace(/zr\d+-/g, `${id}-`)
    .replace(
      /style="font: ?(?:(\d+) )?([\d.]+)px[^"]*"/g,
      (_, weight, px) => `font-size="${px}"${weight ? ` font-weight="${weight}"` : ''}`,
    )
    .replace(/style="font-size:([\d.]+)px;[^"]*"/g, 'font-size="$1"')
    .replace(/<[^>]+>/g, (tag) => tag.replace(/-?\d+\.\d{2,}/g, (number) => String(round(Number(number))))) // never what is written
    .replace(/<(path|line|rect|circle|polygon|text|polyline)([^>]*)><\/\1>/g, '<$1$2/>')
    .replace(/<g>\s*<\/g>\n?/g, '')
    .replace(/ text-anchor="start"/g, '')
    .replace(
      /(<text[^>]*?) y="(-?[\d.]+)"([^>]*?) transform="translate\((-?[\d.]+) (-?[\d.]+)\)"/g,
      (_, before, y, between, x, down) => `${before}${between} x="${x}" y="${round(Number(down) + Number(y))}"`,
    )
    .replace(/(<text[^>]*?) transform="translate\((-?[\d.]+) (-?[\d.]+)\)"/g, '$1 x="$2" y="$3"')
    .split('\n')
    .reduce(merge, [])
    .join('\n');
}

// Neighbours that look alike are one path.
function merge(lines, line) {
  const pattern = /^<path d="([^"]*)"( fill="none"[^>]*)\/>$/;
  const [now, before] = [pattern.exec(line), pattern.exec(lines.at(-1) ?? '')];
  if (now && before && now[2] === before[2]) lines[lines.length - 1] = `<path d="${before[1]}${now[1]}"${now[2]}/>`;
  else lines.push(line);
  return lines;
}

function round(v) {
  return Math.round(v * 10) / 10;
}

// Inline in the page: the enclosing element names it, so it is hidden from assistive technology itself.
export function inline(chart, data, width, colours, suffix) {
  const size = { width, height: chart.height(data, width) };
  // What every text shares is said once, here and in the page's style.
  const content = body(chart.option(data, size, colours), size, `${data.id}-${suffix}`)
    .replace(/ dominant-baseline="central"/g, '')
    .replace(/ font-size="12"/g, '');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}" font-family="${FONT}" font-size="12" aria-hidden="true" focusable="false">\n${content}</svg>`;
}

// A file of its own: literal colours on white; the group, the verdict and the conditions are in the picture.
export function standalone(chart, data, width) {
  const colours = literalColours('light');
  const margin = 24;
  const size = { width: width - 2 * margin, height: chart.height(data, width - 2 * margin) };
  const heading = chart.title(data);
  const below = chart.subtitle(data);
  const titles = wrap(heading, size.width, 17, true);
  const subtitles = wrap(below, size.width, 12);
  const kicker = data.label ?? '';
  const first = margin + (kicker ? 22 : 0);
  const captionHeight = first + titles.length * 23 + 10;
  const footTop = captionHeight + size.height + 20;
  const height = footTop + subtitles.length * 17 + 16;
  const caption = [
    ...(kicker ? [line(clip(kicker, size.width, 13), margin, margin + 2, 'font-size="13"', colours.muted)] : []),
    ...titles.map((words, i) =>
      line(words, margin, first + 8 + i * 23, 'font-size="17" font-weight="600"', colours.text),
    ),
    ...subtitles.map((words, i) => line(words, margin, footTop + 6 + i * 17, 'font-size="12"', colours.muted)),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${data.id}-title ${data.id}-desc" font-family="${FONT}">`,
    `<title id="${data.id}-title">${escapeHtml(heading)}</title>`,
    `<desc id="${data.id}-desc">${escapeHtml(kicker ? `${kicker} · ${below}` : below)}</desc>`,
    `<rect width="${width}" height="${height}" fill="${colours.background}"/>`,
    ...caption,
    `<g transform="translate(${margin} ${captionHeight})">`,
    body(chart.option(data, size, colours), size, data.id),
    '</g>',
    '</svg>',
    '',
  ].join('\n');
}

function line(words, x, y, font, colour) {
  return `<text x="${x}" y="${y}" dominant-baseline="central" ${font} fill="${colour}">${escapeHtml(words)}</text>`;
}
