// The page by keyboard, on a phone, in light and dark, and under axe-core.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createRequire } from 'node:module';
import { Collector, PACKAGE, PHONE, browse, event, item, ITEMS, open, rows, says, shows, userAttributes } from './world.mjs';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let collector;
let browser;
before(async () => {
  collector = await Collector.start('127.0.0.1:0', '--package', PACKAGE);
  browser = await browse();
});
after(async () => {
  await browser?.close();
  await collector?.stop();
});

async function some() {
  await collector.fresh();
  await collector.post([event('view'), userAttributes('u2', { cohort: '2024-01', tags: ['a', 'b'] }), event('buy', { userId: null, deviceId: 'd1' })]);
  await collector.post([item('product', 'sku-1', { title: 'A title that is long enough to need more than one line on a phone, so that it has to be cut or wrapped' })], ITEMS);
  await collector.post(`[{"eventType":"CUSTOM","eventName":"${'long'.repeat(60)}`);
  await collector.set('faults', { faults: [{ status: 503, retry_after: 'Wed, 21 Oct 2026 07:28:00 GMT', delay_ms: 10, count: 1000, share: 0.5, system: 'growingio' }] });
}

test('everything by keyboard', async () => {
  await some();
  await collector.set('faults', { faults: [] });
  const page = await open(browser, collector);
  const heading = (text) => says(page, '#events-detail h2', text);
  await shows(page, ['product', 'buy', 'user attributes', 'view']);
  await page.keyboard.press('/');
  await page.waitForFunction(() => document.activeElement.id === 'filter-text');
  await page.keyboard.type('e/');
  assert.equal(await page.locator('#filter-text').inputValue(), 'e/', 'a slash while typing is a slash');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#filter-text').inputValue(), '');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(() => document.activeElement.id === 'events');
  await page.keyboard.press('ArrowDown');
  await heading('product');
  await page.keyboard.press('ArrowDown');
  await heading('buy');
  const active = await page.locator('#events').getAttribute('aria-activedescendant');
  const option = page.locator(`#${active}`);
  assert.equal(await option.getAttribute('aria-selected'), 'true');
  assert.equal(await option.getAttribute('aria-posinset'), '2');
  await page.keyboard.press('End');
  await heading('view');
  await page.keyboard.press('Home');
  await heading('product');
  await page.keyboard.press('Escape');
  await page.locator('#events-detail').waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate(() => document.activeElement.id), 'events');
  await page.keyboard.press('Enter');
  await heading('product');
  // Tabs by arrow keys; every control can be reached and shows that it is focused.
  await page.locator('#tab-events').focus();
  await page.keyboard.press('ArrowRight');
  await page.locator('#panel-bad').waitFor();
  await page.keyboard.press('ArrowRight');
  await page.locator('#presets button').first().waitFor();
  for (let i = 0; i < 3; i += 1) await page.keyboard.press('Tab');
  const outline = await page.evaluate(() => [document.activeElement.closest('#presets') !== null, getComputedStyle(document.activeElement).outlineStyle]);
  assert.deepEqual(outline, [true, 'solid']);
  await page.keyboard.press('Enter');
  await says(page, '#plan li', /left/);
  await page.context().close();
});

test('the playground by keyboard', async () => {
  await some();
  await collector.set('faults', { faults: [] });
  const page = await open(browser, collector, { hash: '#play' });
  await page.locator('#play-one').waitFor();
  await page.locator('#tab-play').focus();
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.name || document.activeElement.value);
  await page.keyboard.press('Tab'); // the panel itself is no stop
  if (await focused() === 'panel-play') await page.keyboard.press('Tab');
  assert.equal(await focused(), 'network');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.locator('#play-network input[value=offline]').isChecked());
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement.nextElementSibling).outlineStyle);
  assert.equal(outline, 'solid');
  const seen = [];
  for (let i = 0; i < 10; i += 1) {
    await page.keyboard.press('Tab');
    seen.push(await focused());
  }
  assert.deepEqual(seen, ['format', 'consumer', 'onExhausted', 'maxAge', 'maxQueueBytes', 'name', 'attributes', 'play-one', 'play-many', 'play-flush']);
  await page.locator('#play-many').focus();
  await page.keyboard.press('Enter');
  await says(page, '#said', '1,000 recorded');
  await says(page, '#count-play', '1,000');
  await page.context().close();
});

