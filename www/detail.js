// The detail of one row: fetched when opened, so that the list need not hold it.

import { $, ask, bytes, code, copyButton, count, date, duration, json, make, plural } from './tools.js';

const HEADING = 160; // characters of a heading; the whole of it is in the record below
const narrow = matchMedia('(max-width: 760px)');

function facts(pairs) {
  const list = make('dl', { className: 'facts' });
  for (const [name, value, note] of pairs) {
    if (value === null || value === undefined || value === '') continue;
    const shown = value instanceof Node ? value : String(value);
    list.append(make('dt', {}, name), make('dd', {}, shown, note ? make('span', { className: 'quiet' }, ` ${note}`) : null));
  }
  return list;
}

/** Name and value pairs as the server gives them: an object or a list of pairs. */
const pairs = (from) => (Array.isArray(from) ? from : Object.entries(from ?? {}));
const section = (title, ...inside) => make('section', {}, make('h3', {}, title), ...inside);

function table(from, kind) {
  const all = pairs(from);
  const body = make('tbody');
  for (const [key, value] of all.slice(0, 500)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const type = value === null ? 'word' : typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'word' : 'text';
    body.append(make('tr', {}, make('th', { scope: 'row' }, key), make('td', { className: kind === 'headers' ? '' : type }, text.slice(0, 4000))));
  }
  const box = make('table', { className: 'pairs' }, body);
  if (all.length <= 500) return box;
  return make('div', {}, box, make('p', { className: 'quiet' }, `The first 500 of ${count(all.length)}.`));
}

function requestSection(request) {
  if (!request) return null;
  const query = typeof request.query === 'string' ? request.query : pairs(request.query).map(([k, v]) => `${k}=${v}`).join('&');
  const layers = [request.format, ...(request.layers ?? [])].filter(Boolean).join(' › ');
  const saved = request.plain_bytes > 0 && request.layers?.length > 0 && request.bytes !== request.plain_bytes ? `(${Math.round((request.bytes / request.plain_bytes) * 100)} % of ${bytes(request.plain_bytes)} plain)` : '';
  const headers = pairs(request.headers);
  return section('Request',
    make('p', { className: 'line' }, make('b', {}, request.method ?? ''), ` ${request.path ?? ''}`, query ? make('span', { className: 'quiet' }, `?${query}`) : null),
    facts([['Number', request.id], ['Body', bytes(request.bytes), saved], ['Form', layers]]),
    headers.length > 0 ? make('details', {}, make('summary', {}, plural(headers.length, 'header')), table(headers, 'headers')) : null);
}

function text(body) {
  const all = Uint8Array.from(atob(body ?? ''), (c) => c.charCodeAt(0));
  if (all.length === 0) return make('p', { className: 'quiet' }, 'Empty');
  try {
    const shown = new TextDecoder('utf-8', { fatal: true }).decode(all);
    // Frames may be valid UTF-8 and are no text all the same.
    if (/[\0-\x08\x0e-\x1f]/.test(shown)) throw new Error('binary');
    return code(shown);
  } catch {
    const rows = [];
    for (let at = 0; at < Math.min(all.length, 2048); at += 16) {
      const part = [...all.subarray(at, at + 16)];
      const hex = part.map((b) => b.toString(16).padStart(2, '0')).join(' ').padEnd(47);
      rows.push(`${at.toString(16).padStart(4, '0')}  ${hex}  ${part.map((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '·')).join('')}`);
    }
    const box = make('div', { className: 'code' }, make('pre', { tabIndex: 0 }, rows.join('\n')), copyButton(body, 'Copy base64'));
    if (all.length > 2048) box.append(make('p', { className: 'quiet' }, `The first 2,048 of ${count(all.length)} bytes.`));
    return box;
  }
}

/** An opaque message: its text, else its bytes, and why they could not be taken apart. */
function message(raw) {
  const shown = raw.text === undefined ? text(raw.base64) : raw.text === '' ? make('p', { className: 'quiet' }, 'Empty') : code(raw.text);
  return raw.problem ? make('div', {}, make('p', { className: 'problem' }, raw.problem), shown) : shown;
}

/** A heading of bounded length. */
const short = (text) => (text.length > HEADING ? `${text.slice(0, HEADING)}…` : text);

export const called = (row) => row.name ?? { user: 'user attributes', mapping: 'user mapping' }[row.kind] ?? 'without a name';

export class Detail {
  constructor(name, path, fill) {
    this.element = $(`${name}-detail`);
    this.path = path;
    this.fill = fill;
    this.turn = 0;
  }

  async show(row, close) {
    const turn = (this.turn += 1);
    this.element.hidden = row === null;
    if (row === null) return this.element.replaceChildren();
    let record = null;
    let problem = 'The collector does not hold this one any more; the line in the list is what is left.';
    try {
      const page = await ask(`${this.path}?after=${row.id - 1}&limit=1`);
      record = page.records.find((r) => r.id === row.id) ?? null;
    } catch (error) {
      problem = `The collector could not be asked: ${error.message}`;
    }
    if (turn !== this.turn) return; // another row was opened meanwhile
    const back = make('button', { type: 'button', className: 'close', ariaLabel: 'Close the detail', title: 'Close (Esc)' });
    back.addEventListener('click', close);
    const { heading, tag, inside } = this.fill(record, row);
    this.element.replaceChildren(
      make('header', {}, make('h2', {}, heading), tag, record ? copyButton(() => JSON.stringify(record, null, 2), 'Copy JSON') : null, back),
      ...(record ? inside : [make('p', { className: 'quiet gone' }, problem), row.line ? code(row.line) : '']).filter(Boolean));
    this.element.scrollTop = 0;
    if (narrow.matches) this.element.focus({ preventScroll: true });
  }
}

/** A value that filters the list by itself when chosen. */
function filterLink(field, value, shown = value) {
  const link = make('button', { type: 'button', className: 'plain', title: `Show only this ${field}` }, shown);
  link.addEventListener('click', () => {
    const input = $(`filter-${field}`);
    input.value = value;
    input.dispatchEvent(new Event('input', { bubbles: true }));
  });
  return link;
}

export function goodDetail(record, row) {
  const late = record && Number.isFinite(record.time) ? new Date(record.received_at) - record.time : null;
  const inside = record && [
    facts([
      ['User', record.user ? filterLink('user', record.user) : null], ['Anonymous', record.anonymous ? filterLink('user', record.anonymous) : null],
      ['Time', record.time === null || record.time === undefined ? null : date(record.time), late === null ? '' : `${duration(Math.abs(late))} ${late < 0 ? 'after' : 'before'} it arrived`],
      ['Arrived', date(record.received_at)], ['System', record.system], ['Id', record.id],
    ]),
    record.kind === 'message' ? section('Message', message(record.raw)) : null,
    pairs(record.attributes).length > 0 ? section('Attributes', table(record.attributes)) : section('Attributes', make('p', { className: 'quiet' }, 'None')),
    requestSection(record.request),
    section('As received', json(record.raw)),
  ];
  return { heading: row.name === null ? called(row) : filterLink('name', row.name, short(row.name)), tag: make('span', { className: 'kind', data: { kind: row.kind } }, row.kind), inside };
}

export function badDetail(record, row) {
  return {
    heading: short(row.reason), tag: make('span', { className: 'status' }, row.status ? String(row.status) : 'closed'),
    inside: record && [facts([['Reason', record.reason.length > HEADING ? record.reason : null], ['Arrived', date(record.received_at)], ['System', record.system], ['Id', record.id]]), requestSection(record.request), section('Body', text(record.body))],
  };
}
