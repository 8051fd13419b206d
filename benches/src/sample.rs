//! The event that is measured: eight attributes of all documented kinds, with values that differ from event to event.

use posthog_rs::Event as PosthogEvent;
use serde::Serialize;
use trackwire::Track;

pub(crate) const PRODUCT_ID: &str = "0a1b4118dd954ec3";
pub(crate) const DATA_SOURCE_ID: &str = "90616a2bb5a4e2a8";

/// How many different events there are; they come in turn.
const VARIETY: usize = 1_024;

/// The application's own data, from which it makes an event.
#[derive(Debug)]
pub(crate) struct Purchase {
    user: String,
    sku: String,
    category: &'static str,
    price: f64,
    discount: f64,
    quantity: u32,
    position: u32,
    tags: [&'static str; 2],
    referrer: &'static str,
}

/// The application's data, always the same for the same number of events.
pub(crate) fn purchases() -> Vec<Purchase> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut draw = move |below: u64| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    };
    let pick = |place: u64, of: &[&'static str]| of[place as usize % of.len()];
    let purchase = |_| Purchase {
        user: format!("user_{:06}", draw(1_000_000)),
        sku: format!("sku-{:05}", draw(100_000)),
        category: pick(draw(6), &["kitchen", "garden", "books", "toys", "outdoor", "lighting"]),
        price: draw(50_000) as f64 / 100.0,
        discount: draw(40) as f64 / 100.0,
        quantity: 1 + draw(5) as u32,
        position: draw(60) as u32,
        tags: [pick(draw(3), &["new", "used", "restored"]), pick(draw(3), &["sale", "regular", "last"])],
        referrer: pick(draw(4), &["search", "newsletter", "direct", "social"]),
    };
    (0..VARIETY).map(purchase).collect()
}

impl Purchase {
    /// As trackwire takes it.
    pub(crate) fn track(&self) -> Track<'_> {
        Track::new("purchase")
            .user(&self.user)
            .attribute("sku", &self.sku)
            .attribute("category", self.category)
            .attribute("price", self.price)
            .attribute("discount", self.discount)
            .attribute("quantity", self.quantity)
            .attribute("position", self.position)
            .attribute("tags", self.tags)
            .attribute("referrer", self.referrer)
    }

    /// As posthog-rs takes it.
    pub(crate) fn posthog(&self) -> Result<PosthogEvent, posthog_rs::Error> {
        let mut event = PosthogEvent::new("purchase", self.user.as_str());
        event.insert_prop("sku", self.sku.as_str())?;
        event.insert_prop("category", self.category)?;
        event.insert_prop("price", self.price)?;
        event.insert_prop("discount", self.discount)?;
        event.insert_prop("quantity", self.quantity)?;
        event.insert_prop("position", self.position)?;
        event.insert_prop("tags", self.tags)?;
        event.insert_prop("referrer", self.referrer)?;
        Ok(event)
    }

    /// As a struct that serde_json writes: the same record on the wire, but for the list, which stays a list.
    pub(crate) fn plain(&self, timestamp: u64) -> Plain<'_> {
        Plain {
            event_type: "CUSTOM",
            sdk_version: "0.1.0",
            platform: "rust",
            timestamp,
            event_name: "purchase",
            user_id: &self.user,
            attributes: Attributes {
                sku: &self.sku,
                category: self.category,
                price: self.price,
                discount: self.discount,
                quantity: self.quantity,
                position: self.position,
                tags: self.tags,
                referrer: self.referrer,
            },
            data_source_id: DATA_SOURCE_ID,
            project_key: PRODUCT_ID,
        }
    }
}

/// A record, typed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Plain<'p> {
    event_type: &'static str,
    sdk_version: &'static str,
    platform: &'static str,
    timestamp: u64,
    event_name: &'static str,
    user_id: &'p str,
    attributes: Attributes<'p>,
    data_source_id: &'static str,
    project_key: &'static str,
}

#[derive(Debug, Serialize)]
struct Attributes<'p> {
    sku: &'p str,
    category: &'p str,
    price: f64,
    discount: f64,
    quantity: u32,
    position: u32,
    tags: [&'p str; 2],
    referrer: &'p str,
}
