// The playground: the packed build tracks from the page into the collector, and its books are beside what arrived.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Collector, PACKAGE, browse, open, shows } from './world.mjs';

let collector;
let browser;
let page;
before(async () => {
  collector = await Collector.start('127.0.0.1:0', '--package', PACKAGE);
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});
beforeEach(async () => {
  await collector.fresh();
  page = await open(browser, collector, { hash: '#play' });
  // What the collector is told to answer, the browser complains about.
  page.expected = /status of (400|405|503)/;
  await page.locator('#play-one').waitFor();
});
afterEach(async () => {
  const { trouble } = page;
  await page.context().close();
  assert.deepEqual(trouble, []);
});

const network = (name) => page.locator(`#play-network input[value=${name}]`).check();
const choose = (name, value) => page.locator(`#play-form [name=${name}]`).selectOption(value);

/** Resolves when the numbers shown under these names are these. */
async function numbers(expected) {
  const there = () => page.locator('.sums div').evaluateAll((pairs) => Object.fromEntries(pairs.map((pair) => [pair.firstChild.textContent, pair.lastChild.textContent])));
  await page.waitForFunction((expected) => {
    const pairs = [...document.querySelectorAll('.sums div')].map((pair) => [pair.firstChild.textContent, pair.lastChild.textContent]);
    return Object.entries(expected).every(([name, value]) => pairs.some((pair) => pair[0] === name && pair[1] === value));
  }, expected).catch(async (error) => {
    throw new Error(`expected ${JSON.stringify(expected)}, found ${JSON.stringify(await there())}`, { cause: error });
  });
}

/** Resolves when a line of what happened says this. */
const happened = (word, text) => page.locator('#play-log li', { has: page.locator('b', { hasText: word }) }).filter({ hasText: text }).first().waitFor();

test('one event, as it is typed, arrives as the package sends it', async () => {
  await page.locator('#play-form [name=name]').fill('checkout');
  await page.locator('#play-form [name=attributes]').fill('{"sku":"B-2","tags":["a","b"]}');
  await page.keyboard.press('Enter');
  await numbers({ Accepted: '1', Delivered: '1', Waiting: '0', Arrived: '1', 'Not here': '0' });
  const { records: [record] } = await collector.get('good');
  assert.equal(record.name, 'checkout');
  assert.deepEqual(record.attributes, { sku: 'B-2', tags: 'a||b', n: 1 });
  assert.equal(record.request.headers['content-type'], 'text/plain;charset=UTF-8');
  await happened('delivered', '1 event');
  await page.locator('#play-show').click();
  await shows(page, ['checkout']);
});

for (const [format, bodies] of Object.entries({ json: 'json', snappy: 'json snappy', 'snappy-crypt': 'json snappy xor', protobuf: 'protobuf', 'protobuf-snappy-crypt': 'protobuf snappy xor' })) {
  test(`a thousand in ${format}`, async () => {
    await choose('format', format);
    await choose('consumer', 'buffered');
    await page.locator('#play-many').click();
    await page.locator('#play-flush').click();
    await numbers({ Accepted: '1,000', Delivered: '1,000', Arrived: '1,000', 'Not here': '0', Twice: '0', Requests: '2', Retries: '0' });
    const { records: [{ request }] } = await collector.get('good');
    assert.equal([request.format, ...request.layers].join(' '), bodies);
    assert.match(await page.locator('#play-balance').getAttribute('aria-label'), /^1,000 events accepted, delivered 1,000$/);
  });
}

test('offline events wait without a request, and go out when the browser is back', async () => {
  await choose('consumer', 'buffered');
  await network('offline');
  await page.locator('#play-many').click();
  await numbers({ Accepted: '1,000', Waiting: '1,000', Requests: '0', 'Not here': '1,000' });
  assert.equal(await page.locator('#play-state').textContent(), 'Held while offline');
  assert.equal(await page.locator('#count-play').textContent(), '1,000');
  await network('online');
  await numbers({ Waiting: '0', Delivered: '1,000', Arrived: '1,000', Retries: '0' });
  assert.equal(await page.evaluate(() => Object.hasOwn(navigator, 'onLine')), false, 'nothing of the make-believe is left');
});

test('a failing network: retries, then all of it once', async () => {
  await network('failing');
  await page.locator('#play-one').click();
  await happened('request', 'the network fails');
  await numbers({ Waiting: '1', Requests: '3', Retries: '2' });
  assert.equal(await page.locator('#play-state').textContent(), 'Trying again');
  await network('online');
  await numbers({ Waiting: '0', Delivered: '1', Arrived: '1', Twice: '0' });
});

