// The live page of the local collector: events as they arrive, bad ones with reasons, the fault plan.
//
// Everything shown is untrusted input, so text enters the page as text nodes and nothing else. Memory is
// bounded: the list keeps a short line per event, the newest 100,000; a detail is fetched when opened.
// The page is written at most once per animation frame, and only the visible rows exist in the document.

import { Detail, badDetail, called, goodDetail } from './detail.js';
import { faults } from './faults.js';
import { List, Rows } from './list.js';
import { play } from './play.js';
import { $, ask, bytes, clock, code, copy, count, make, plural, say, soon } from './tools.js';

const PAGE = 500; // records per request while catching up; larger pages would hold up a frame
const LINE = 600; // characters of attributes kept per event for the list and the text filter

// ---- What has arrived, in short lines ---------------------------------------------------------------------

const known = new Map();
/** One copy of a string that recurs, as system, kind, name and user do. */
function once(text) {
  if (typeof text !== 'string') return text ?? null;
  const there = known.get(text);
  if (there !== undefined) return there;
  if (known.size > 20_000) known.clear();
  known.set(text, text);
  return text;
}

/** The attributes in one line, of bounded length and sharing no memory with the record. */
function line(attributes, id) {
  const parts = id === undefined ? [] : ['id=', String(id), '  '];
  let length = 0;
  for (const [key, value] of Object.entries(attributes ?? {})) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    parts.push(key.slice(0, 100), '=', text.slice(0, LINE), '  ');
    length += key.length + text.length;
    if (length > LINE) break;
  }
  return parts.join('').slice(0, LINE);
}

/** What a line shows of a record: of a message itself, of others what is known about them. */
const gist = (r) => (r.kind === 'message' ? String(r.raw?.text ?? r.raw?.base64 ?? '').slice(0, LINE) : line(r.attributes, r.kind === 'item' ? r.raw?.id : undefined));

const shortGood = (r) => ({
  id: r.id, at: r.received_at, system: once(r.system), kind: once(r.kind), name: once(r.name),
  user: once(r.user), anonymous: once(r.anonymous), line: gist(r),
});
const shortBad = (r) => ({
  id: r.id, at: r.received_at, system: once(r.system), status: r.status, reason: String(r.reason ?? '').slice(0, LINE),
  line: `${r.request?.method ?? ''} ${r.request?.path ?? ''}`.slice(0, LINE),
});

// ---- The two lists ----------------------------------------------------------------------------------------

let goodList = null;
let badList = null;
const good = new Rows((added) => (goodList?.changed(added), soon(showCounts)));
const bad = new Rows((added) => (badList?.changed(added), soon(showCounts)));
const goodView = new Detail('events', 'good', goodDetail);
const badView = new Detail('bad', 'bad', badDetail);

goodList = new List('events', good, {
  cells: ['time', 'kind', 'name', 'who', 'line', 'system'],
  open: (row) => goodView.show(row, () => goodList.close()),
  draw: ([time, kind, name, who, text, system], row) => {
    time.textContent = clock(row.at);
    kind.textContent = row.kind;
    kind.dataset.kind = row.kind;
    name.textContent = called(row);
    name.classList.toggle('quiet', row.name === null);
    who.textContent = row.user ?? row.anonymous ?? '';
    who.classList.toggle('quiet', row.user === null);
    text.textContent = row.line;
    system.textContent = row.system;
  },
});
badList = new List('bad', bad, {
  cells: ['time', 'status', 'name', 'line', 'system'],
  open: (row) => badView.show(row, () => badList.close()),
  draw: ([time, status, reason, text, system], row) => {
    time.textContent = clock(row.at);
    status.textContent = row.status || '–'; // 0: closed without an answer
    reason.textContent = row.reason;
    text.textContent = row.line;
    system.textContent = row.system;
  },
});

