// The event that is measured: eight attributes of all documented kinds, with values that differ from event to event.

/** How many different events there are; they come in turn. */
const VARIETY = 1024;

/** The application's own data, from which it makes an event: always the same. */
export function purchases() {
  let state = 0x9e3779b9;
  const draw = (below) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
  const pick = (of) => of[draw(of.length)];
  return Array.from({ length: VARIETY }, () => ({
    user: `user_${String(draw(1e6)).padStart(6, "0")}`,
    sku: `sku-${String(draw(1e5)).padStart(5, "0")}`,
    category: pick(["kitchen", "garden", "books", "toys", "outdoor", "lighting"]),
    price: draw(50_000) / 100,
    discount: draw(40) / 100,
    quantity: 1 + draw(5),
    position: draw(60),
    tags: [pick(["new", "used", "restored"]), pick(["sale", "regular", "last"])],
    referrer: pick(["search", "newsletter", "direct", "social"]),
  }));
}

/** The attributes of an event, made anew as an application does. */
export function attributes({ sku, category, price, discount, quantity, position, tags, referrer }) {
  return { sku, category, price, discount, quantity, position, tags: [tags[0], tags[1]], referrer };
}

/** An event as an application that has no client would write it. */
export function plain(purchase) {
  return { event: "purchase", user: purchase.user, time: Date.now(), attributes: attributes(purchase) };
}
