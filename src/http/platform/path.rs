//! Which endpoint a path ends in. Pure: tables test it.

use crate::domain::call::Endpoint;
use crate::domain::service::order::Verb;
use crate::http::RESERVED;

/// An endpoint that only describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Description {
    /// `Accounts/SyncOptions`.
    SyncOptions,
    /// `Fields/Get`.
    Fields,
    /// `Fields/ServiceDefinition`.
    ServiceDefinition,
    /// `Fields/AdditionalInfo`.
    AdditionalInfo,
    /// `Discovery`.
    Discovery,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A call that becomes a delivery.
    Call(Endpoint),
    /// A description.
    Describe(Description),
}

impl Target {
    /// All endpoints, in the order in which Discovery lists them.
    pub const ALL: [Self; 19] = [
        Self::Describe(Description::SyncOptions),
        Self::Call(Endpoint::Synchronize),
        Self::Call(Endpoint::Exists),
        Self::Call(Endpoint::Delete),
        Self::Call(Endpoint::IsReseller),
        Self::Describe(Description::Fields),
        Self::Call(Endpoint::ValidateFields),
        Self::Describe(Description::ServiceDefinition),
        Self::Describe(Description::AdditionalInfo),
        Self::Call(Endpoint::Service(Verb::Create)),
        Self::Call(Endpoint::Service(Verb::Update)),
        Self::Call(Endpoint::Service(Verb::Cancel)),
        Self::Call(Endpoint::Service(Verb::Suspend)),
        Self::Call(Endpoint::Service(Verb::Activate)),
        Self::Call(Endpoint::Service(Verb::UpgradeToPaid)),
        Self::Call(Endpoint::Service(Verb::CreateAddOns)),
        Self::Call(Endpoint::Service(Verb::UpdateAddOns)),
        Self::Call(Endpoint::Service(Verb::CancelAddOns)),
        Self::Describe(Description::Discovery),
    ];

    /// The protocol's path.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Call(endpoint) => endpoint.as_str(),
            Self::Describe(Description::SyncOptions) => "Accounts/SyncOptions",
            Self::Describe(Description::Fields) => "Fields/Get",
            Self::Describe(Description::ServiceDefinition) => "Fields/ServiceDefinition",
            Self::Describe(Description::AdditionalInfo) => "Fields/AdditionalInfo",
            Self::Describe(Description::Discovery) => "Discovery",
        }
    }

    /// The one method that it answers.
    #[must_use]
    pub fn method(self) -> &'static str {
        match self {
            Self::Call(_) => "POST",
            Self::Describe(_) => "GET",
        }
    }

    /// Whether asking with `checkonly` first tells anything.
    #[must_use]
    pub fn has_precheck(self) -> bool {
        matches!(self, Self::Call(endpoint) if endpoint.writes())
    }
}

/// A path that leads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where to.
    pub target: Target,
    /// The source that the path names: `/s/<source id>/…`.
    pub source: Option<String>,
    /// What stands before the endpoint, as it came, without a slash at its end.
    pub prefix: String,
}

/// Decodes one segment; none for what no honest client sends: a hidden separator, a dot segment, no UTF-8.
fn segment(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    let hidden = text.chars().any(|c| matches!(c, '/' | '\\') || c.is_control());
    (!hidden && text != "." && text != "..").then_some(text)
}

/// Whether a segment is the protocol's, in any case. The platform's guide writes `Addon` where its sample has `Addons`.
fn is_called(have: &str, want: &str) -> bool {
    have.eq_ignore_ascii_case(want) || (want == "Addons" && have.eq_ignore_ascii_case("Addon"))
}

