// What has arrived and the list that shows it: the newest KEEP rows in memory, only those in sight in the document.

import { $, count, make, soon } from './tools.js';

const KEEP = 100_000;
const SLACK = 5_000; // rows over KEEP before the oldest are cut, so that cutting stays rare

/** The newest KEEP rows in order of arrival, and those of them that a filter lets through, newest first. */
export class Rows {
  constructor(changed) {
    this.changed = changed;
    this.clear();
  }

  clear() {
    this.all = [];
    this.cut = 0; // how many of the oldest were let go
    this.match = null;
    this.newer = this.all; // matched on arrival, oldest first
    this.older = []; // matched by searching back, newest first
    this.job = null;
    this.searched = 0; // rows of `all` below this index are not searched yet
    this.changed(0);
  }

  get length() {
    return this.newer.length + this.older.length;
  }

  /** The row at a place in the list, 0 being the newest. */
  at(index) {
    const n = this.newer.length;
    return index < n ? this.newer[n - 1 - index] : this.older[index - n];
  }

  indexOf(id) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle).id > id) low = middle + 1;
      else high = middle;
    }
    return low < this.length && this.at(low).id === id ? low : -1;
  }

  add(rows) {
    let shown = 0;
    for (const row of rows) {
      this.all.push(row);
      if (this.match === null) shown += 1;
      else if (this.match(row)) shown += this.newer.push(row) && 1;
    }
    if (this.all.length > KEEP + SLACK) this.#trim();
    this.changed(shown);
  }

  /** Adds rows that came before all others, newest first; false when there is room for no more. */
  addBefore(rows) {
    const room = KEEP - this.all.length;
    const taken = rows.slice(0, Math.max(0, room)).reverse();
    const unfiltered = this.match === null;
    this.all = taken.concat(this.all);
    if (unfiltered) this.newer = this.all;
    else {
      this.searched += taken.length;
      if (this.job === null) this.#search();
    }
    this.changed(0);
    return rows.length < room;
  }

  filter(match) {
    this.match = match;
    this.older = [];
    this.newer = match === null ? this.all : [];
    this.searched = match === null ? 0 : this.all.length;
    this.job = null;
    if (match !== null) this.#search();
    this.changed(0);
  }

  /** Searches back in slices that leave time for frames; the newest matches show at once. */
  #search() {
    const job = {};
    this.job = job;
    const slice = () => {
      if (this.job !== job) return;
      const end = performance.now() + 8;
      while (this.searched > 0 && performance.now() < end) {
        const stop = Math.max(0, this.searched - 500);
        while (this.searched > stop) {
          const row = this.all[--this.searched];
          if (this.match(row)) this.older.push(row);
        }
      }
      this.changed(0);
      if (this.searched > 0) setTimeout(slice);
      else this.job = null;
    };
    slice();
  }

  #trim() {
    const gone = this.all.length - KEEP;
    this.all.splice(0, gone);
    this.cut += gone;
    this.searched = Math.max(0, this.searched - gone);
    if (this.match === null) return;
    const oldest = this.all[0].id;
    while (this.older.length > 0 && this.older.at(-1).id < oldest) this.older.pop();
    const first = this.newer.findIndex((row) => row.id >= oldest);
    if (first !== 0) this.newer.splice(0, first < 0 ? this.newer.length : first);
  }
}

