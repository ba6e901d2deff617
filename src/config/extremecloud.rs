//! Whose partners and tenants clients of the ExtremeCloud dialect see.

use super::file::ExtremeCloudEntry;
use super::sources::invalid;
use super::{ConfigError, Source};
use crate::domain::ids::{Scope, SourceId, Tenant};
use crate::domain::msp::{Bounds, MspId, derived_msp_id};

/// `[extremecloud]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtremeCloud {
    /// The platform whose accounts are shown, beside those that were made here.
    pub source: SourceId,
    /// The tenant of both; empty for none.
    pub tenant: Tenant,
    /// The ID of the provider itself.
    pub msp_id: MspId,
}

impl ExtremeCloud {
    /// Source and tenant of accounts that are made here for this dialect.
    #[must_use]
    pub fn made_here(&self) -> Scope {
        Scope { source: SourceId::local(), tenant: self.tenant.clone() }
    }

    /// Whose accounts are shown: the platform's, and our own.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        let mut sources = vec![self.source.clone()];
        if !self.source.is_local() {
            sources.push(SourceId::local());
        }
        Bounds { sources, tenant: self.tenant.clone() }
    }
}

/// Checks what the file says.
pub(super) fn build(
    entry: Option<&ExtremeCloudEntry>,
    sources: &[Source],
) -> Result<Option<ExtremeCloud>, ConfigError> {
    let Some(entry) = entry else { return Ok(None) };
    let source = match entry.source.as_deref() {
        None | Some(SourceId::LOCAL) => SourceId::local(),
        Some(name) => match sources.iter().find(|source| source.credentials.id.as_str() == name) {
            Some(source) => source.credentials.id.clone(),
            None => {
                return invalid(format!(
                    "extremecloud: source = \"{}\" is the id of no [[source]]; name one, or \"{}\" for accounts made here",
                    name.escape_debug(),
                    SourceId::LOCAL
                ));
            }
        },
    };
    let tenant = match entry.tenant.as_deref().map(str::trim) {
        None | Some("") => Tenant::none(),
        Some(name) => Tenant::parse(name).map_err(|why| ConfigError::invalid(format!("extremecloud: tenant {why}")))?,
    };
    let msp_id = match &entry.msp_id {
        None => derived_msp_id(source.as_str(), tenant.as_str()),
        Some(text) => MspId::parse(text).map_err(|why| ConfigError::invalid(format!("extremecloud: msp_id {why}")))?,
    };
    Ok(Some(ExtremeCloud { source, tenant, msp_id }))
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    const SOURCE: &str =
        "[[source]]\nid = \"eu\"\napplication_id = \"A\"\napi_keys = [\"0123456789abcdef0123456789abcdef\"]\n";

    #[test]
    fn what_is_shown_is_configured() {
        let built = |text: &str| Config::from_toml(&format!("{text}\n{SOURCE}")).map(|config| config.extremecloud);
        assert_eq!(built(""), Ok(None));
        let Ok(Some(bare)) = built("[extremecloud]") else { unreachable!() };
        assert_eq!((bare.source.as_str(), bare.tenant.as_str(), bare.bounds().sources.len()), ("local", "", 1));
        let whole = "[extremecloud]\nsource = \"eu\"\ntenant = \"acme\"\nmsp_id = \"Msp-tenantid-Nc5YXfsVtOKdMmsj\"";
        let Ok(Some(whole)) = built(whole) else { unreachable!() };
        assert_eq!((whole.source.as_str(), whole.tenant.as_str(), whole.bounds().sources.len()), ("eu", "acme", 2));
        assert_eq!(whole.msp_id.as_str(), "Msp-tenantid-Nc5YXfsVtOKdMmsj");
        // The same wherever it is derived, and another one for another tenant.
        let derived = |text: &str| built(text).ok().flatten().map(|cloud| cloud.msp_id.as_str().to_owned());
        assert_eq!(derived("[extremecloud]"), derived("[extremecloud]\nsource = \"local\""));
        assert_ne!(derived("[extremecloud]"), derived("[extremecloud]\ntenant = \"acme\""));
        for (wrong, part) in [
            ("source = \"us\"", "is the id of no [[source]]"),
            ("tenant = \"a\\u0000b\"", "tenant holds a control character"),
            ("msp_id = \"MspPartner-tenantid-Nc5YXfsVtOKdMmsj\"", "sixteen letters and digits"),
            ("mspid = \"\"", "unknown field"),
        ] {
            let complaint = built(&format!("[extremecloud]\n{wrong}")).err().map(|error| error.to_string());
            assert!(complaint.as_ref().is_some_and(|text| text.contains(part)), "{wrong}: {complaint:?}");
        }
    }
}
