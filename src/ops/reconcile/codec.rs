//! Accounts of either side as bytes, for the temporary files of a sort. Nothing else ever reads these.

use crate::domain::account::{AccountKind, AccountStatus, Hold, Report};
use crate::domain::call::Said;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::reconcile::{Flap, Held, HeldPartner, Other, Ours, Since, Theirs, Whom};
use crate::domain::relation::{Cause, RelationState};

/// What becomes bytes and comes back from them.
pub trait Packed: Sized {
    /// Appends it.
    fn pack(&self, out: &mut Vec<u8>);
    /// Takes it off the front; none where no such thing stands there.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

fn take<'a>(from: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(taken)
}

impl Packed for u8 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        take(from, 1)?.first().copied()
    }
}

impl Packed for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(u8::unpack(from)? != 0)
    }
}

impl Packed for i64 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(take(from, 8)?.try_into().ok()?))
    }
}

impl Packed for u64 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(take(from, 8)?.try_into().ok()?))
    }
}

fn text(value: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
}

fn text_of<'a>(from: &mut &'a [u8]) -> Option<&'a str> {
    let length = u32::from_le_bytes(take(from, 4)?.try_into().ok()?);
    std::str::from_utf8(take(from, length as usize)?).ok()
}

impl Packed for String {
    fn pack(&self, out: &mut Vec<u8>) {
        text(self, out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        text_of(from).map(str::to_owned)
    }
}

macro_rules! packed_ids {
    ($($id:ident),*) => {
        $(impl Packed for $id {
            fn pack(&self, out: &mut Vec<u8>) {
                text(self.as_str(), out);
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                text_of(from).map($id::stored)
            }
        })*
    };
}

packed_ids!(SourceId, Tenant, PlatformId, ExternalId);

macro_rules! packed_words {
    ($($word:ident),*) => {
        $(impl Packed for $word {
            fn pack(&self, out: &mut Vec<u8>) {
                text(self.as_str(), out);
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                text_of(from).and_then($word::parse)
            }
        })*
    };
}

packed_words!(AccountKind, AccountStatus, Hold, RelationState, Cause);

macro_rules! packed_numbers {
    ($($number:ident),*) => {
        $(impl Packed for $number {
            fn pack(&self, out: &mut Vec<u8>) {
                self.0.pack(out);
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                i64::unpack(from).map($number)
            }
        })*
    };
}

packed_numbers!(AccountId, DeliveryId);

impl<T: Packed> Packed for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        if let Some(value) = self {
            value.pack(out);
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        if bool::unpack(from)? { T::unpack(from).map(Some) } else { Some(None) }
    }
}

impl<T: Packed> Packed for Said<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Absent => 0_u8.pack(out),
            Self::Nothing => 1_u8.pack(out),
            Self::Value(value) => {
                2_u8.pack(out);
                value.pack(out);
            }
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        match u8::unpack(from)? {
            0 => Some(Self::Absent),
            1 => Some(Self::Nothing),
            2 => T::unpack(from).map(Self::Value),
            _ => None,
        }
    }
}

macro_rules! packed_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl Packed for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                $(self.$field.pack(out);)*
            }

            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: Packed::unpack(from)?),* })
            }
        }
    };
}

packed_fields!(Scope { source, tenant });
packed_fields!(AccountKey { scope, platform_id });
packed_fields!(Since { at, delivery });
packed_fields!(Report { kind, reseller });
packed_fields!(Other { id, key, external_id, kind, active });
packed_fields!(Held { platform_id, external_id, other, state, cause, since });
packed_fields!(HeldPartner { id, reseller, since });
packed_fields!(Whom { account, platform_id, external_id });
packed_fields!(Flap { home, away, back });
packed_fields!(Ours {
    id,
    key,
    external_id,
    kind,
    status,
    name,
    code,
    email,
    reported,
    reported_external_id,
    hold,
    first_seen,
    shown,
    noticed,
    reseller,
    partner,
    left,
    flap,
    earlier,
});
packed_fields!(Theirs {
    line,
    source,
    tenant,
    platform_id,
    external_id,
    code,
    name,
    email,
    kind,
    reseller,
    reseller_external_id,
    partner,
    deleted,
    spoiled,
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_went() {
        let key = AccountKey {
            scope: Scope { source: SourceId::stored("eu"), tenant: Tenant::stored("t") },
            platform_id: PlatformId::stored("Αθήνα"),
        };
        let external_id = ExternalId::stored("x");
        let since = Since { at: Some(-7), delivery: Some(DeliveryId(9)) };
        let other = Other {
            id: AccountId(4),
            key: key.clone(),
            external_id: external_id.clone(),
            kind: AccountKind::Reseller,
            active: true,
        };
        let held = Held {
            platform_id: Some(PlatformId::stored("r")),
            external_id: None,
            other: Some(other.clone()),
            state: RelationState::Pending,
            cause: Cause::Move,
            since,
        };
        let ours = Ours {
            id: AccountId(3),
            key: key.clone(),
            external_id: external_id.clone(),
            kind: AccountKind::ResellerCustomer,
            status: AccountStatus::Deleted,
            name: "n".to_owned(),
            code: String::new(),
            email: "e".to_owned(),
            reported: Some(Report { kind: AccountKind::DirectCustomer, reseller: None }),
            reported_external_id: Some(external_id.clone()),
            hold: Some(Hold::Review),
            first_seen: i64::MAX,
            shown: since,
            noticed: Since::default(),
            reseller: Some(held),
            partner: Some(HeldPartner { id: "p".to_owned(), reseller: Some(other), since }),
            left: since,
            flap: Some(Flap { home: "a".to_owned(), away: "b".to_owned(), back: since }),
            earlier: Some(Whom {
                account: Some(AccountId(5)),
                platform_id: "r".to_owned(),
                external_id: String::new(),
            }),
        };
        let theirs = Theirs {
            source: Some(key.scope.source.clone()),
            tenant: Some(Tenant::none()),
            platform_id: Some(key.platform_id),
            external_id: Some(external_id),
            code: Said::Nothing,
            name: Said::Value("n".to_owned()),
            kind: Some(AccountKind::Reseller),
            reseller: Said::Value(PlatformId::stored("r")),
            deleted: true,
            spoiled: true,
            ..Theirs::at(12)
        };
        let mut bytes = Vec::new();
        ours.pack(&mut bytes);
        theirs.pack(&mut bytes);
        let mut rest = &bytes[..];
        assert_eq!((Ours::unpack(&mut rest), Theirs::unpack(&mut rest)), (Some(ours), Some(theirs)));
        assert_eq!(rest, b"");
        assert_eq!(Ours::unpack(&mut &bytes[..20]), None);
    }
}