test('arrivals do not make a screen reader talk', async () => {
  await collector.fresh();
  const page = await open(browser, collector);
  await page.evaluate(() => {
    window.spoken = [];
    const regions = document.querySelectorAll('[role=status], [role=alert], [aria-live]:not([aria-live=off])');
    for (const region of regions) new MutationObserver(() => window.spoken.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  await collector.track('a', 'b');
  await shows(page, ['b', 'a']);
  assert.deepEqual(await page.evaluate(() => window.spoken), []);
  await page.locator('#pause').click();
  await page.waitForFunction(() => window.spoken.at(-1) === 'Paused');
  await page.context().close();
});

/** Goes through every view of the page and calls `look` in each. */
async function everyView(page, look) {
  await shows(page, ['product', 'buy', 'user attributes', 'view']);
  await look('events');
  if (await page.locator('#filter-more').isVisible()) await page.locator('#filter-more').click();
  await page.locator('#filter-name').fill('o');
  await shows(page, ['product']);
  await look('filtered');
  await page.locator('#filter-clear').click();
  await shows(page, ['product', 'buy', 'user attributes', 'view']);
  await rows(page).filter({ hasText: 'product' }).click();
  await says(page, '#events-detail h2', 'product');
  await page.locator('#events-detail summary').click();
  await look('detail');
  await page.keyboard.press('Escape');
  await page.locator('#tab-bad').click();
  await look('bad');
  await rows(page, 'bad').first().click();
  await page.locator('#bad-detail h2').waitFor();
  await look('bad detail');
  await page.locator('#tab-faults').click();
  await says(page, '#plan li', /left/);
  await page.locator('#plan-request summary').click();
  await look('faults');
  await page.locator('#tab-play').click();
  // Offline, so that nothing of it arrives while the rest is looked at.
  await page.locator('#play-network input[value=offline]').check();
  await page.locator('#play-one').click();
  await page.locator('#play-form [name=attributes]').fill('{');
  await page.locator('#play-one').click();
  await page.locator('#play-problem').waitFor();
  await page.locator('#play-code summary').click();
  await look('playground');
  await page.locator('#tab-send').click();
  await look('how to send');
  await page.locator('#reset').click();
  await look('reset');
  await page.getByRole('button', { name: 'Delete' }).click();
  await page.locator('#tab-events').click();
  await page.locator('#events-empty').waitFor();
  await look('empty');
}

for (const [name, options] of Object.entries({ desktop: {}, phone: PHONE })) {
  for (const colorScheme of ['light', 'dark']) {
    test(`no serious finding by axe-core: ${name}, ${colorScheme}`, async () => {
      await some();
      // The page's own policy forbids scripts from elsewhere, axe-core too; it is lifted for the audit only.
      const page = await open(browser, collector, { ...options, colorScheme, bypassCSP: true });
      await page.addScriptTag({ path: AXE });
      await everyView(page, async (view) => {
        const found = await page.evaluate(async () => (await window.axe.run(document, { resultTypes: ['violations'] })).violations
          .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.map((node) => `${node.html.slice(0, 200)} ${node.failureSummary}`) })));
        assert.deepEqual(found.filter(({ impact }) => impact === 'serious' || impact === 'critical'), [], `${view}: nothing serious`);
      });
      await page.context().close();
    });
  }
}

test('a phone of 390 px needs no sideways scroll', async () => {
  await some();
  const page = await open(browser, collector, PHONE);
  await everyView(page, async (view) => {
    const [wide, sticking] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && !e.closest('.hidden, .tabs, svg') && e.getBoundingClientRect().right > innerWidth + 0.5)
        .filter((e) => !e.closest('.row')).map((e) => e.outerHTML.slice(0, 120)),
    ]);
    assert.equal(wide, 390, view);
    assert.deepEqual(sticking, [], view);
  });
  await page.context().close();
});

test('light and dark by the reader\'s preference, no motion where none is wanted', async () => {
  await some();
  const look = async (options) => {
    const page = await open(browser, collector, options);
    const found = await page.evaluate(() => {
      const style = getComputedStyle(document.querySelector('main'));
      const lightness = (colour) => colour.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765;
      return { back: lightness(style.backgroundColor), text: lightness(style.color), motion: getComputedStyle(document.querySelector('#pause')).transitionDuration };
    });
    await page.context().close();
    return found;
  };
  const light = await look({ colorScheme: 'light' });
  const dark = await look({ colorScheme: 'dark', reducedMotion: 'no-preference' });
  assert.ok(light.back > 0.9 && light.text < 0.3, JSON.stringify(light));
  assert.ok(dark.back < 0.2 && dark.text > 0.7, JSON.stringify(dark));
  assert.equal(light.motion, '0s');
  assert.notEqual(dark.motion, '0s');
});
