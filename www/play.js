// The playground: the npm package tracks from this page into this collector, and its books are shown beside what arrived.

import { faults, presets } from './faults.js';
import { Log } from './play-log.js';
import { NETWORKS, Trackers } from './play-tracker.js';
import { $, ask, bytes, clock, code, count, make, plural, say, soon } from './tools.js';

const EVERY = 500; // ms between two points of the charts, which have 120: the last minute
const NEWEST = 7; // arrivals shown

/** Of the books: what an accepted event can be. */
const FATES = [
  ['delivered', 'Delivered', 'live'],
  ['rejected', 'Rejected', 'bad'],
  ['expired', 'Expired', 'item'],
  ['dropped', 'Dropped', 'user'],
  ['pending', 'Waiting', 'accent'],
];

export const play = {
  trackers: null,
  plan: [],

  /** Wires the controls. `page` leads to other parts of the page. */
  start(page) {
    this.log = new Log($('play-log'));
    this.waiting = new Chart('play-waiting', count);
    this.arriving = new Chart('play-arriving', (n) => `${count(n)} at most`);
    this.forget();
    this.network();
    $('play-form').addEventListener('submit', (event) => (event.preventDefault(), this.one()));
    $('play-many').addEventListener('click', () => this.many(1000));
    $('play-flush').addEventListener('click', () => this.flush());
    $('play-over').addEventListener('click', () => this.startOver());
    $('play-form').addEventListener('change', (event) => event.target.matches('select') && this.choose());
    $('play-again').addEventListener('click', () => this.open());
    $('play-show').addEventListener('click', () => page.showVisitor(this.trackers.visitor));
    $('play-faults-open').addEventListener('click', () => page.showFaults());
    $('play-faults').append(...presets.map(([name, title, rule]) => {
      const button = make('button', { type: 'button', title }, name);
      button.addEventListener('click', () => faults.add(rule));
      return button;
    }));
  },

  /** Loads the build when the view is first opened, and looks for it again whenever it was not there. */
  async open() {
    if (this.trackers !== null || this.loading) return;
    this.loading = true;
    try {
      const { script, missing } = await ask('package');
      if (script === null) return this.miss(missing);
      const { GrowingTracker } = await import(script);
      this.trackers = new Trackers({
        GrowingTracker,
        requested: (request) => {
          this.failing = request.error !== undefined || request.status >= 400;
          this.log.request(request);
          this.changed();
        },
        ended: (outcome) => (this.log.outcome(outcome), this.changed()),
      });
      $('play-missing').hidden = true;
      $('play').hidden = false;
      this.choose();
      setInterval(() => this.tick(), EVERY);
    } catch (error) {
      this.miss(error.message);
    } finally {
      this.loading = false;
    }
  },

  miss(why) {
    $('play-missing').hidden = false;
    $('play-missing-why').textContent = `The playground tracks with the npm package, and ${why}.`;
    $('play-missing-how').replaceChildren(
      make('h3', {}, 'From a clone of the project, with Node'), code('cargo xtask build\ntrackwire collect --package pkg'),
      make('h3', {}, 'Where the package is installed'), code('trackwire collect --package node_modules/trackwire'),
    );
  },

  // ---- What the reader does -------------------------------------------------------------------------------

  choose() {
    const given = Object.fromEntries(new FormData($('play-form')));
    const options = { format: given.format, consumer: given.consumer, onExhausted: given.onExhausted, maxAge: Number(given.maxAge), maxQueueBytes: Number(given.maxQueueBytes) };
    this.trackers.choose(options);
    $('play-code').lastElementChild.replaceChildren(code(sample(options)));
    this.changed();
  },

  network() {
    const what = $('play-network-what');
    const options = NETWORKS.map(([value, name, about]) => {
      const input = make('input', { type: 'radio', name: 'network', value, checked: value === 'online' });
      input.addEventListener('change', () => {
        what.textContent = about;
        this.trackers.setNetwork(value);
        this.log.note(`Network: ${name.toLowerCase()}`);
        this.changed();
      });
      return make('label', {}, input, make('span', {}, name));
    });
    what.textContent = NETWORKS[0][2];
    $('play-network').append(...options);
  },

  one() {
    const problem = $('play-problem');
    problem.hidden = true;
    const { name, attributes } = $('play-form').elements;
    let parsed;
    try {
      parsed = JSON.parse(attributes.value || '{}');
    } catch (error) {
      problem.textContent = `The attributes are not JSON: ${error.message}`;
      problem.hidden = false;
      return attributes.focus();
    }
    say(this.trackers.one(name.value, parsed) ? 'Recorded' : 'Not taken');
    this.changed();
  },

  many(wanted) {
    const taken = this.trackers.many(wanted);
    say(`${count(taken)} recorded`);
    if (taken < wanted) this.log.note(`${plural(wanted - taken, 'event')} not taken`);
    this.changed();
  },

  async flush() {
    this.log.note('Flush');
    this.changed();
    await this.trackers.flush();
    this.changed();
  },

  async startOver() {
    this.log.clear();
    this.forget();
    await this.trackers.startOver();
    say('Started over');
    this.changed();
  },

  // ---- What the collector tells ---------------------------------------------------------------------------

  /** Records as they arrive, from anywhere. */
  arrived(records) {
    if (this.trackers === null) return;
    for (const record of records) {
      if (record.anonymous !== this.trackers.visitor) continue;
      const n = Number(record.attributes?.n);
      if (this.seen.has(n)) this.twice += 1;
      this.seen.add(n);
      this.newest.unshift({ id: record.id, at: record.received_at, name: record.name, line: JSON.stringify(record.attributes).slice(0, 120) });
    }
    this.newest.length = Math.min(this.newest.length, NEWEST);
    this.changed();
  },

  /** The collector holds nothing any more. */
  forget() {
    this.seen = new Set();
    this.twice = 0;
    this.newest = [];
    this.before = [0, 0];
    if (this.trackers !== null) this.changed();
  },

  faults(plan) {
    const left = plan.reduce((sum, { count: n }) => sum + (n ?? Infinity), 0);
    $('play-faults-left').textContent = plan.length === 0 ? '' : left === Infinity ? plural(plan.length, 'rule in force', 'rules in force') : `${plural(left, 'request')} to go`;
  },

  // ---- Showing --------------------------------------------------------------------------------------------

  /** Not at every one of a thousand requests: what is to be watched must not be slowed by watching. */
  changed() {
    this.later ??= setTimeout(() => {
      this.later = undefined;
      soon(paint);
    }, 100);
  },

  tick() {
    this.waiting.add(this.trackers.books().pending ?? 0);
    const all = this.seen.size + this.twice;
    // Over the last second, two ticks.
    const [before, then] = this.before;
    this.arriving.add(Math.max(0, all - before));
    this.before = [then, all];
    this.changed();
  },
};

