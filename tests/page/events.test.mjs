// Events on the live page: arrival, filter, detail, bad ones, pause, reset, a collector that comes back.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Collector, ITEMS, browse, event, item, open, rows, says, shows, userAttributes } from './world.mjs';

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
beforeEach(() => collector.fresh());
afterEach(async () => {
  const { trouble } = page;
  await page.context().close();
  assert.deepEqual(trouble, [], 'the browser has nothing to complain about');
});

test('an empty collector says what could be sent to it, with its own address', async () => {
  page = await open(browser, collector);
  await page.locator('#events-empty').waitFor();
  const samples = await page.locator('#events-empty pre').allTextContents();
  assert.equal(samples.length, 8);
  for (const sample of samples) assert.ok(sample.includes(collector.url), sample);
  assert.ok(samples[0].includes('trackwire send growingio --product-id'), samples[0]);
  await page.locator('#events-empty .copy').first().click();
  await page.waitForFunction((text) => navigator.clipboard.readText().then((copied) => copied === text), samples[0]);
});

test('the curl samples are such as the collector takes', async () => {
  page = await open(browser, collector, { hash: '#send' });
  const samples = page.locator('#panel-send pre').filter({ hasText: 'curl -i' });
  const [sample, form] = await samples.allTextContents();
  const body = /-d '([^]*)'$/.exec(sample)[1];
  assert.equal((await collector.post(body)).status, 204);
  const fields = [...form.matchAll(/-d (\S+)|--data-urlencode '([^']*)'/g)].map(([, plain, quoted]) => (plain ?? quoted).split(/=(.*)/s).slice(0, 2));
  const url = /curl -i (\S+)/.exec(form)[1];
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(fields), headers: { 'content-type': 'application/x-www-form-urlencoded' } });
  assert.equal((await answer.json()).code, '0');
  await says(page, '#systems tr', /inlong\s*1/);
  await says(page, '#panel-send', `The Manager is ${collector.url}/inlong/manager/openapi/dataproxy/getIpList.`);
  await page.locator('#tab-events').click();
  await shows(page, ['shop/orders', 'add_to_cart']);
});

test('events appear as they arrive, newest first, and are counted', async () => {
  page = await open(browser, collector);
  await collector.track('first', 'second');
  await shows(page, ['second', 'first']);
  await collector.track('third');
  await shows(page, ['third', 'second', 'first']);
  await collector.post([item('product', 'sku-1', { title: 'Kettle' })], ITEMS);
  await shows(page, ['product', 'third', 'second', 'first']);
  await says(page, '#count-good', '4');
  await says(page, '#systems tr', /growingio\s*4/);
  const row = rows(page).filter({ hasText: 'third' });
  assert.deepEqual(await row.locator('span').allTextContents().then((cells) => cells.slice(1)), ['track', 'third', 'u1', 'sku=A-17  price=19.9  ', 'growingio']);
  await rows(page).filter({ hasText: 'id=sku-1  title=Kettle' }).waitFor();
});

test('what arrived before the page is there', async () => {
  await collector.track('a', 'b', 'c');
  page = await open(browser, collector);
  await shows(page, ['c', 'b', 'a']);
});

test('the filter narrows by system, kind, name, user and text, also what arrives later', async () => {
  page = await open(browser, collector);
  await collector.post([event('view', { userId: 'ann' }), event('buy', { userId: 'bob', attributes: { title: 'Blue (Ålesund) kettle' } }), userAttributes('ann', { cohort: '2024-01' })]);
  await shows(page, ['user attributes', 'buy', 'view']);
  await page.locator('#filter-kind').selectOption('user');
  await shows(page, ['user attributes']);
  await says(page, '#shown', '1 of 3');
  await page.locator('#filter-clear').click();
  await page.locator('#filter-user').fill('ANN');
  await shows(page, ['user attributes', 'view']);
  await page.locator('#filter-name').fill('vie');
  await shows(page, ['view']);
  await collector.post([event('review', { userId: 'ann' }), event('review', { userId: 'bob' })]);
  await shows(page, ['review', 'view']);
  await page.locator('#filter-clear').click();
  await page.locator('#filter-text').fill('(ålesund)');
  await shows(page, ['buy']);
  await page.locator('#filter-system').selectOption('growingio');
  await shows(page, ['buy']);
  await page.locator('#filter-text').fill('no such thing');
  await page.locator('#events-none').waitFor();
  await page.locator('#events-clear').click();
  await shows(page, ['review', 'review', 'user attributes', 'buy', 'view']);
});

