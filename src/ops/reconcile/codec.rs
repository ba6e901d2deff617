//! Accounts of either side as bytes, for the temporary files of a sort. Nothing else ever reads these.

use super::book::Posting;
use super::fix::Correction;
use crate::domain::account::{AccountKind, AccountStatus, Hold, Report};
use crate::domain::call::Said;
use crate::domain::ids::{AccountId, AccountKey, DeliveryId, ExternalId, PlatformId, Scope, SourceId, Tenant};
use crate::domain::reconcile::{
    Amend, Change, Entry, Flap, Held, HeldPartner, Movement, Named, Other, Ours, Since, Theirs, Whom,
};
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

packed_words!(AccountKind, AccountStatus, Hold, RelationState, Cause, Change);

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

packed_fields!(Correction { account, amend });
packed_fields!(Entry { kind, reseller, external_id, name, code, email, partner });
packed_fields!(Posting { customer, name, external_id, movement });
packed_fields!(Movement { reseller, change, other, at });

impl<A: Packed, B: Packed> Packed for (A, B) {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
        self.1.pack(out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some((A::unpack(from)?, B::unpack(from)?))
    }
}

impl Packed for Named {
    fn pack(&self, out: &mut Vec<u8>) {
        matches!(self, Self::ExternalId(_)).pack(out);
        text(self.as_str(), out);
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(match bool::unpack(from)? {
            true => Self::ExternalId(ExternalId::unpack(from)?),
            false => Self::PlatformId(PlatformId::unpack(from)?),
        })
    }
}

impl Packed for Amend {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Import(entry) => {
                0_u8.pack(out);
                entry.pack(out);
            }
            Self::Assign(reseller) => {
                1_u8.pack(out);
                reseller.pack(out);
            }
            Self::SetKind(kind) => {
                2_u8.pack(out);
                kind.pack(out);
            }
            Self::SetPartner { option, value } => {
                3_u8.pack(out);
                option.pack(out);
                value.pack(out);
            }
            Self::SetName(name) => {
                4_u8.pack(out);
                name.pack(out);
            }
            Self::SetEmail(email) => {
                5_u8.pack(out);
                email.pack(out);
            }
            Self::Delete(kind) => {
                6_u8.pack(out);
                kind.pack(out);
            }
            Self::Revive => 7_u8.pack(out),
            Self::Release => 8_u8.pack(out),
        }
    }

    fn unpack(from: &mut &[u8]) -> Option<Self> {
        Some(match u8::unpack(from)? {
            0 => Self::Import(Box::new(Entry::unpack(from)?)),
            1 => Self::Assign(Packed::unpack(from)?),
            2 => Self::SetKind(Packed::unpack(from)?),
            3 => Self::SetPartner { option: Packed::unpack(from)?, value: Packed::unpack(from)? },
            4 => Self::SetName(Packed::unpack(from)?),
            5 => Self::SetEmail(Packed::unpack(from)?),
            6 => Self::Delete(Packed::unpack(from)?),
            7 => Self::Revive,
            8 => Self::Release,
            _ => return None,
        })
    }
}

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

    #[test]
    fn corrections_come_back_as_they_went() {
        let entry = Entry {
            kind: AccountKind::ResellerCustomer,
            reseller: Some(Named::ExternalId(ExternalId::stored("x"))),
            external_id: None,
            name: "n".to_owned(),
            code: String::new(),
            email: "e".to_owned(),
            partner: Some(("MPNID".to_owned(), "1".to_owned())),
        };
        for amend in [
            Amend::Import(Box::new(entry)),
            Amend::Assign(None),
            Amend::Assign(Some(Named::PlatformId(PlatformId::stored("1")))),
            Amend::SetKind(AccountKind::Reseller),
            Amend::SetPartner { option: "MPNID".to_owned(), value: None },
            Amend::SetName("n".to_owned()),
            Amend::SetEmail("e".to_owned()),
            Amend::Delete(AccountKind::DirectCustomer),
            Amend::Revive,
            Amend::Release,
        ] {
            let mut bytes = Vec::new();
            amend.pack(&mut bytes);
            assert_eq!(Amend::unpack(&mut &bytes[..]), Some(amend));
        }
    }
}