const seen = { system: new Set(), kind: new Set(), name: new Set() };
/** Offers what was seen in the filter's choices; names only the first 200. */
function offer(row) {
  for (const field of ['system', 'kind']) {
    if (!row[field] || seen[field].has(row[field])) continue;
    seen[field].add(row[field]);
    $(`filter-${field}`).append(make('option', { value: row[field] }, row[field]));
    const systems = document.forms.rule.elements.system;
    if (field === 'system' && ![...systems.options].some((one) => one.value === row.system)) systems.append(make('option', { value: row.system }, row.system));
  }
  if (row.name && seen.name.size < 200 && !seen.name.has(row.name)) {
    seen.name.add(row.name);
    $('names').append(make('option', { value: row.name }));
  }
}

function containing(value) {
  if (!value) return null;
  const pattern = new RegExp(value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i');
  return (text) => text !== null && pattern.test(text);
}

function applyFilter() {
  const { text, system, kind, name, user } = Object.fromEntries(new FormData($('filter')));
  const [inText, inName, inUser] = [text.trim(), name.trim(), user.trim()].map(containing);
  const some = Boolean(inText || inName || inUser || system || kind);
  good.filter(!some ? null : (row) => (!system || row.system === system) && (!kind || row.kind === kind)
    && (!inName || inName(row.name)) && (!inUser || inUser(row.user) || inUser(row.anonymous))
    && (!inText || inText(row.line) || inText(row.name) || inText(row.user) || inText(row.anonymous)));
  $('filter-clear').hidden = !some;
  goodList.root.scrollTop = 0;
  clearTimeout(applyFilter.later);
  if (some) applyFilter.later = setTimeout(() => say(`${plural(good.length, 'event')} of ${count(good.all.length)} shown`), 800);
}

function showCounts() {
  const some = good.match !== null;
  const searching = good.searched > 0;
  $('shown').textContent = some ? `${count(good.length)} of ${count(good.all.length)}${searching ? ' …' : ''}` : good.cut > 0 ? `newest ${count(good.all.length)}` : '';
  $('count-good').textContent = good.all.length > 0 ? count(good.all.length + good.cut) : '';
  $('count-bad').textContent = bad.all.length > 0 ? count(bad.all.length + bad.cut) : '';
  const empty = good.all.length === 0;
  $('events').hidden = good.length === 0;
  $('events').previousElementSibling.hidden = good.length === 0;
  $('filter').hidden = empty;
  $('events-empty').hidden = !empty || !feed.ready;
  $('events-none').hidden = empty || good.length > 0 || searching;
  $('bad').hidden = bad.all.length === 0;
  $('bad').previousElementSibling.hidden = bad.all.length === 0;
  $('bad-empty').hidden = bad.all.length > 0;
}

// ---- Following the collector ------------------------------------------------------------------------------

/** Follows one sort of record by id: from the stream, or by asking for all after the last one seen. */
class Follower {
  constructor(path, rows, short) {
    Object.assign(this, { path, rows, short, last: 0, busy: false, again: false, turn: 0 });
  }

  take(records) {
    const rows = [];
    const news = [];
    for (const record of records) {
      if (record.id <= this.last) continue;
      news.push(record);
      this.last = record.id;
      const row = this.short(record);
      offer(row);
      rows.push(row);
    }
    if (rows.length > 0) this.rows.add(rows);
    if (this.path === 'good') play.arrived(news);
  }

  /** One record from the stream; while catching up it is left to that, which will reach it in order. */
  hear(text) {
    if (this.busy) this.again = true;
    else if (!feed.paused) this.take([JSON.parse(text)]);
  }

  async catchUp() {
    if (this.busy) return void (this.again = true);
    const turn = this.turn;
    this.busy = true;
    try {
      if (this.last === 0) await this.#begin(turn);
      do {
        this.again = false;
        let page;
        do {
          page = await ask(`${this.path}?after=${this.last}&limit=${PAGE}`);
          if (turn !== this.turn || feed.paused) return;
          this.take(page.records);
        } while (page.next !== null);
      } while (this.again);
    } finally {
      if (turn === this.turn) this.busy = false;
    }
  }

  /** Shows the newest first; what came before them follows in the background, as far as there is room. */
  async #begin(turn) {
    const page = await ask(`${this.path}?order=desc&limit=${PAGE}`);
    if (turn !== this.turn) return;
    this.take(page.records.reverse());
    if (page.next !== null) this.#fill(turn, page.next).catch(() => {});
  }

  async #fill(turn, next) {
    while (next !== null) {
      const page = await ask(`${this.path}?order=desc&after=${next}&limit=${PAGE}`);
      if (turn !== this.turn) return;
      page.records.forEach(offer);
      if (!this.rows.addBefore(page.records.map(this.short))) return;
      next = page.next;
    }
  }

  forget() {
    Object.assign(this, { last: 0, busy: false, again: false, turn: this.turn + 1 });
    const { match } = this.rows;
    this.rows.clear();
    if (match !== null) this.rows.filter(match);
  }
}

