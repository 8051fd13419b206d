// Small tools that every part of the page uses. Text enters the page as text nodes and nothing else.

const MOST_TEXT = 64 * 1024; // characters of a value shown; copying copies all

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text nodes, never markup. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === 'data') Object.assign(element.dataset, value);
    else if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const waiting = new Set();
/** Runs `work` in the next animation frame, once however often it is asked for. */
export function soon(work) {
  if (waiting.size === 0) {
    requestAnimationFrame(() => {
      const all = [...waiting];
      waiting.clear();
      for (const one of all) one();
    });
  }
  waiting.add(work);
}

const whole = new Intl.NumberFormat('en-US');
export const count = (n) => whole.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function bytes(n) {
  if (!(n >= 1000)) return `${n ?? 0} B`;
  const unit = n >= 1e9 ? [1e9, 'GB'] : n >= 1e6 ? [1e6, 'MB'] : [1e3, 'kB'];
  return `${(n / unit[0]).toFixed(n / unit[0] < 100 ? 1 : 0)} ${unit[1]}`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const steps = [[1000, 's', 60], [60_000, 'min', 60], [3_600_000, 'h', 48], [86_400_000, 'days', 730], [31_557_600_000, 'years', 1e9]];
  const [size, name] = steps.find(([size, , upTo]) => ms / size < upTo);
  const n = ms / size;
  return `${n < 10 ? Math.round(n * 10) / 10 : count(Math.round(n))} ${name}`;
}

const pad = (n, width = 2) => String(n).padStart(width, '0');
export function clock(at) {
  const d = new Date(at);
  if (Number.isNaN(d.getTime())) return '';
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}.${pad(d.getMilliseconds(), 3)}`;
}
export function date(at) {
  const d = new Date(at);
  return Number.isNaN(d.getTime()) ? String(at) : `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${clock(at)}`;
}

export async function ask(path, body) {
  const answer = await fetch(`/trackwire/${path}`, body === undefined
    ? { cache: 'no-store' }
    : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  if (!answer.ok) {
    const { error } = await answer.json().catch(() => ({}));
    throw new Error(error ?? `The collector answered ${answer.status}`);
  }
  return answer.status === 204 ? null : answer.json();
}

/** Tells a screen reader; only for things the reader caused or must know, never for each arrival. */
export function say(text) {
  $('said').textContent = text;
}

export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Not a secure context (a LAN address): the old way still works there.
    const box = make('textarea', { value: text, className: 'hidden' });
    document.body.append(box);
    box.select();
    document.execCommand('copy');
    box.remove();
  }
  button.dataset.done = '';
  say('Copied');
  setTimeout(() => delete button.dataset.done, 1200);
}

export function copyButton(text, label = 'Copy') {
  const button = make('button', { type: 'button', className: 'copy' }, make('span', {}, label));
  button.addEventListener('click', () => copy(typeof text === 'function' ? text() : text, button));
  return button;
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b/g;

/** A value as indented JSON, coloured; long ones are cut and say so. */
export function json(value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '';
  return code(text, typeof value !== 'string');
}

export function code(text, coloured = false) {
  const pre = make('pre', { tabIndex: 0 });
  const shown = text.slice(0, MOST_TEXT);
  let done = 0;
  let spans = 0;
  if (coloured) {
    for (const m of shown.matchAll(token)) {
      if ((spans += 1) > 2000) break;
      pre.append(shown.slice(done, m.index), make('span', { className: m[2] ? 'key' : m[1] ? 'string' : m[3] ? 'number' : 'word' }, m[1] ?? m[0]));
      done = m.index + (m[1] ?? m[0]).length;
    }
  }
  pre.append(shown.slice(done));
  const box = make('div', { className: 'code' }, pre, copyButton(text));
  if (text.length > shown.length) box.append(make('p', { className: 'quiet' }, `The first ${count(shown.length)} of ${count(text.length)} characters; Copy takes all.`));
  return box;
}