function paint() {
  const { trackers, log, seen, twice, newest, waiting, arriving } = play;
  const books = trackers.books();
  const { accepted = 0, pending = 0, unconfirmed = 0 } = books;
  $('count-play').textContent = pending > 0 ? count(pending) : '';
  if ($('panel-play').hidden) return;

  $('play-state').textContent = accepted === 0 ? '' : pending === 0 ? 'All done' : trackers.network === 'offline' ? 'Held while offline' : play.failing ? 'Trying again' : trackers.options.consumer === 'buffered' ? 'Waiting for more, or a flush' : 'Sending';
  balance('play-balance', FATES.map(([key, name, tone]) => [name, books[key] ?? 0, tone]), `${plural(accepted, 'event')} accepted`);
  facts('play-sums', [
    ['Accepted', accepted],
    ...FATES.map(([key, name, tone]) => [name, books[key] ?? 0, tone]),
    ['Unconfirmed', unconfirmed],
    ['Not taken', (books.invalid ?? 0) + (books.refusedFull ?? 0)],
  ]);
  facts('play-more', [
    ['Requests', books.requests ?? 0],
    ['Retries', books.retries ?? 0],
    ['Queue', bytes(books.queuedBytes ?? 0)],
    ['Sent', bytes(books.sentBytes ?? 0)],
  ]);
  waiting.paint();

  balance('play-arrived-bar', [['Arrived', seen.size, 'live'], ['Not here', Math.max(0, accepted - seen.size), 'none']], `${count(seen.size)} of ${count(accepted)} arrived`);
  facts('play-arrived', [
    ['Arrived', seen.size, 'live'],
    ['Not here', Math.max(0, accepted - seen.size)],
    ['Twice', twice],
    ['Maybe twice', books.maybeDuplicated ?? 0],
  ]);
  arriving.paint();
  $('play-arrivals').replaceChildren(...newest.map(({ at, name, line }) => make('li', {}, make('time', {}, clock(at)), make('b', {}, name ?? ''), make('span', {}, line))));
  $('play-show').hidden = seen.size === 0;

  $('play-log-none').hidden = log.lines.length > 0;
  log.paint();
}

