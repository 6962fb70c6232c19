'use strict';
(function () {
  // Tables are sorted by their heads and filtered by words. Of a long one so many rows are shown at first: the layout of thousands
  // takes a second each time.
  const shownAtFirst = 200;

  function makeSortable(table) {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const collator = new Intl.Collator(undefined, { numeric: true });
    let rows = [...body.rows], words = [], limit = shownAtFirst;
    const bar = document.createElement('div'), count = document.createElement('output'), more = document.createElement('button');
    bar.className = 'table-bar';
    more.type = 'button';
    more.textContent = 'Show all rows';
    more.addEventListener('click', () => { limit = Infinity; show(); });
    if (rows.length > 12) {
      const label = document.createElement('label'), input = document.createElement('input');
      input.type = 'search';
      input.placeholder = table.dataset.example ?? 'ptq native';
      label.append('Rows with ', input);
      input.addEventListener('input', () => { words = input.value.toLowerCase().split(/\s+/).filter(Boolean); show(); });
      bar.append(label, count, more);
      table.parentElement.before(bar);
    }
    function show() {
      let found = 0;
      rows.forEach((row) => {
        if (words.length && row.words === undefined) row.words = row.textContent.toLowerCase();
        const fits = words.every((word) => row.words.includes(word));
        found += fits;
        row.hidden = !fits || found > limit;
      });
      more.hidden = found <= limit;
      count.textContent = Math.min(found, limit) + ' of ' + rows.length + ' rows' + (found > limit ? ', of ' + found + ' that fit' : '');
    }
    heads.forEach((head, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...head.childNodes);
      head.append(button);
      const numeric = head.classList.contains('number');
      button.addEventListener('click', () => {
        const descending = head.getAttribute('aria-sort') === 'ascending' || (numeric && !head.hasAttribute('aria-sort'));
        heads.forEach((other) => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
        const keys = rows.map((row) => {
          const cell = row.cells[column];
          if (!numeric) return [cell.textContent, row];
          return [cell.dataset.value === undefined ? null : Number(cell.dataset.value), row];
        });
        const sign = descending ? -1 : 1;
        keys.sort(([x], [y]) => {
          if (x === null || y === null) return (x === null) - (y === null);  // what is not there comes last
          return sign * (numeric ? x - y : collator.compare(x, y));
        });
        rows = keys.map(([, row]) => row);
        show();
        body.append(...rows);
      });
    });
    // Links lead to rows that are hidden, too.
    const reveal = () => {
      const row = rows.find((one) => '#' + one.id === location.hash);
      if (!row || !row.hidden) return;
      row.hidden = false;
      row.scrollIntoView();
    };
    window.addEventListener('hashchange', reveal);
    window.addEventListener('beforeprint', () => { limit = Infinity; show(); });
    show();
    table.classList.add('ready');
    reveal();
  }

  document.querySelectorAll('table.sortable').forEach(makeSortable);
  // What is folded has no place where it could be opened on paper.
  window.addEventListener('beforeprint', () => document.querySelectorAll('details.findings').forEach((one) => { one.open = true; }));
})();