test('a detail shows attributes, the record as received and its request', async () => {
  page = await open(browser, collector);
  await collector.post([event('buy', { userId: 'ann', deviceId: 'd-9', attributes: { price: 9.5, note: 'two\nlines', gift: true } })], { stm: 1710325284001 });
  await shows(page, ['buy']);
  await rows(page).first().click();
  const detail = page.locator('#events-detail');
  await detail.locator('h2').filter({ hasText: 'buy' }).waitFor();
  const text = await detail.innerText();
  for (const part of ['ann', 'd-9', 'price', '9.5', 'two\nlines', 'POST /v3/projects/demo/collect?stm=1710325284001', 'json']) assert.ok(text.includes(part), `${part} in ${text}`);
  const raw = await detail.locator('section').filter({ hasText: 'As received' }).locator('pre').textContent();
  assert.equal(JSON.parse(raw).eventName, 'buy');
  await detail.locator('summary').click();
  await detail.locator('details').filter({ hasText: 'application/json' }).waitFor();
  // A value in the detail filters the list.
  await collector.post([event('buy', { userId: 'bob' })]);
  await detail.getByRole('button', { name: 'ann' }).click();
  await shows(page, ['buy']);
  assert.equal(await page.locator('#filter-user').inputValue(), 'ann');
  await detail.getByRole('button', { name: 'Close' }).click();
  await detail.waitFor({ state: 'hidden' });
});

test('what is sent is shown as text, whatever it is', async () => {
  page = await open(browser, collector);
  const nasty = '<img src=x onerror="document.title=1"><script>1</script>';
  await collector.post([event(nasty, { userId: nasty, attributes: { [nasty]: nasty, __proto__: 1 } })]);
  await shows(page, [nasty]);
  await rows(page).first().click();
  await says(page, '#events-detail h2', nasty);
  await collector.post(nasty);
  await page.locator('#tab-bad').click();
  await rows(page, 'bad').first().click();
  await says(page, '#bad-detail pre', nasty);
  assert.equal(await page.locator('img, main script').count(), 0);
});

test('bad requests are kept with the reason and the body', async () => {
  page = await open(browser, collector);
  const answer = await collector.post('[{"eventType":"CUSTOM",');
  assert.equal(answer.status, 400);
  await collector.post(Buffer.from([0xff, 0xfe, 0x00, 0x41]).toString('latin1'));
  await says(page, '#count-bad', '2');
  await page.locator('#tab-bad').click();
  const { records } = await collector.get('bad');
  await shows(page, records.map((record) => record.reason).reverse(), 'bad');
  await rows(page, 'bad').filter({ hasText: records[0].reason }).last().click();
  await says(page, '#bad-detail h2', records[0].reason);
  await page.locator('#bad-detail pre').waitFor();
});

test('a pause holds the list still and loses nothing', async () => {
  page = await open(browser, collector);
  await collector.track('a');
  await shows(page, ['a']);
  await page.locator('#pause').click();
  await collector.track('b', 'c');
  await says(page, '#systems tr', /growingio\s*3/);
  await shows(page, ['a']);
  await says(page, '#held', '2 waiting');
  await page.locator('#pause').click();
  await shows(page, ['c', 'b', 'a']);
});

test('the list holds still under a reader and offers what is new', async () => {
  page = await open(browser, collector);
  await collector.track(...Array.from({ length: 200 }, (_, i) => `e${i}`));
  await says(page, '#count-good', '200');
  await page.locator('#events').evaluate((list) => {
    list.scrollTop = 1000;
  });
  const there = rows(page).filter({ hasText: 'e150' });
  await there.waitFor();
  const { y } = await there.boundingBox();
  await collector.track('new1', 'new2', 'new3');
  await page.getByRole('button', { name: '3 new' }).click({ trial: true });
  assert.equal((await there.boundingBox()).y, y);
  await page.getByRole('button', { name: '3 new' }).click();
  await rows(page).filter({ hasText: 'new3' }).waitFor();
  await page.locator('#events-fresh').waitFor({ state: 'hidden' });
});

test('a reset asks first, and one from elsewhere is seen', async () => {
  page = await open(browser, collector);
  await collector.track('a', 'b');
  await shows(page, ['b', 'a']);
  await says(page, '#systems tr', /growingio\s*2/);
  await page.locator('#reset').click();
  await page.getByRole('button', { name: 'Keep' }).click();
  await shows(page, ['b', 'a']);
  await page.locator('#reset').click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.locator('#events-empty').waitFor();
  assert.equal((await collector.get('stats')).good, 0);
  await collector.track('c');
  await shows(page, ['c']);
  await collector.fresh();
  await page.locator('#events-empty').waitFor();
  await collector.track('d');
  await shows(page, ['d']);
});

test('a collector that ends and comes back is found again', async () => {
  const other = await Collector.start();
  page = await open(browser, other);
  await other.track('before');
  await shows(page, ['before']);
  page.expected = /net::ERR_/;
  await other.stop();
  await page.locator('#link[data-state="lost"]').waitFor();
  const again = await Collector.start(new URL(other.url).host);
  try {
    await page.locator('#link[data-state="live"]').waitFor();
    await again.track('x', 'y', 'z');
    await shows(page, ['z', 'y', 'x']);
  } finally {
    await again.stop();
  }
});