/// Finds the endpoint that a path ends in, under any prefix but the reserved ones. Empty segments do not count.
#[must_use]
pub fn find(path: &str) -> Option<Found> {
    let raw: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let segments = raw.iter().map(|part| segment(part)).collect::<Option<Vec<String>>>()?;
    let first = segments.first()?;
    if RESERVED.iter().any(|reserved| first.eq_ignore_ascii_case(reserved)) {
        return None;
    }
    let ends_in = |name: &str| {
        let parts: Vec<&str> = name.split('/').collect();
        let start = segments.len().checked_sub(parts.len())?;
        let tail = segments.get(start..)?;
        tail.iter().zip(&parts).all(|(have, want)| is_called(have, want)).then_some(start)
    };
    let (target, start) = Target::ALL.into_iter().find_map(|target| Some((target, ends_in(target.name())?)))?;
    let source = (start >= 2 && first.eq_ignore_ascii_case("s")).then(|| segments.get(1).cloned()).flatten();
    let prefix: String = raw.iter().take(start).map(|part| format!("/{part}")).collect();
    Some(Found { target, source, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let synchronize = Some(Target::Call(Endpoint::Synchronize));
        for (path, target, source) in [
            ("/api/Accounts/Synchronize", synchronize, None),
            ("/Accounts/Synchronize", synchronize, None),
            ("/AcronisCyber/api/accounts/SYNCHRONIZE", synchronize, None),
            ("/a/b/c/d/accounts/synchronize/", synchronize, None),
            ("//api//Accounts//Synchronize", synchronize, None),
            ("/s/interworks-eu/api/Accounts/Synchronize", synchronize, Some("interworks-eu")),
            ("/S/interworks-eu/Accounts/Synchronize", synchronize, Some("interworks-eu")),
            ("/s/a%20b/Accounts/Synchronize", synchronize, Some("a b")),
            ("/s/Accounts/Synchronize", synchronize, None),
            ("/api/%41ccounts/Synchronize", synchronize, None),
            ("/x/subscriptions/UPGRADETOPAID", Some(Target::Call(Endpoint::Service(Verb::UpgradeToPaid))), None),
            ("/x/AddONs/create", Some(Target::Call(Endpoint::Service(Verb::CreateAddOns))), None),
            ("/API/Addon/Create", Some(Target::Call(Endpoint::Service(Verb::CreateAddOns))), None),
            ("/API/Subscription/Create", None, None),
            ("/api/Discovery", Some(Target::Describe(Description::Discovery)), None),
            ("/discovery", Some(Target::Describe(Description::Discovery)), None),
            ("/api/Fields/Get", Some(Target::Describe(Description::Fields)), None),
            ("/", None, None),
            ("", None, None),
            ("/api/Synchronize", None, None),
            ("/api/Accounts/Synchronize/x", None, None),
            ("/api/Accounts%2fSynchronize", None, None),
            ("/api/Accounts/%2e%2e/Accounts/Synchronize", None, None),
            ("/api/../Accounts/Synchronize", None, None),
            ("/api/./Accounts/Synchronize", None, None),
            ("/api%5c/Accounts/Synchronize", None, None),
            ("/api/%zz/Accounts/Synchronize", None, None),
            ("/api/%ff/Accounts/Synchronize", None, None),
            ("/v1/Accounts/Synchronize", None, None),
            ("//V1/Accounts/Synchronize", None, None),
            ("/%761/Accounts/Synchronize", None, None),
            ("/console/Accounts/Synchronize", None, None),
            ("/CortexApi/Accounts/Synchronize", None, None),
            ("/metrics/Accounts/Synchronize", None, None),
        ] {
            let found = find(path);
            assert_eq!(found.as_ref().map(|found| found.target), target, "{path}");
            assert_eq!(found.and_then(|found| found.source).as_deref(), source, "{path}");
        }
    }

    #[test]
    fn the_prefix_is_what_came() {
        let prefix = |path: &str| find(path).map(|found| found.prefix);
        assert_eq!(prefix("/s/a%20b/api/Discovery").as_deref(), Some("/s/a%20b/api"));
        assert_eq!(prefix("/Discovery").as_deref(), Some(""));
    }
}
