// The table of every number: sort by a column, show what contains all words, copy what is shown.

export function table(state, changed, say) {
  const every = document.getElementById('every');
  const body = every.tBodies[0];
  const heads = [...every.tHead.rows[0].cells];
  const original = [...body.rows];
  const filter = document.getElementById('filter');

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent;
    return cell.dataset.value === '' ? null : Number(cell.dataset.value);
  };

  function compare(a, b, column, direction) {
    const [x, y] = [keyOf(a, column), keyOf(b, column)];
    if (x === null || y === null) return (x === null) - (y === null); // not measured: last, whichever way
    const order = typeof x === 'number' ? x - y : x < y ? -1 : x > y ? 1 : 0;
    return direction === 'descending' ? -order : order;
  }

  function sort() {
    const [name, direction] = state.sort.split(':');
    const column = heads.findIndex((head) => head.dataset.name === name);
    heads.forEach((head, i) => head.setAttribute('aria-sort', i === column ? direction : 'none'));
    body.append(...(column < 0 ? original : [...original].sort((a, b) => compare(a, b, column, direction))));
  }

  function show() {
    const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of original) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  }

  heads.forEach((head) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.dataset.name = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const next = { ascending: 'descending', descending: '', '': 'ascending', none: 'ascending' }[
        head.getAttribute('aria-sort')
      ];
      state.sort = next ? `${head.dataset.name}:${next}` : '';
      sort();
      changed();
      say(next ? `sorted by ${head.dataset.name}, ${next}` : 'in the order of the file');
    });
  });
  filter.value = state.filter;
  filter.addEventListener('input', () => {
    state.filter = filter.value;
    show();
    changed();
  });

  // For programs plain numbers, for people what the table shows.
  function lines(words) {
    const shown = [...body.rows].filter((row) => !row.hidden);
    return [
      heads.map((head) => head.dataset.name),
      ...shown.map((row) => [...row.cells].map(words)),
    ];
  }
  const quote = (words) => (/[",\r\n]/.test(words) ? `"${words.replace(/"/g, '""')}"` : words);
  const formats = {
    csv: () =>
      lines((cell) => cell.dataset.value ?? cell.textContent)
        .map((line) => line.map(quote).join(','))
        .join('\r\n'),
    md: () =>
      lines((cell) => cell.textContent)
        .map((line) => `| ${line.map((words) => words.replace(/\|/g, '\\|')).join(' | ')} |`)
        .flatMap((line, i) => (i === 0 ? [line, `|${' --- |'.repeat(heads.length)}`] : [line]))
        .join('\n'),
  };
  for (const button of document.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(formats[button.dataset.copy]());
        say('copied');
        button.textContent = 'Copied';
      } catch {
        button.textContent = 'The browser refused to copy';
      }
    });
  }
  sort();
  show();
}
