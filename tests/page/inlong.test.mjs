// InLong's messages on the live page, and its faults at a click.

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { Collector, browse, open, rows, says, shows } from './world.mjs';

let collector;
let browser;
let page;
let node;
before(async () => {
  collector = await Collector.start('127.0.0.1:0', '--inlong-listen', '127.0.0.1:0', '--inlong-unknown', 'nobody');
  const answer = await fetch(`${collector.url}/inlong/manager/openapi/dataproxy/getIpList/g?protocolType=TCP`, { method: 'POST' });
  [node] = (await answer.json()).data.nodeList;
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});
beforeEach(async () => {
  await collector.fresh();
  page = await open(browser, collector);
});
afterEach(async () => {
  const { trouble } = page;
  await page.context().close();
  assert.deepEqual(trouble, []);
});

/** A frame of type 5. */
function frame(messages, attributes) {
  const sized = (bytes) => Buffer.concat([size(bytes.length), bytes]);
  const size = (length) => Buffer.from(Uint32Array.of(length).buffer).reverse();
  const body = Buffer.concat(messages.map((message) => sized(Buffer.from(message))));
  return sized(Buffer.concat([Buffer.of(5), sized(body), sized(Buffer.from(attributes))]));
}

/** Sends one pack; its answer as text, empty when the connection is closed instead. */
async function send(messages, attributes = 'groupId=shop&streamId=orders&dt=1700000000123') {
  const socket = connect(node.port, node.ip);
  socket.write(frame(messages, attributes));
  const answer = await Promise.race([once(socket, 'data').then(([bytes]) => bytes.toString()), once(socket, 'close').then(() => '')]);
  socket.destroy();
  return answer;
}

test('messages show by their text, and are found by it', async () => {
  await send(['order 17|paid|19.90', '{"sku":"A-17"}', Buffer.of(0xff, 0xfe)]);
  await shows(page, ['shop/orders', 'shop/orders', 'shop/orders']);
  await says(page, '#systems tr', /inlong\s*3/);
  const row = rows(page).filter({ hasText: 'order 17|paid|19.90' });
  assert.deepEqual(await row.locator('span').allTextContents().then((cells) => cells.slice(1)), ['message', 'shop/orders', '', 'order 17|paid|19.90', 'inlong']);
  await row.click();
  await says(page, '#events-detail', /Message.*order 17\|paid\|19\.90/);
  await says(page, '#events-detail', /streamId.*orders/);
  await rows(page).filter({ hasText: '//4=' }).click();
  await says(page, '#events-detail pre', /0000 {2}ff fe/);
  await page.locator('#filter-text').fill('a-17');
  await shows(page, ['shop/orders']);
});

test('what is refused shows its code, what is no frame that it was closed', async () => {
  assert.match(await send(['x'], 'groupId=nobody'), /errCode=115/);
  await page.locator('#tab-bad').click();
  await says(page, '#bad .row', /115.*Topic not configured/);
  const socket = connect(node.port, node.ip);
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.1\r\n\r\n');
  await once(socket, 'close');
  await page.locator('#bad .row').filter({ hasText: 'a frame of' }).click();
  await says(page, '#bad-detail', /closed.*GET/);
});

test('faults of its own', async () => {
  await page.locator('#tab-faults').click();
  const preset = (name) => page.locator('#presets-inlong').getByRole('button', { name }).click();
  await preset('Queue full');
  await says(page, '#plan li', /Refuse with code 114 to inlong.*10 left/);
  assert.match(await send(['x']), /errCode=114/);
  await says(page, '#plan li', /9 left/);
  await page.getByRole('button', { name: 'Clear all' }).click();
  await preset('Node 1 down');
  await says(page, '#plan li', /Node 1 is down.*until removed/);
  await assert.rejects(send(['x']), /ECONNREFUSED|ECONNRESET/);
  await page.getByRole('button', { name: 'Remove rule 1' }).click();
  await page.locator('#plan-none').waitFor();
  await page.locator('#rule [name="effect"]').selectOption('code');
  await page.locator('#rule [name="code"]').fill('2');
  await page.getByRole('button', { name: 'Add the rule' }).click();
  await says(page, '#plan li', /Refuse with code 2 to inlong/);
});
