// The playground's trackers: how they are made, the network between them and the collector, and their books.

/** What lies between the trackers and the collector. */
export const NETWORKS = [
  ['online', 'Online', 'Requests reach the collector.'],
  ['failing', 'Failing', 'Every request fails, and the browser does not know. The tracker tries again.'],
  ['offline', 'Offline', 'The browser says that it is offline. The tracker waits until it is back.'],
  ['unreadable', 'Unreadable', 'Requests arrive, but answers may not be read, as without CORS headers.'],
];

const NAMES = ['view', 'search', 'add_to_cart', 'purchase'];

/** The page's tracker. With other options there is a new one; those before it go on until nothing of theirs waits. */
export class Trackers {
  /** `requested({ probe, status, retryAfter, error, bytes })` and `ended(outcome)` are told what happens. */
  constructor({ GrowingTracker, requested, ended }) {
    Object.assign(this, { GrowingTracker, requested, ended });
    this.network = 'online';
    this.options = {};
    this.begin();
  }

  /** Forgets everything: another visitor, empty books. */
  begin() {
    this.visitor = `play-${Math.random().toString(36).slice(2, 8)}`;
    this.count = 0;
    this.past = null; // the books of trackers that are no more
    this.old = [];
    this.now = null;
  }

  /** Other options: from the next event on there is another tracker. */
  choose(options) {
    this.options = options;
    this.#retire();
  }

  setNetwork(network) {
    // A tracker that has read an answer knows that answers can be read.
    if (network === 'unreadable') this.#retire();
    const before = this.network;
    this.network = network;
    if (network === 'offline') Object.defineProperty(navigator, 'onLine', { configurable: true, get: () => false });
    else if (before === 'offline') delete navigator.onLine;
    if ((network === 'offline') !== (before === 'offline')) dispatchEvent(new Event(network === 'offline' ? 'offline' : 'online'));
  }

  /** Records one event; whether it was taken. */
  one(name, attributes) {
    this.count += 1;
    return this.tracker.trackCustomEvent(name, { attributes: { ...attributes, n: this.count } });
  }

  /** Records many; how many were taken. */
  many(count) {
    let taken = 0;
    for (let i = 0; i < count; i += 1) taken += this.one(NAMES[i % NAMES.length], { sku: `A-${i % 50}`, price: (i % 90) + 0.9 });
    return taken;
  }

  flush() {
    return Promise.all([...this.old, this.now].map((tracker) => tracker?.flush()));
  }

  /** Ends all trackers; what waits is dropped. */
  async startOver() {
    const all = [...this.old, this.now].filter(Boolean);
    this.begin();
    await Promise.all(all.map((tracker) => tracker.close({ timeout: 0 })));
  }

  /** The books of all trackers together. */
  books() {
    for (const tracker of this.old) {
      if (tracker.stats().pending > 0) continue;
      this.old = this.old.filter((other) => other !== tracker);
      this.past = add(this.past, tracker.stats());
      tracker.close();
    }
    return [...this.old, this.now].reduce((sum, tracker) => (tracker ? add(sum, tracker.stats()) : sum), this.past ?? {});
  }

  get tracker() {
    this.now ??= new this.GrowingTracker({
      productId: 'playground',
      dataSourceId: 'live-page',
      serverHost: location.origin,
      anonymousId: this.visitor,
      ...this.options,
      fetch: (url, init) => this.#carry(this.visitor, url, init),
      onOutcome: ((visitor) => (outcome) => visitor === this.visitor && this.ended(outcome))(this.visitor),
    });
    return this.now;
  }

  #retire() {
    if (this.now === null) return;
    this.old.push(this.now);
    // What still waits for others to go with it has no others any more.
    this.now.flush();
    this.now = null;
  }

  async #carry(visitor, url, init) {
    const { network } = this;
    const request = { probe: init.method === 'HEAD', bytes: init.body?.length ?? 0 };
    try {
      if (network === 'failing' || network === 'offline') throw new TypeError('the network fails');
      const response = await fetch(url, init);
      if (network === 'unreadable' && !request.probe) throw new TypeError('the answer may not be read');
      Object.assign(request, { status: response.status, retryAfter: response.headers.get('retry-after') });
      return response;
    } catch (error) {
      request.error = init.signal.aborted ? 'given up' : error.message;
      throw error;
    } finally {
      if (visitor === this.visitor) this.requested(request);
    }
  }
}

function add(sum, stats) {
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, value + (sum?.[name] ?? 0)]));
}