const feed = {
  paused: false,
  ready: false, // whether what was there before the page is shown
  live: false, // whether the stream is open
  followers: [new Follower('good', good, shortGood), new Follower('bad', bad, shortBad)],

  open() {
    const source = new EventSource('/trackwire/stream');
    source.addEventListener('open', () => {
      this.live = true;
      showLink();
    });
    source.addEventListener('error', () => {
      this.live = false;
      showLink();
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.open(), 2000);
    });
    source.addEventListener('hello', () => this.meet());
    source.addEventListener('skipped', () => this.catchUp());
    source.addEventListener('reset', () => this.forget());
    source.addEventListener('stats', (event) => showStats(JSON.parse(event.data)));
    source.addEventListener('faults', (event) => {
      const plan = JSON.parse(event.data).faults;
      faults.show(plan);
      play.faults(plan);
    });
    for (const follower of this.followers) source.addEventListener(follower.path, (event) => follower.hear(event.data));
  },

  /** The stream is new, and so the collector may be: then what is on the page came from another. */
  async meet() {
    try {
      const rows = good.all.length > 0 ? good : bad;
      const newest = rows.all.at(-1);
      if (newest) {
        const { records } = await ask(`${rows === good ? 'good' : 'bad'}?after=${newest.id - 1}&limit=1`);
        if (records[0]?.id !== newest.id || records[0].received_at !== newest.at) return this.forget();
      }
      await this.catchUp();
    } catch {
      this.live = false;
      showLink();
    }
  },

  async catchUp() {
    if (this.paused) return;
    await Promise.all(this.followers.map((follower) => follower.catchUp()));
    this.ready = true;
    soon(showCounts);
  },

  forget() {
    for (const list of [goodList, badList]) list.forget();
    for (const follower of this.followers) follower.forget();
    for (const system of systems.values()) system.element.remove();
    systems.clear();
    latest = null;
    play.forget();
    this.catchUp().catch(() => {});
  },
};

function showLink() {
  const state = !feed.live ? 'lost' : feed.paused ? 'paused' : 'live';
  const before = $('link').dataset.state;
  if (state === before) return;
  if (state === 'lost') say('The collector does not answer');
  else if (before === 'lost') say('Connected again');
  $('link').dataset.state = state;
  $('link-text').textContent = { live: 'Live', lost: 'Reconnecting', paused: 'Paused' }[state];
}

// ---- Counts and rates per system --------------------------------------------------------------------------

const systems = new Map(); // name → what its table row shows
let latest = null; // the last counts told

function showStats(stats) {
  for (const [name, counts] of Object.entries(stats.by_system)) {
    // What was there before the page does not count as arriving now.
    const system = systems.get(name) ?? addSystem(name, latest === null ? counts.good : 0);
    system.counts = counts;
  }
  latest = stats;
  soon(showSystems);
}

function showSystems() {
  for (const system of systems.values()) system.show();
  const waiting = feed.paused && latest ? Math.max(0, latest.good - pause.at) : 0;
  $('held').textContent = feed.paused ? `Paused, ${count(waiting)} waiting` : '';
}

/** Once a second: the rates; and where there is no stream, the counts and what is new are asked for. */
async function tick() {
  setTimeout(tick, 1000);
  const now = performance.now();
  for (const system of systems.values()) system.measure((now - tick.last) / 1000);
  tick.last = now;
  if (systems.size > 0) soon(showSystems);
  if (feed.live || document.hidden) return;
  try {
    showStats(await ask('stats'));
    await feed.meet();
  } catch {
    // It is away; the stream says when it is back.
  }
}

