// The fault plan: presets, a rule of one's own, and what is left of what is in force.

import { $, ask, code, count, duration, make, plural, say, soon } from './tools.js';

/** The same for InLong, whose frames have codes and answers of their own. */
const inlongPresets = [
  ['Queue full', 'The next 10 packs are refused with code 114.', { system: 'inlong', code: 114, count: 10 }],
  ['Unanswered', 'The next 3 packs are kept and never answered.', { system: 'inlong', ack: 'never', count: 3 }],
  ['Cut in the answer', 'The next 3 packs are kept, their answers cut midway.', { system: 'inlong', drop: 'midway', count: 3 }],
  ['Node 1 down', 'The first node is gone until the rule is removed.', { system: 'inlong', node: 1, down: true }],
  ['Manager down', 'The Manager answers 503 until the rule is removed.', { system: 'inlong', on: 'manager', status: 503 }],
];

/** Name, what it does, rule. */
export const presets = [
  ['503 burst', 'The next 10 requests are answered 503.', { status: 503, count: 10 }],
  ['429 with Retry-After', 'The next 3 are answered 429 and told to wait 5 s.', { status: 429, retry_after: 5, count: 3 }],
  ['Refused', 'The next request is answered 400: no retry helps.', { status: 400, count: 1 }],
  ['Cut before', 'The next 3 connections are cut unread: nothing arrived.', { drop: 'before', count: 3 }],
  ['Cut after', 'The next 3 requests are accepted, then cut without an answer.', { drop: 'after', count: 3 }],
  ['Slow', 'The next 10 requests wait 3 s for their answer.', { delay_ms: 3000, count: 10 }],
];

function whatHappens(rule) {
  if (rule.down) return rule.node ? `Node ${rule.node} is down` : 'All nodes are down';
  if (rule.drop) return { before: 'Cut the connection, nothing read', after: 'Accept, then cut without an answer', midway: 'Accept, then cut in the middle of the answer' }[rule.drop];
  if (rule.ack) return { never: 'Accept and never answer', swapped: 'Accept and answer behind the next' }[rule.ack];
  if (rule.load !== undefined) return `Tell load ${rule.load}`;
  if (rule.status) return `Answer ${rule.status}`;
  return rule.code === undefined ? 'Answer as usual' : `Refuse with code ${rule.code}`;
}

function inWords(rule) {
  const what = whatHappens(rule);
  return [
    rule.retry_after !== undefined ? `${what}, Retry-After ${rule.retry_after}` : what,
    rule.on && rule.on !== 'messages' ? { heartbeats: 'to heartbeats', manager: 'to what asks the Manager' }[rule.on] : '',
    rule.node && !rule.down ? `at node ${rule.node}` : '',
    rule.delay_ms ? `after ${duration(rule.delay_ms)}` : '',
    rule.share < 1 ? `for ${Math.round(rule.share * 100)} % of requests` : '',
    rule.system ? `to ${rule.system}` : '',
  ].filter(Boolean).join(' ');
}

export const faults = {
  last: Promise.resolve(),

  /** Changes the plan. One change after the other: each starts from what the one before left. */
  write(change) {
    this.last = this.last.then(() => this.replace(change));
    return this.last;
  },

  async replace(change) {
    $('faults-problem').hidden = true;
    try {
      // What is left now, not what is shown: counts may have been used up since.
      const { faults: left } = await ask('faults');
      await ask('faults', { faults: change(left) });
      return true;
    } catch (error) {
      $('faults-problem').textContent = error.message;
      $('faults-problem').hidden = false;
      return false;
    }
  },

  async add(rule) {
    if (await this.write((plan) => [...plan, rule])) say(`Fault added: ${inWords(rule)}`);
  },

  /** The collector tells what is left whenever that changes. */
  show(plan) {
    this.plan = plan;
    soon(this.paint);
  },

  paint() {
    const { plan } = faults;
    const focused = [...$('plan').querySelectorAll('button')].indexOf(document.activeElement);
    $('plan').replaceChildren(...plan.map((rule, index) => {
      const remove = make('button', { type: 'button', className: 'plain', ariaLabel: `Remove rule ${index + 1}` }, 'Remove');
      // By what it says, as rules before it may have been used up meanwhile.
      const same = (other) => JSON.stringify({ ...other, count: 0 }) === JSON.stringify({ ...rule, count: 0 });
      remove.addEventListener('click', () => faults.write((now) => now.toSpliced(now.findIndex(same), now.some(same) ? 1 : 0)));
      const left = rule.down ? 'until removed' : rule.count === undefined ? 'no limit' : `${count(rule.count)} left`;
      return make('li', {}, make('span', { className: 'rule-words' }, inWords(rule)), make('span', { className: 'left' }, left), remove);
    }));
    if (focused >= 0) ($('plan').querySelectorAll('button')[Math.min(focused, plan.length - 1)] ?? $('panel-faults')).focus();
    $('plan-none').hidden = plan.length > 0;
    $('faults-clear').hidden = plan.length === 0;
    $('count-faults').textContent = plan.length > 0 ? plural(plan.length, 'rule') : '';
    $('tab-faults').classList.toggle('warned', plan.length > 0);
    const script = `curl ${location.origin}/trackwire/faults -d '${JSON.stringify({ faults: plan }).replaceAll("'", "'\\''")}' \\\n  -H 'content-type: application/json'`;
    $('plan-request').lastElementChild.replaceChildren(code(script));
  },

  start() {
    for (const [group, rules] of [['presets', presets], ['presets-inlong', inlongPresets]]) {
      $(group).append(...rules.map(([name, what, rule]) => {
        const button = make('button', { type: 'button' }, make('b', {}, name), make('span', {}, what));
        button.addEventListener('click', () => this.add(rule));
        return button;
      }));
    }
    const form = $('rule');
    const { effect, system } = form.elements;
    let chosen = ''; // the system, for when one can be chosen again
    const fit = () => {
      form.querySelectorAll('[data-for]').forEach((label) => {
        label.hidden = label.dataset.for !== effect.value;
        label.querySelector('input').disabled = label.hidden;
      });
      const isCode = effect.value === 'code';
      if (isCode !== system.disabled) {
        if (isCode) chosen = system.value;
        // Before anything of InLong has arrived it is no choice.
        if (isCode && ![...system.options].some((one) => one.value === 'inlong')) system.append(make('option', { value: 'inlong' }, 'inlong'));
        system.value = isCode ? 'inlong' : chosen;
        system.disabled = isCode;
      }
      const isOfPacks = system.value === '' || system.value === 'inlong';
      $('rule-note').textContent = isCode ? 'Codes are InLong’s, so the rule is for InLong alone.'
        : effect.value === 'status' && isOfPacks ? 'InLong’s packs over TCP have no status: they pass. Its forms over HTTP are answered with it.' : '';
    };
    form.addEventListener('change', fit);
    fit();
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const given = Object.fromEntries([...new FormData(form)].map(([key, value]) => [key, value.trim()]).filter(([, value]) => value !== ''));
      const rule = {};
      if (given.system) rule.system = given.system;
      if (given.effect === 'before' || given.effect === 'after') rule.drop = given.effect;
      if (given.effect === 'code') rule.system = 'inlong';
      for (const key of ['status', 'code', 'delay_ms', 'count']) if (given[key]) rule[key] = Number(given[key]);
      if (given.retry_after) rule.retry_after = /^\d+$/.test(given.retry_after) ? Number(given.retry_after) : given.retry_after;
      if (given.share) rule.share = Number(given.share) / 100;
      this.add(rule);
    });
    $('faults-clear').addEventListener('click', () => this.write(() => []));
  },
};
