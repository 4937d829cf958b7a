// Small graphic elements in ECharts' vocabulary, and the axes every chart shares. Positions are pixels.

import { identityOf } from './identity.js';
import { FONT } from './text.js';

export function text(x, y, words, { size = 12, colour, align = 'left', bold = false, z = 6, opacity = 1, halo } = {}) {
  const style = {
    text: String(words),
    x,
    y,
    fill: colour,
    opacity,
    font: `${bold ? '600 ' : ''}${size}px ${FONT}`,
    textAlign: align,
    textVerticalAlign: 'middle',
  };
  return { type: 'text', silent: true, z, style: halo ? { ...style, stroke: halo, lineWidth: 4 } : style };
}

export function line(x1, y1, x2, y2, colour, { width = 1, dash = null, opacity = 1, z = 1 } = {}) {
  const style = { stroke: colour, lineWidth: width, lineDash: dash, opacity, fill: 'none' };
  return { type: 'line', silent: true, z, shape: { x1, y1, x2, y2 }, style };
}

export function rect(x, y, width, height, fill, { z = 1, opacity = 1, stroke = 'none', r = 0, lineWidth = 1 } = {}) {
  const style = { fill, opacity, stroke, lineWidth: stroke === 'none' ? 0 : lineWidth };
  return { type: 'rect', silent: true, z, shape: { x, y, width, height, r }, style };
}

export function polygon(points, fill, { z = 1, opacity = 1 } = {}) {
  return {
    type: 'polygon',
    silent: true,
    z,
    shape: { points },
    style: { fill, opacity, stroke: 'none', lineWidth: 0 },
  };
}

// Diagonal lines over a rectangle: not measured, or not to be believed. One line there and back, which turns on the edge:
// no pattern, no clip, and few bytes.
export function hatch(x, y, width, height, colour, { gap = 6, z = 2, opacity = 0.55 } = {}) {
  const points = [];
  let forth = true;
  for (let d = gap; d < width + height; d += gap) {
    const top = [r1(x + Math.min(d, width)), r1(y + Math.max(0, d - width))];
    const bottom = [r1(x + Math.max(0, d - height)), r1(y + Math.min(d, height))];
    points.push(...(forth ? [top, bottom] : [bottom, top]));
    forth = !forth;
  }
  return {
    type: 'polyline',
    silent: true,
    z,
    shape: { points },
    style: { stroke: colour, lineWidth: 1, fill: 'none', opacity },
  };
}

function r1(v) {
  return Math.round(v * 10) / 10;
}

function corners(n, turn, size) {
  return Array.from({ length: n }, (_, i) => {
    const angle = turn + (2 * Math.PI * i) / n;
    return [Math.sin(angle) * size, -Math.cos(angle) * size];
  });
}

const SHAPES = {
  rect: (s) => corners(4, Math.PI / 4, s * 1.2),
  diamond: (s) => corners(4, 0, s * 1.25),
  triangle: (s) => corners(3, 0, s * 1.3),
  pentagon: (s) => corners(5, 0, s * 1.15),
  hexagon: (s) => corners(6, 0, s * 1.15),
  cross: (s) => {
    const a = s * 0.36;
    return [
      [-a, -s],
      [a, -s],
      [a, -a],
      [s, -a],
      [s, a],
      [a, a],
      [a, s],
      [-a, s],
      [-a, a],
      [-s, a],
      [-s, -a],
      [-a, -a],
    ];
  },
};

// The mark of a row: shape and hue are the delivery, hollow is h2, small is h1-close.
export function marker(row, x, y, colours, { z = 5, scale = 1 } = {}) {
  const id = identityOf(row, colours);
  const size = (id.symbolSize / 2) * scale;
  const style = id.hollow
    ? { fill: colours.background, stroke: id.colour, lineWidth: 2, opacity: id.opacity }
    : { fill: id.colour, stroke: colours.background, lineWidth: 1, opacity: id.opacity };
  if (id.symbol === 'circle') return { type: 'circle', silent: true, z, shape: { cx: x, cy: y, r: size }, style };
  const points = SHAPES[id.symbol](size).map(([dx, dy]) => [r1(x + dx), r1(y + dy)]);
  return { type: 'polygon', silent: true, z, shape: { points }, style };
}

// One panel's grid and pair of axes. `box` is {left, top, right, bottom} in pixels of the chart.
export function grid(box, size) {
  return {
    left: box.left,
    top: box.top,
    width: box.right - box.left,
    height: box.bottom - box.top,
    containLabel: false,
    outerBoundsMode: 'none',
    right: size.width - box.right,
    bottom: size.height - box.bottom,
  };
}

export function axis(scale, index, colours, { format, lines = true, labels = true, ticks = scale.ticks } = {}) {
  return {
    type: 'value',
    gridIndex: index,
    min: scale.min,
    max: scale.max,
    axisLine: { show: false },
    axisTick: { show: false, customValues: ticks },
    splitLine: { show: lines, lineStyle: { color: colours.line, width: 1 } },
    axisLabel: {
      show: labels,
      customValues: ticks,
      formatter: (t) => format(scale.value(t)),
      color: colours.muted,
      fontFamily: FONT,
      fontSize: 12,
      hideOverlap: false,
    },
    axisPointer: { label: { show: false } },
  };
}

// An axis that exists for its grid only.
export function blankAxis(index, min = 0, max = 1) {
  return { type: 'value', gridIndex: index, min, max, show: false };
}

export function base(colours) {
  return {
    animation: false,
    backgroundColor: 'transparent',
    textStyle: { fontFamily: FONT, color: colours.text },
    tooltip: {
      confine: true,
      transitionDuration: 0,
      backgroundColor: colours.background,
      borderColor: colours.line,
      textStyle: { color: colours.text, fontFamily: FONT, fontSize: 12 },
      extraCssText: 'max-width: 340px; white-space: normal;',
    },
  };
}
