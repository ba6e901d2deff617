//! What an operator may read: every query here begins with who looks, so that none can forget it, and ends with where
//! the next page begins.
//!
//! A filter that no index serves looks at [`WINDOW`] rows at most and hands out a page that may be short or empty, with
//! a cursor to go on from. So no request holds a reader for long, however large the tables are.

pub mod accounts;
pub mod branding;
pub mod cases;
pub mod changes;
pub mod deliveries;
pub mod dossiers;
pub mod events;
pub mod history;
pub mod moves;
pub mod msp;
mod names;
pub mod offers;
pub mod partners;
pub mod provisioning;
pub mod reconciliations;
pub mod relations;
pub mod services;
pub mod sites;
pub mod users;
mod visible;

/// Rows that one request looks at where no index serves its filter. More means fewer requests and longer ones.
pub(super) const WINDOW: i64 = 50_000;

/// A page of a list.
#[derive(Debug, Clone)]
pub struct Page<T, K> {
    /// The rows, at most as many as were asked for. They may be fewer, even none, while there is a next page.
    pub items: Vec<T>,
    /// Where the next page begins: behind this; none at the end.
    pub next: Option<K>,
}

impl<T, K: Copy> Page<T, K> {
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { items: Vec::new(), next: None }
    }

    /// Cuts rows, of which one more than `limit` was read, to a page. `window` is where the look ended early.
    pub fn cut(mut rows: Vec<T>, limit: i64, key: impl Fn(&T) -> K, window: Option<K>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let next = if rows.len() > limit {
            rows.truncate(limit);
            rows.last().map(key)
        } else {
            window
        };
        Self { items: rows, next }
    }

    /// The page with other items.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U, K> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}
