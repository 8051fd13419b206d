// What the tests of the live page share: the real collector, a browser, and events as GrowingIO's clients send them.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const BINARY = process.env.TRACKWIRE_BIN ?? new URL('../../target/debug/trackwire', import.meta.url).pathname;
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'];

/** The npm package, built. */
export const PACKAGE = new URL('../../pkg', import.meta.url).pathname;

export const PROJECT = 'demo';

/** A running `trackwire collect`. */
export class Collector {
  static async start(listen = '127.0.0.1:0', ...more) {
    const child = spawn(BINARY, ['collect', '--listen', listen, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const address = new Promise((resolve, reject) => {
      child.once('error', reject);
      ended.then((code) => reject(new Error(`${BINARY} collect ended with ${code} before it was listening`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        const found = /listening on (http:\S+)/.exec(line);
        if (found) resolve(found[1].replace(/\/$/, ''));
      });
    });
    return new Collector(child, ended, await address);
  }

  constructor(child, ended, url) {
    Object.assign(this, { child, ended, url });
  }

  async stop() {
    this.child.kill();
    await this.ended;
  }

  /** Posts records to one of GrowingIO's paths; `body` may be text that is no JSON. */
  post(body, { path = `/v3/projects/${PROJECT}/collect`, stm = Date.now() } = {}) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return fetch(`${this.url}${path}?stm=${stm}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  }

  track(...names) {
    return this.post(names.map((name) => event(name)));
  }

  async get(path) {
    return (await fetch(`${this.url}/trackwire/${path}`)).json();
  }

  /** Nothing there, no fault in force. */
  async fresh() {
    await this.set('faults', { faults: [] });
    await this.set('reset', {});
  }

  async set(path, body) {
    const answer = await fetch(`${this.url}/trackwire/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }
}

const ids = { dataSourceId: 'demo-source', projectKey: PROJECT };

export function event(name, more = {}) {
  return { eventType: 'CUSTOM', sdkVersion: '0.1.0', platform: 'rust', timestamp: 1_710_325_284_000, eventName: name, userId: 'u1', attributes: { sku: 'A-17', price: 19.9 }, ...ids, ...more };
}

export function userAttributes(userId, attributes) {
  return { eventType: 'LOGIN_USER_ATTRIBUTES', sdkVersion: '0.1.0', platform: 'rust', timestamp: 1_710_325_284_000, userId, attributes, ...ids };
}

export function item(key, id, attributes) {
  return { key, id, attributes, ...ids };
}
export const ITEMS = { path: `/projects/${PROJECT}/collect/item` };

/** A browser with a profile of its own, which ends with it. */
export const browse = () => chromium.launch({ executablePath: CHROMIUM, args: FLAGS });

/** The live page in a context of its own. `page.trouble` collects what the browser complains about,
 * save for what matches `page.expected`. */
export async function open(browser, collector, { hash = '', ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.trouble = [];
  page.on('pageerror', (error) => page.trouble.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !page.expected?.test(message.text())) page.trouble.push(`${message.text()} ${message.location().url}`);
  });
  await page.goto(`${collector.url}/${hash}`);
  await page.locator('#link[data-state="live"]').waitFor();
  return page;
}

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** The rows of a list that exist and are shown, from the top. */
export const rows = (page, list = 'events') => page.locator(`#${list} [role=option]:not([hidden])`);

/** The names on screen from the top. The elements are in no order: where they are is what counts. */
export function names(page, list = 'events') {
  return page.evaluate((list) => [...document.querySelectorAll(`#${list} [role=option]:not([hidden])`)]
    .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((row) => row.querySelector('.name').textContent), list);
}

/** Resolves when the names on screen, from the top, are these. */
export async function shows(page, expected, list = 'events') {
  await page.waitForFunction(([expected, list]) => {
    const there = [...document.querySelectorAll(`#${list} [role=option]:not([hidden])`)].filter((row) => row.offsetParent !== null)
      .sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((row) => row.querySelector('.name').textContent);
    return JSON.stringify(there) === JSON.stringify(expected);
  }, [expected, list]).catch(async (error) => {
    throw new Error(`expected ${JSON.stringify(expected)} on screen, found ${JSON.stringify(await names(page, list))}`, { cause: error });
  });
}

/** Resolves when an element's text contains `text`. */
export const says = (page, selector, text) => page.locator(selector).filter({ hasText: text }).first().waitFor();
