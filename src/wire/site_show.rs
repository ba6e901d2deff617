//! Sites, probes and brandings as shown: the same JSON from the API and from commands.

use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;
use crate::domain::branding::{Branding, Colour, ColourOf, Logo};
use crate::domain::site::{Probe, Site};

/// A site as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of docs/partner-customers.md.
pub struct SiteView {
    pub id: String,
    /// The account's id.
    pub account: String,
    pub name: String,
    pub description: String,
    /// active or ended.
    pub status: &'static str,
    pub created_at: String,
    pub changed_at: String,
    pub ended_at: Option<String>,
    pub revision: i64,
}

impl From<&Site> for SiteView {
    fn from(site: &Site) -> Self {
        Self {
            id: site.id.to_string(),
            account: site.account.to_string(),
            name: site.name.clone(),
            description: site.description.clone(),
            status: site.status.as_str(),
            created_at: rfc3339(site.created_at),
            changed_at: rfc3339(site.changed_at),
            ended_at: site.ended_at.map(rfc3339),
            revision: site.revision,
        }
    }
}

/// A probe as shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[allow(missing_docs)] // The names are those of docs/partner-customers.md.
pub struct ProbeView {
    pub id: String,
    /// The account's id.
    pub account: String,
    /// The id of the site at which it stands.
    pub site: String,
    pub name: String,
    /// active or ended.
    pub status: &'static str,
    pub created_at: String,
    pub changed_at: String,
    pub ended_at: Option<String>,
    pub revision: i64,
}

impl From<&Probe> for ProbeView {
    fn from(probe: &Probe) -> Self {
        Self {
            id: probe.id.to_string(),
            account: probe.account.to_string(),
            site: probe.site.to_string(),
            name: probe.name.clone(),
            status: probe.status.as_str(),
            created_at: rfc3339(probe.created_at),
            changed_at: rfc3339(probe.changed_at),
            ended_at: probe.ended_at.map(rfc3339),
            revision: probe.revision,
        }
    }
}

/// One thing that happened to a site or probe.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteHappenedView {
    /// Its revision behind it.
    pub revision: i64,
    /// When it was stored.
    pub at: String,
    /// created, updated or ended.
    pub happening: &'static str,
    /// The names of the fields that changed.
    pub changed: Vec<String>,
    /// The site; of a probe the one at which it stood from then on.
    pub site: String,
    /// The site at which a probe stood before, where it was moved.
    pub from: Option<String>,
    /// In which state it was.
    pub status: &'static str,
    /// What made it happen.
    pub cause: &'static str,
    /// The delivery that made it happen; null for what no call did.
    pub delivery: Option<String>,
}

/// Colours, each as `#rrggbb`; null for those that are not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[allow(missing_docs)]
pub struct ColoursView {
    pub primary: Option<String>,
    pub secondary: Option<String>,
    pub accent: Option<String>,
    pub background: Option<String>,
    pub text: Option<String>,
}

/// A logo as shown, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LogoView {
    /// image/png, image/jpeg, image/gif or image/webp.
    pub media_type: &'static str,
    /// How many bytes it has.
    pub size: usize,
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// Where it is.
    pub href: String,
}

/// How a customer's pages look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrandingView {
    /// The account's id.
    pub account: String,
    /// Its title; empty where none is said.
    pub title: String,
    /// Its colours.
    pub colours: ColoursView,
    /// Its logo; null where there is none.
    pub logo: Option<LogoView>,
}

impl BrandingView {
    /// How the pages of the account of this id look.
    #[must_use]
    pub fn new(account: &str, branding: &Branding) -> Self {
        let colour = |of| branding.colours.get(&of).map(Colour::to_string);
        let logo = |logo: &Logo| LogoView {
            media_type: logo.media.as_str(),
            size: logo.size,
            sha256: hex::encode(logo.digest),
            href: format!("/v1/accounts/{account}/branding/logo"),
        };
        Self {
            account: account.to_owned(),
            title: branding.title.clone(),
            colours: ColoursView {
                primary: colour(ColourOf::Primary),
                secondary: colour(ColourOf::Secondary),
                accent: colour(ColourOf::Accent),
                background: colour(ColourOf::Background),
                text: colour(ColourOf::Text),
            },
            logo: branding.logo.as_ref().map(logo),
        }
    }
}