export class List {
  /** `cells` makes a row's cells once, `draw` fills them; `open(row)` shows a detail, null closes it. */
  constructor(name, rows, { cells, draw, open }) {
    this.name = name;
    this.rows = rows;
    this.draw = draw;
    this.cells = cells;
    this.show = open;
    this.root = $(name);
    this.fresh = $(`${name}-fresh`);
    this.split = $(`split-${name}`);
    this.sizer = make('div', { className: 'sizer', role: 'presentation' });
    this.root.append(this.sizer);
    this.pool = [];
    this.active = null;
    this.shift = 0; // rows that came on top since the last paint
    this.unseen = 0; // rows above what the reader looks at
    this.paint = this.paint.bind(this);
    this.root.addEventListener('scroll', () => soon(this.paint), { passive: true });
    this.root.addEventListener('keydown', (event) => this.#key(event));
    this.root.addEventListener('click', (event) => {
      const slot = this.pool.find((slot) => slot.element.contains(event.target));
      if (slot?.row) this.open(slot.row);
    });
    this.fresh.addEventListener('click', () => {
      this.root.scrollTop = 0;
      this.root.focus();
      soon(this.paint);
    });
    new ResizeObserver(() => soon(this.paint)).observe(this.root);
  }

  /** The rows changed; `added` of them are new on top. */
  changed(added) {
    this.shift += added;
    soon(this.paint);
  }

  get isOpen() {
    return this.split.dataset.open !== undefined;
  }

  open(row) {
    this.active = row.id;
    this.split.dataset.open = '';
    this.show(row);
    soon(this.paint);
  }

  close() {
    if (!this.isOpen) return;
    delete this.split.dataset.open;
    this.show(null);
    this.root.focus({ preventScroll: true });
    soon(this.paint);
  }

  forget() {
    this.active = null;
    this.unseen = 0;
    if (this.isOpen) {
      delete this.split.dataset.open;
      this.show(null);
    }
  }

  paint() {
    const { root, rows, sizer } = this;
    const room = root.clientHeight;
    if (room === 0) return;
    const height = parseFloat(getComputedStyle(root).getPropertyValue('--row'));
    const total = rows.length;
    sizer.style.height = `${total * height}px`;
    // What is being read stays where it is; only at the top, with nothing open, the list follows.
    if (this.shift > 0 && (root.scrollTop > 0 || this.isOpen)) {
      root.scrollTop += this.shift * height;
      this.unseen += this.shift;
    }
    this.shift = 0;
    if (root.scrollTop < height / 2) this.unseen = 0;
    this.fresh.hidden = this.unseen === 0;
    if (this.unseen > 0) this.fresh.textContent = `↑ ${count(this.unseen)} new`;

    const first = Math.max(0, Math.floor(root.scrollTop / height) - 4);
    const last = Math.min(total, first + Math.ceil(room / height) + 9);
    while (this.pool.length < last - first) this.#slot();
    for (const slot of this.pool) slot.used = false;
    let current = '';
    for (let index = first; index < last; index += 1) {
      const row = rows.at(index);
      // Counted from the oldest, so that a row keeps its element while others arrive above it.
      const slot = this.pool[(total - 1 - index) % this.pool.length];
      slot.used = true;
      const { element } = slot;
      if (slot.row !== row) {
        slot.row = row;
        this.draw(slot.cells, row);
      }
      element.hidden = false;
      element.style.transform = `translateY(${index * height}px)`;
      element.ariaPosInSet = index + 1;
      element.ariaSetSize = total;
      element.ariaSelected = row.id === this.active;
      if (row.id === this.active) current = element.id;
    }
    for (const slot of this.pool) {
      if (slot.used) continue;
      slot.element.hidden = true;
      slot.row = null;
    }
    if (current) root.setAttribute('aria-activedescendant', current);
    else root.removeAttribute('aria-activedescendant');
  }

  #slot() {
    const cells = this.cells.map((name) => make('span', { className: name }));
    const element = make('div', { role: 'option', id: `${this.name}-${this.pool.length}`, className: 'row' }, ...cells);
    this.sizer.append(element);
    this.pool.push({ element, cells, row: null });
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || this.rows.length === 0) return;
    const height = parseFloat(getComputedStyle(this.root).getPropertyValue('--row'));
    const now = this.active === null ? -1 : this.rows.indexOf(this.active);
    const last = this.rows.length - 1;
    const leap = Math.max(1, Math.floor(this.root.clientHeight / height) - 1);
    const goal = { ArrowDown: now + 1, ArrowUp: Math.max(0, now - 1), PageDown: now + leap, PageUp: now - leap, Home: 0, End: last, Enter: Math.max(0, now), ' ': Math.max(0, now) }[event.key];
    if (goal === undefined) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, goal));
    const top = index * height;
    if (top < this.root.scrollTop) this.root.scrollTop = top;
    else if (top + height > this.root.scrollTop + this.root.clientHeight) this.root.scrollTop = top + height - this.root.clientHeight;
    this.open(this.rows.at(index));
  }
}