function addSystem(name, already) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 180 18', 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  svg.append(path);
  const cell = { good: 'num', rate: 'num', chart: 'wide', bad: 'num', requests: 'num', bytes: 'num' };
  for (const key of Object.keys(cell)) cell[key] = make('td', { className: cell[key] });
  cell.chart.append(svg);
  const element = make('tr', {}, make('th', { scope: 'row' }, name), ...Object.values(cell));
  const rates = new Array(60).fill(0);
  const system = {
    element,
    counts: null,
    before: already,
    measure(seconds) {
      rates.push(Math.max(0, this.counts.good - this.before) / seconds);
      rates.shift();
      this.before = this.counts.good;
    },
    show() {
      const rate = rates.slice(-3).reduce((sum, one) => sum + one, 0) / 3;
      cell.good.textContent = count(this.counts.good);
      cell.rate.textContent = rate > 0 && rate < 10 ? rate.toFixed(1) : count(Math.round(rate));
      cell.bad.textContent = count(this.counts.bad);
      cell.bad.classList.toggle('some', this.counts.bad > 0);
      cell.requests.textContent = count(this.counts.requests);
      cell.bytes.textContent = bytes(this.counts.bytes);
      const top = Math.max(1, ...rates);
      path.setAttribute('d', rates.map((r, i) => (r > 0 ? `M${i * 3 + 1} 18V${(17 - (r / top) * 16).toFixed(1)}` : '')).join('') || 'M0 0');
    },
  };
  systems.set(name, system);
  $('systems').append(element);
  return system;
}

// ---- Pause, reset, tabs, keys -----------------------------------------------------------------------------

function pause() {
  feed.paused = !feed.paused;
  pause.at = latest?.good ?? 0;
  $('pause').ariaPressed = feed.paused;
  $('pause').textContent = feed.paused ? 'Resume' : 'Pause';
  showLink();
  say(feed.paused ? 'Paused' : 'Resumed');
  soon(showSystems);
  if (!feed.paused) feed.catchUp().catch(() => {});
}

async function reset() {
  const dialog = $('reset-dialog');
  const there = latest ?? { good: good.all.length, bad: bad.all.length };
  if (there.good + there.bad > 0) {
    $('reset-what').textContent = `${plural(there.good, 'event')} and ${plural(there.bad, 'bad one')} will be gone from this collector. The fault plan stays.`;
    dialog.returnValue = '';
    dialog.showModal();
    await new Promise((done) => dialog.addEventListener('close', done, { once: true }));
    if (dialog.returnValue !== 'yes') return;
  }
  try {
    await ask('reset', {});
    if (!feed.live) feed.forget();
    say('Everything deleted');
  } catch (error) {
    say(`Not deleted: ${error.message}`);
  }
}

const tabs = [...document.querySelectorAll('[role=tab]')];
function choose(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.ariaSelected = chosen;
    one.tabIndex = chosen ? 0 : -1;
    $(one.getAttribute('aria-controls')).hidden = !chosen;
  }
  history.replaceState(null, '', tab.id === 'tab-events' ? location.pathname : `#${tab.id.slice(4)}`);
  for (const list of [goodList, badList]) soon(list.paint);
  if (tab.id === 'tab-play') play.open();
}

const openList = () => (!$('panel-events').hidden ? goodList : !$('panel-bad').hidden ? badList : null);

