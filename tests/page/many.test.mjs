// 100,000 events behind the page: all of them there, few of them in the document.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Collector, browse, event, open, rows, says, shows } from './world.mjs';

const MANY = 100_000;
const EACH = 500;
const NODES = 2_500; // elements in the whole document; the page's own are about 400

let collector;
let browser;
before(async () => {
  collector = await Collector.start();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});

const names = ['home', 'catalog', 'product_view', 'add_to_cart', 'cart', 'purchase'];
const numbered = (i) => event(names[i % names.length], { userId: `user_${i % 997}`, attributes: { number: i, session_id: `sess_${i % 4999}`, platform: 'desktop', cohort: '2024-01' } });

async function sendAll() {
  for (let at = 0; at < MANY; at += EACH) {
    const answer = await collector.post(Array.from({ length: EACH }, (_, i) => numbered(at + i)));
    assert.equal(answer.status, 204);
  }
}

/** What the page was like meanwhile: how long its frames and tasks took. */
async function watch(page) {
  await page.evaluate(() => {
    window.seen = { frames: [], tasks: 0, longest: 0 };
    let last = performance.now();
    const frame = (now) => {
      window.seen.frames.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
      window.seen.tasks += 1;
      window.seen.longest = Math.max(window.seen.longest, entry.duration);
    })).observe({ entryTypes: ['longtask'] });
  });
}

async function report(page, t, what, started) {
  const seen = await page.evaluate(() => {
    const frames = window.seen.frames.sort((a, b) => a - b);
    return { p50: frames[frames.length >> 1], p99: frames[Math.floor(frames.length * 0.99)], tasks: window.seen.tasks, longest: window.seen.longest, heap: performance.memory?.usedJSHeapSize };
  });
  t.diagnostic(`${what}: ${Math.round(performance.now() - started)} ms; frame p50 ${seen.p50?.toFixed(1)} ms, p99 ${seen.p99?.toFixed(1)} ms; ${seen.tasks} tasks over 50 ms, the longest ${seen.longest} ms; heap ${Math.round((seen.heap ?? 0) / 1e6)} MB`);
}

const nodes = (page) => page.evaluate(() => document.querySelectorAll('*').length);

test('100,000 events while the page looks on', { timeout: 180_000 }, async (t) => {
  const page = await open(browser, collector);
  page.setDefaultTimeout(60_000);
  await watch(page);
  const started = performance.now();
  await sendAll();
  t.diagnostic(`sent in ${Math.round(performance.now() - started)} ms`);
  await says(page, '#count-good', '100,000');
  await report(page, t, 'arrival', started);
  assert.ok(await nodes(page) < NODES, `${await nodes(page)} elements`);
  const size = Number(await rows(page).first().getAttribute('aria-setsize'));
  assert.equal(size, MANY);

  const filtered = performance.now();
  await page.locator('#filter-text').fill('number=54321 ');
  await shows(page, [names[54321 % names.length]]);
  await says(page, '#shown', '1 of 100,000');
  t.diagnostic(`text filter over all: ${Math.round(performance.now() - filtered)} ms`);
  await page.locator('#filter-clear').click();

  await page.locator('#events').focus();
  await page.keyboard.press('End');
  await says(page, '#events-detail td', /^0$/);
  await page.keyboard.press('ArrowUp');
  await says(page, '#events-detail td', /^1$/);
  assert.ok(await nodes(page) < NODES, `${await nodes(page)} elements`);
  await page.context().close();
});

test('a page opened with 100,000 events behind it', { timeout: 180_000 }, async (t) => {
  const started = performance.now();
  const page = await open(browser, collector);
  page.setDefaultTimeout(60_000);
  await watch(page);
  await rows(page).filter({ hasText: `number=${MANY - 1} ` }).waitFor();
  t.diagnostic(`newest on screen after ${Math.round(performance.now() - started)} ms`);
  await says(page, '#count-good', '100,000');
  await report(page, t, 'all read', started);
  // More arrive than are kept: the oldest make room.
  for (let at = 0; at < 12; at += 1) await collector.post(Array.from({ length: EACH }, () => event('more')));
  await rows(page).filter({ hasText: 'more' }).first().waitFor();
  await says(page, '#count-good', '106,000');
  const size = Number(await rows(page).first().getAttribute('aria-setsize'));
  assert.ok(size <= 105_000, `${size} rows kept`);
  assert.ok(await nodes(page) < NODES, `${await nodes(page)} elements`);
  await page.context().close();
});