test('outcomes with their causes: refused by the collector, retries used up, invalid, not for want of room', async () => {
  await page.locator('#play-faults button', { hasText: 'Refused' }).click();
  await page.locator('#play-faults-left').filter({ hasText: '1 request to go' }).waitFor();
  await page.locator('#play-one').click();
  await happened('rejected', 'HTTP 400');
  await page.locator('#play-form [name=name]').fill('');
  await page.locator('#play-one').click();
  await happened('invalid', /event_name/);
  await page.locator('#play-form [name=name]').fill('e');
  await page.locator('#play-form [name=attributes]').fill('{');
  await page.locator('#play-one').click();
  await page.locator('#play-problem', { hasText: 'not JSON' }).waitFor();
  await page.locator('#play-form [name=attributes]').fill('');
  await choose('onExhausted', 'drop');
  await network('failing');
  await page.locator('#play-one').click();
  await happened('dropped', 'the quick retries were used up');
  await numbers({ Rejected: '1', Dropped: '1', 'Not taken': '1', Waiting: '0' });
  await choose('maxQueueBytes', '131072');
  await page.locator('#play-many').click();
  await happened('you', 'not taken');
});

test('other options: what waits goes on in its old form, and the books stay', async () => {
  await choose('consumer', 'buffered');
  await page.locator('#play-one').click();
  await numbers({ Waiting: '1' });
  await choose('format', 'protobuf');
  await numbers({ Delivered: '1' });
  await choose('consumer', 'default');
  await page.locator('#play-one').click();
  await numbers({ Accepted: '2', Delivered: '2', Arrived: '2' });
  assert.deepEqual((await collector.get('good')).records.map(({ request }) => request.format), ['json', 'protobuf']);
  await page.locator('#play-code summary').click();
  assert.match(await page.locator('#play-code pre').textContent(), /format: "protobuf"/);
});

test('answers that may not be read: delivered, unconfirmed, and not sent again', async () => {
  await network('unreadable');
  await page.locator('#play-one').click();
  await numbers({ Delivered: '1', Unconfirmed: '1', Arrived: '1', Requests: '1' });
  await happened('delivered', 'unconfirmed');
  await happened('probe', 'someone is there');
  assert.equal((await collector.get('stats')).bad, 0);
});

test('what arrives without an answer is sent again, and seen twice', async () => {
  await page.locator('#play-faults button', { hasText: 'Cut after' }).click();
  await page.locator('#play-faults-left').filter({ hasText: 'to go' }).waitFor();
  page.expected = /ERR_EMPTY_RESPONSE|ERR_CONNECTION/;
  await page.locator('#play-one').click();
  await numbers({ Accepted: '1', Delivered: '1', Arrived: '1', 'Not here': '0' });
  // The collector holds it once for each cut; who sent it again, the tracker or the browser by itself, it cannot tell.
  await numbers({ Twice: '3' });
  assert.equal((await collector.get('stats')).good, 4);
});

test('over again: nothing waits, the books are empty, the visitor is another', async () => {
  await network('offline');
  await page.locator('#play-one').click();
  await numbers({ Waiting: '1' });
  await page.locator('#play-over').click();
  await numbers({ Accepted: '0', Waiting: '0' });
  await network('online');
  await page.locator('#play-one').click();
  await numbers({ Accepted: '1', Arrived: '1', 'Not here': '0' });
  assert.equal((await collector.get('stats')).good, 1);
});

test('what others send is not counted; a reset of the collector empties its side', async () => {
  await collector.track('other');
  await page.locator('#play-one').click();
  await numbers({ Arrived: '1' });
  await collector.fresh();
  await numbers({ Accepted: '1', Arrived: '0', 'Not here': '1' });
});

test('without a build the page says so and how to come by one', async () => {
  const bare = await Collector.start();
  const other = await open(browser, bare, { hash: '#play' });
  await other.locator('#play-missing').filter({ hasText: 'without --package' }).waitFor();
  await other.locator('#play-missing').filter({ hasText: 'trackwire collect --package' }).waitFor();
  await other.locator('#play-again').click();
  assert.equal(await other.locator('#play').isVisible(), false);
  assert.deepEqual(other.trouble, []);
  await other.context().close();
  await bare.stop();
});