document.addEventListener('keydown', (event) => {
  const typing = event.target.matches('input, select, textarea');
  if (event.key === '/' && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    choose($('tab-events'));
    if (!$('filter').hidden) $('filter-text').focus();
  } else if (event.key === 'Escape' && !$('reset-dialog').open) {
    if (event.target.form === $('filter') && event.target.value) {
      event.target.value = '';
      applyFilter();
    } else if (typing && event.target.form === $('filter')) goodList.root.focus();
    else openList()?.close();
  } else if (event.key === 'ArrowDown' && event.target.id === 'filter-text') {
    event.preventDefault();
    goodList.root.focus();
  }
});
for (const tab of tabs) {
  tab.addEventListener('click', () => choose(tab));
  tab.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

// ---- How to send ------------------------------------------------------------------------------------------

/** One event to this collector, by each of the ways there are. */
function samples() {
  const here = location.origin;
  const manager = `${here}/inlong/manager/openapi/dataproxy/getIpList`;
  return [['GrowingIO', `The host is ${here}.`, [
    ['Command line', `echo '{"track":"add_to_cart","user":"u1","attributes":{"sku":"A-17","price":19.9}}' |
  trackwire send growingio --product-id demo --data-source-id demo-source \\
    --server-host ${here} -`],
    ['Rust', `use std::time::Duration;
use trackwire::{Track, growingio::Tracker};

let tracker = Tracker::builder("demo", "demo-source", "${here}").build()?;
let event = Track::new("add_to_cart").user("u1").attribute("sku", "A-17").attribute("price", 19.9);
tracker.track(event)?;
tracker.close_blocking(Duration::from_secs(5))?;`],
    ['JavaScript', `import { GrowingTracker } from "trackwire/growingio";

const tracker = new GrowingTracker({ productId: "demo", dataSourceId: "demo-source", serverHost: "${here}" });
tracker.trackCustomEvent("add_to_cart", { loginUserId: "u1", attributes: { sku: "A-17", price: 19.9 } });
await tracker.flush();`],
    ['curl', `curl -i ${here}/v3/projects/demo/collect \\
  -H 'content-type: application/json' -d '[{
    "eventType": "CUSTOM", "eventName": "add_to_cart", "userId": "u1", "timestamp": ${Date.now()},
    "attributes": {"sku": "A-17", "price": 19.9},
    "dataSourceId": "demo-source", "projectKey": "demo"
  }]'`],
  ]], ['InLong', `The Manager is ${manager}. These are over HTTP; for TCP, leave the protocol out, and start the collector with --inlong-listen.`, [
    ['Command line', `echo 'u1|A-17|19.9' |
  trackwire send inlong --group shop --stream orders --protocol http \\
    --manager ${manager} -`],
    ['Rust', `use std::time::Duration;
use trackwire::inlong::{Client, Options, Protocol};

let mut options = Options::new("${manager}");
options.protocol = Protocol::Http;
let client = Client::builder(options).build()?;
client.send("shop", "orders", "u1|A-17|19.9")?;
client.close_blocking(Duration::from_secs(5))?;`],
    ['JavaScript', `import { InLongClient } from "trackwire/inlong";

const client = new InLongClient({
  managerUrl: "${manager}",
  protocol: "http",
});
client.send("shop", "orders", "u1|A-17|19.9");
await client.close();`],
    ['curl', `curl -i ${here}/dataproxy/message -d groupId=shop -d streamId=orders \\
  -d dt=${Date.now()} -d cnt=1 --data-urlencode 'body=u1|A-17|19.9'`],
  ]]];
}

for (const place of document.querySelectorAll('[data-samples]')) {
  for (const [system, where, ways] of samples()) {
    place.append(make('h3', {}, system), make('p', { className: 'quiet' }, where));
    for (const [title, text] of ways) place.append(make('h4', {}, title), code(text));
  }
}

// ---- Start ------------------------------------------------------------------------------------------------

$('address').textContent = location.host;
$('address').addEventListener('click', () => copy(location.origin, $('address')));
$('pause').addEventListener('click', pause);
$('reset').addEventListener('click', reset);
$('filter').addEventListener('submit', (event) => event.preventDefault());
$('filter').addEventListener('input', applyFilter);
$('filter').addEventListener('reset', () => setTimeout(applyFilter));
$('events-clear').addEventListener('click', () => $('filter').reset());
$('filter-more').addEventListener('click', () => {
  const open = $('filter-more').ariaExpanded !== 'true';
  $('filter-more').ariaExpanded = open;
  $('filter').classList.toggle('all', open);
});
play.start({
  /** The events of one visitor, in the list of all. */
  showVisitor(visitor) {
    $('filter').reset();
    $('filter-user').value = visitor;
    applyFilter();
    choose($('tab-events'));
    $('tab-events').focus();
  },
  showFaults() {
    choose($('tab-faults'));
    $('tab-faults').focus();
  },
});
const wanted = $(`tab-${location.hash.slice(1)}`);
if (tabs.includes(wanted)) choose(wanted);
faults.start();
feed.open();
tick.last = performance.now();
tick();
showCounts();
