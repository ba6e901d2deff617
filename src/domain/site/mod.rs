//! Sites of a customer, and the probes that stand at them.
//!
//! Both hang on one account for good; a probe moves between the sites of its customer. Rows are never removed: what is
//! deleted stays as ended, and so does what happened, in the history. What ends because its account does comes back with
//! the account.

mod place;
mod step;

pub use place::{
    MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, MAX_PROBES, MAX_SITES, PlaceStatus, Probe, Site, description, name, name_key,
};
pub use step::{Placed, SiteHappening, SiteStep};
