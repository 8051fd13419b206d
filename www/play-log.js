// What happened in the playground, newest first: requests and outcomes, those that say the same counted together.

import { bytes, clock, make, plural } from './tools.js';

const MOST = 80; // lines kept
const NEAR = 6; // how far back a line may be that says the same
const SOON = 5000; // ms that may lie between

const REASONS = {
  exhausted: 'the quick retries were used up',
  overflow: 'the queue was full',
  closed: 'the tracker was closed',
  disabled: 'the tracker was disabled',
  internal: 'the tracker could not work',
};

export class Log {
  constructor(root) {
    this.root = root;
    this.clear();
  }

  clear() {
    this.lines = [];
  }

  request({ probe, status, retryAfter, error, bytes: size }) {
    const fine = error === undefined && (status < 300 || probe);
    const what = error ?? (probe ? 'someone is there' : `answered ${status}`);
    const text = [what, retryAfter ? `Retry-After ${retryAfter}` : ''].filter(Boolean).join(', ');
    this.#add({ word: probe ? 'probe' : 'request', tone: fine ? 'quiet' : 'warn', text, one: 'request', size });
  }

  outcome({ fate, count: events, reason, message, code, field, unconfirmed, possiblyDelivered }) {
    const why = [
      REASONS[reason],
      fate === 'expired' ? 'older than may be' : '',
      fate === 'invalid' ? message ?? `${field}: ${code}` : message,
      unconfirmed ? 'unconfirmed: the answer could not be read' : '',
      possiblyDelivered ? 'may have arrived all the same' : '',
    ].filter(Boolean).join('; ');
    const tone = fate === 'delivered' ? 'live' : fate === 'invalid' || fate === 'expired' ? 'warn' : 'bad';
    this.#add({ word: fate, tone, text: why, one: 'event', count: events });
  }

  /** Says what the reader did. */
  note(text) {
    this.#add({ word: 'you', tone: 'soft', text, one: '' });
  }

  #add({ count: many = 1, size = 0, ...line }) {
    const now = Date.now();
    const place = this.lines.findIndex((other, at) => at < NEAR && other.word === line.word && other.text === line.text && now - other.at < SOON);
    const before = place < 0 || line.one === '' ? null : this.lines.splice(place, 1)[0];
    this.lines.unshift({ ...line, at: now, count: (before?.count ?? 0) + many, size: (before?.size ?? 0) + size });
    this.lines.length = Math.min(this.lines.length, MOST);
  }

  paint() {
    this.root.replaceChildren(...this.lines.map(({ word, tone, text, one, at, count: many, size }) => {
      const amount = [one ? plural(many, one) : '', size > 0 ? bytes(size) : ''].filter(Boolean).join(', ');
      return make('li', {},
        make('time', {}, clock(at)),
        make('b', { data: { tone } }, word),
        make('span', {}, one ? make('span', { className: 'amount' }, amount) : null, text ? `${one ? ': ' : ''}${text}` : ''));
    }));
  }
}