/** A bar whose parts are as wide as their shares; in words for those who do not see it. */
function balance(id, parts, summary) {
  const bar = $(id);
  while (bar.children.length < parts.length) bar.append(make('span'));
  parts.forEach(([, n, tone], at) => {
    bar.children[at].dataset.tone = tone;
    bar.children[at].style.flexGrow = n;
    bar.children[at].hidden = n === 0;
  });
  bar.ariaLabel = [summary, ...parts.filter(([, n]) => n > 0).map(([name, n]) => `${name.toLowerCase()} ${count(n)}`)].join(', ');
}

function facts(id, rows) {
  const list = $(id);
  if (list.children.length !== rows.length) {
    list.replaceChildren(...rows.map(([name, , tone]) => make('div', {}, make('dt', tone ? { data: { tone } } : {}, name), make('dd'))));
  }
  rows.forEach(([, value], at) => {
    const text = typeof value === 'number' ? count(value) : value;
    const cell = list.children[at].lastElementChild;
    if (cell.textContent !== text) cell.textContent = text;
    cell.classList.toggle('zero', value === 0 || value === '0 B');
  });
}

class Chart {
  constructor(id, words) {
    this.path = $(id).firstElementChild;
    this.top = $(`${id}-top`);
    this.words = words;
    this.points = new Array(120).fill(0);
  }

  add(value) {
    this.points.push(value);
    this.points.shift();
  }

  paint() {
    const most = Math.max(...this.points);
    this.top.textContent = most > 0 ? this.words(most) : '';
    const line = this.points.map((value, at) => `L${at} ${(40 - (most > 0 ? value / most : 0) * 37).toFixed(1)}`).join('');
    this.path.setAttribute('d', `M0 40${line}L119 40Z`);
  }
}

function sample({ format, consumer, onExhausted, maxAge, maxQueueBytes }) {
  const more = [
    format === 'json' ? '' : `format: "${format}"`,
    consumer === 'default' ? '' : `consumer: "${consumer}"`,
    onExhausted === 'keep' ? '' : `onExhausted: "${onExhausted}"`,
    maxAge === 864e5 ? '' : `maxAge: ${maxAge}`,
    maxQueueBytes === 8 << 20 ? '' : `maxQueueBytes: ${maxQueueBytes}`,
  ].filter(Boolean).map((option) => `\n  ${option},`).join('');
  return `import { GrowingTracker } from "trackwire/growingio";

const tracker = new GrowingTracker({
  productId: "playground",
  dataSourceId: "live-page",
  serverHost: "${location.origin}",${more}
});
tracker.trackCustomEvent("add_to_cart", { attributes: { sku: "A-17", price: 19.9 } });`;
}
