// The fault plan at a click, each fault felt by a real request.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Collector, browse, event, open, says, shows } from './world.mjs';

let collector;
let browser;
let page;
before(async () => {
  collector = await Collector.start();
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});
beforeEach(async () => {
  await collector.fresh();
  page = await open(browser, collector, { hash: '#faults' });
});
afterEach(async () => {
  const { trouble } = page;
  await page.context().close();
  assert.deepEqual(trouble, []);
});

const send = () => collector.post([event('e')]);
const preset = (name) => page.locator('#presets').getByRole('button', { name }).click();
const plan = (text) => says(page, '#plan li', text);

test('a burst of 503, what is left of it, and an end by clearing', async () => {
  await preset('503 burst');
  await plan(/Answer 503.*10 left/);
  await says(page, '#count-faults', '1 rule');
  assert.equal((await send()).status, 503);
  await plan(/9 left/);
  await page.getByRole('button', { name: 'Clear all' }).click();
  await page.locator('#plan-none').waitFor();
  assert.equal((await send()).status, 204);
  assert.deepEqual(await collector.get('faults'), { faults: [] });
});

test('429 with Retry-After', async () => {
  await preset('429');
  await plan(/429, Retry-After 5.*3 left/);
  const answer = await send();
  assert.equal(answer.status, 429);
  assert.equal(answer.headers.get('retry-after'), '5');
});

test('a cut before loses the event, a cut after only the answer', async () => {
  await preset('Cut before');
  await plan(/nothing read.*3 left/);
  for (let i = 0; i < 3; i += 1) await assert.rejects(send());
  await page.locator('#plan-none').waitFor();
  assert.equal((await collector.get('stats')).good, 0);
  await preset('Cut after');
  await plan(/without an answer.*3 left/);
  await assert.rejects(send());
  await plan(/2 left/);
  await page.locator('#tab-events').click();
  await shows(page, ['e']);
});

test('slow answers come late and are answers', async () => {
  await preset('Slow');
  await plan(/after 3 s.*10 left/);
  const { faults } = await collector.get('faults');
  assert.deepEqual(faults, [{ delay_ms: 3000, count: 10 }]);
});

test('a rule of one\'s own, several rules, and one removed', async () => {
  const field = (name) => page.locator(`#rule [name=${name}]`);
  await field('status').fill('500');
  await field('retry_after').fill('Wed, 21 Oct 2026 07:28:00 GMT');
  await field('count').fill('2');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await plan(/Answer 500, Retry-After Wed, 21 Oct 2026 07:28:00 GMT.*2 left/);
  await field('effect').selectOption('delay');
  await field('delay_ms').fill('1');
  await field('count').fill('');
  await field('share').fill('50');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await plan(/Answer as usual after 1 ms for 50 % of requests.*no limit/);
  assert.deepEqual(await collector.get('faults'), {
    faults: [{ status: 500, retry_after: 'Wed, 21 Oct 2026 07:28:00 GMT', count: 2 }, { delay_ms: 1, share: 0.5 }],
  });
  await says(page, '#plan-request', '"status":500');
  await page.getByRole('button', { name: 'Remove rule 1' }).click();
  await page.waitForFunction(() => document.querySelectorAll('#plan li').length === 1);
  assert.deepEqual((await collector.get('faults')).faults.length, 1);
});

test('a code is InLong\'s alone, and a status lets its packs pass: the page says both', async () => {
  const field = (name) => page.locator(`#rule [name=${name}]`);
  await says(page, '#rule-note', /packs over TCP have no status: they pass/);
  await field('status').fill('100');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  assert.equal(await field('status').evaluate((input) => input.validity.rangeUnderflow), true);
  await field('effect').selectOption('code');
  await says(page, '#rule-note', /for InLong alone/);
  assert.equal(await field('system').inputValue(), 'inlong');
  assert.equal(await field('system').isDisabled(), true);
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await plan(/Refuse with code 114 to inlong/);
  await field('effect').selectOption('delay');
  assert.equal(await field('system').inputValue(), '');
  await page.waitForFunction(() => document.getElementById('rule-note').textContent === '');
  await field('delay_ms').fill('1');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await plan(/Answer as usual after 1 ms/);
  assert.deepEqual((await collector.get('faults')).faults, [{ system: 'inlong', code: 114 }, { delay_ms: 1 }]);
});

test('clicks faster than the answers all count', async () => {
  await page.evaluate(() => document.querySelectorAll('#presets button').forEach((button) => button.click()));
  await says(page, '#count-faults', '6 rules');
  assert.equal((await collector.get('faults')).faults.length, 6);
});
