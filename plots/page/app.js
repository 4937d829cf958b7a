// Makes the page live: pictures with tooltips, a metric for the heat map, muted rows, sorting, theme. All state is in the
// address, so a link shows what its sender saw. Without this script the page says the same.

import { charts } from '../charts/all.js';
import { pageColours } from '../lib/identity.js';
import { library } from './library.js';
import { table } from './table.js';

let echarts = null;
const root = document.documentElement;
const byName = Object.fromEntries(charts.map((chart) => [chart.name, chart]));
const all = JSON.parse(document.getElementById('charts').textContent).charts;
const dataOf = (name, index) => all.find((entry) => entry.name === name).list[index];
const state = { metric: '', mute: [], theme: '', sort: '', filter: '' };
const live = new Map();

function readAddress() {
  const hash = location.hash.slice(1);
  if (!hash.includes('=')) return;
  const values = new URLSearchParams(hash);
  state.metric = values.get('metric') ?? '';
  state.mute = (values.get('mute') ?? '').split(',').filter(Boolean);
  state.theme = ['light', 'dark'].includes(values.get('theme')) ? values.get('theme') : '';
  state.sort = values.get('sort') ?? '';
  state.filter = values.get('filter') ?? '';
}

function writeAddress() {
  const values = new URLSearchParams();
  for (const [key, value] of Object.entries(state))
    if (value.length) values.set(key, Array.isArray(value) ? value.join(',') : value);
  const hash = values.toString();
  history.replaceState(null, '', hash ? `#${hash}` : location.pathname + location.search);
}

function say(words) {
  document.getElementById('live').textContent = words;
}

function colours() {
  return { ...pageColours, muted_rows: state.mute };
}

// Replaces a still picture by a live one of the same content, as wide as there is room.
function draw(figure) {
  const chart = byName[figure.dataset.chart];
  const data = dataOf(figure.dataset.chart, Number(figure.dataset.index));
  const picture = figure.querySelector('.picture');
  const width = Math.floor(Math.min(picture.clientWidth, 940));
  if (width < 200) return;
  const size = { width, height: chart.height(data, width) };
  let entry = live.get(figure);
  if (!entry) {
    const place = document.createElement('div');
    place.className = 'live';
    picture.replaceChildren(place);
    picture.classList.remove('one');
    entry = { place, chart: echarts.init(place, null, { renderer: 'svg', ...size }) };
    live.set(figure, entry);
  }
  entry.place.style.width = `${size.width}px`;
  entry.place.style.height = `${size.height}px`;
  entry.chart.resize({ ...size, silent: true });
  entry.chart.setOption(chart.option(data, size, colours()), { notMerge: true });
}

function caption(figure) {
  const chart = byName[figure.dataset.chart];
  const data = dataOf(figure.dataset.chart, Number(figure.dataset.index));
  figure.querySelector('h3').textContent = chart.title(data);
  figure.querySelector('.picture').setAttribute('aria-label', chart.title(data));
  figure.querySelector('.conditions').textContent = chart.subtitle(data);
  const { head, rows } = chart.table(data);
  const cell = (tag, words, scope) => {
    const element = document.createElement(tag);
    element.textContent = words;
    if (scope) element.scope = scope;
    return element;
  };
  const line = (cells) => {
    const row = document.createElement('tr');
    row.append(...cells);
    return row;
  };
  figure.querySelector('thead').replaceChildren(line(head.map((words) => cell('th', words, 'col'))));
  figure
    .querySelector('tbody')
    .replaceChildren(
      ...rows.map((row) => line(row.map((words, i) => (i === 0 ? cell('th', words, 'row') : cell('td', words))))),
    );
}

function chooseMetric(box, button, byHand) {
  for (const other of box.querySelectorAll('[data-which]')) {
    other.setAttribute('aria-checked', String(other === button));
    other.tabIndex = other === button ? 0 : -1;
  }
  const figure = box.querySelector('figure');
  figure.dataset.index = button.dataset.which;
  caption(figure);
  draw(figure);
  if (byHand) {
    state.metric = button.dataset.metric;
    writeAddress();
    say(figure.querySelector('h3').textContent);
  }
}

function startMetrics() {
  for (const box of document.querySelectorAll('div.which')) {
    const buttons = [...box.querySelectorAll('[data-which]')];
    buttons.forEach((button, i) => {
      button.addEventListener('click', () => chooseMetric(box, button, true));
      button.addEventListener('keydown', (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (!step) return;
        event.preventDefault();
        const next = buttons[(i + step + buttons.length) % buttons.length];
        next.focus();
        chooseMetric(box, next, true);
      });
    });
    const wanted = buttons.find((button) => button.dataset.metric === state.metric);
    if (wanted && wanted.getAttribute('aria-checked') !== 'true') chooseMetric(box, wanted, false);
  }
}

function startChips() {
  for (const chip of document.querySelectorAll('[data-row]')) {
    const { row } = chip.dataset;
    chip.setAttribute('aria-pressed', String(!state.mute.includes(row)));
    chip.addEventListener('click', () => {
      state.mute = state.mute.includes(row) ? state.mute.filter((one) => one !== row) : [...state.mute, row];
      chip.setAttribute('aria-pressed', String(!state.mute.includes(row)));
      writeAddress();
      for (const figure of document.querySelectorAll('figure')) draw(figure);
      say(state.mute.length ? `muted: ${state.mute.join(', ')}` : 'all rows shown');
    });
  }
  if (state.mute.length) for (const figure of document.querySelectorAll('figure')) draw(figure);
}

function dark() {
  return state.theme ? state.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function showTheme() {
  if (state.theme) root.dataset.theme = state.theme;
  else delete root.dataset.theme;
  document.getElementById('theme').setAttribute('aria-pressed', String(dark()));
}

function toggleTheme() {
  state.theme = dark() ? 'light' : 'dark';
  showTheme();
  writeAddress();
}

function startKeys() {
  const help = document.getElementById('help');
  document.getElementById('help-open').addEventListener('click', () => help.showModal());
  document.getElementById('theme').addEventListener('click', toggleTheme);
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea')) return;
    if (event.key === 't') toggleTheme();
    if (event.key === '?' && !help.open) help.showModal();
    if (/^[1-9]$/.test(event.key)) document.querySelectorAll('nav a')[Number(event.key) - 1]?.click();
  });
}

function startDownload() {
  document.getElementById('download').addEventListener('click', () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(
      new Blob([document.getElementById('results').textContent], { type: 'application/json' }),
    );
    link.download = 'results.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  });
}

function startPictures() {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      if (!live.has(entry.target)) draw(entry.target);
    }
  });
  for (const figure of document.querySelectorAll('figure')) near.observe(figure);
  let width = root.clientWidth;
  let pending = 0;
  addEventListener('resize', () => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => {
      for (const figure of live.keys()) draw(figure);
    });
  });
  // Print what is on the screen: numbers unfolded, no row muted away.
  addEventListener('beforeprint', () => {
    for (const twin of document.querySelectorAll('figure > details')) twin.open = true;
  });
}

async function start() {
  readAddress();
  showTheme();
  echarts = await library();
  if (!echarts) return;
  root.classList.add('script');
  startKeys();
  startMetrics();
  startChips();
  startPictures();
  startDownload();
  table(state, writeAddress, say);
  addEventListener('hashchange', () => {
    if (location.hash.includes('=')) location.reload();
  });
}

start();
