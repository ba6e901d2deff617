//! What one source is known to send, with a counter for each.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Fresh;
use crate::domain::redaction::REDACTED;
use crate::domain::shape::{
    MAX_NAME_CHARS, MAX_NAMES, MAX_VALUE_CHARS, MAX_VALUES, OPTIONS, OTHERS, Seen, ShapeKey, ShapeKind,
};
use crate::wire::json::Node;
use crate::wire::shape::{Part, Within, values, walk};

/// How often something was seen since it was last written.
pub(super) struct Tally {
    first: i64,
    last: AtomicI64,
    times: AtomicI64,
}

impl Tally {
    fn since(first: i64) -> Self {
        Self { first, last: AtomicI64::new(first), times: AtomicI64::new(0) }
    }

    fn hit(&self, at: i64) {
        self.last.store(at, Ordering::Relaxed);
        self.times.fetch_add(1, Ordering::Relaxed);
    }

    fn waits(&self) -> bool {
        self.times.load(Ordering::Relaxed) > 0
    }

    /// What was counted since the last time, if anything was.
    pub(super) fn take(&self) -> Option<Seen> {
        let times = self.times.swap(0, Ordering::Relaxed);
        let last = self.last.load(Ordering::Relaxed);
        (times > 0).then_some(Seen { first: self.first.min(last), last, times, known: false })
    }
}

/// A tally of what is beyond a bound. When it began is not known before it is hit.
impl Default for Tally {
    fn default() -> Self {
        Self::since(i64::MAX)
    }
}

#[derive(Default)]
struct Values {
    listed: HashMap<Box<str>, Tally>,
    others: Tally,
}

struct Sent {
    tally: Tally,
    secret: bool,
    values: Values,
}

/// What one source is known to send.
#[derive(Default)]
pub(super) struct Known {
    /// How much of it counts for [`MAX_NAMES`].
    names: usize,
    fields: [HashMap<Box<str>, Tally>; Within::ALL.len()],
    options: HashMap<Box<str>, Sent>,
    roles: Values,
    other_fields: Tally,
    other_options: Tally,
}

/// Something that is not listed yet.
pub(super) enum New<'n, 'a> {
    Field(Within, &'n str),
    Option(&'n str, &'n Node<'a>),
    Role(&'n str),
    Value(&'n str, &'n str),
}

/// A name as it is listed.
fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= MAX_NAME_CHARS || name.chars().count() <= MAX_NAME_CHARS {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.chars().take(MAX_NAME_CHARS - 1).chain(['…']).collect())
}

/// Whether a value may be listed: it is short, and no mail address, which would be somebody's.
fn listable(value: &str) -> bool {
    (value.len() <= MAX_VALUE_CHARS || value.chars().count() <= MAX_VALUE_CHARS) && !value.contains('@')
}

impl Values {
    /// Counts a value if it is listed or never will be; else it is new.
    fn count(&self, value: &str, at: i64, full: bool) -> bool {
        match self.listed.get(value) {
            _ if value == REDACTED => true,
            Some(tally) => {
                tally.hit(at);
                true
            }
            None if full || self.listed.len() >= MAX_VALUES || !listable(value) => {
                self.others.hit(at);
                true
            }
            None => false,
        }
    }

    /// As [`Values::count`], and lists what is new. Says whether it was.
    fn list(&mut self, value: &str, at: i64, full: bool) -> bool {
        if self.count(value, at, full) {
            return false;
        }
        self.listed.entry(value.into()).or_insert_with(|| Tally::since(at)).hit(at);
        true
    }
}

impl Known {
    fn is_full(&self) -> bool {
        self.names >= MAX_NAMES
    }

    /// Counts what is listed and gives what is not.
    pub(super) fn count<'n, 'a>(&self, root: &'n Node<'a>, at: i64) -> Vec<New<'n, 'a>> {
        let mut new = Vec::new();
        let full = self.is_full();
        walk(root, &mut |part| match part {
            Part::Field(within, name) => {
                match self.fields.get(within as usize).and_then(|fields| fields.get(&*bounded(name))) {
                    Some(tally) => tally.hit(at),
                    None if full => self.other_fields.hit(at),
                    None => new.push(New::Field(within, name)),
                }
            }
            Part::Role(node) => values(node, &mut |value| {
                if !self.roles.count(value, at, full) {
                    new.push(New::Role(value));
                }
            }),
            Part::Option(id, node) => match self.options.get(&*bounded(id)) {
                Some(sent) => {
                    sent.tally.hit(at);
                    if !sent.secret {
                        values(node, &mut |value| {
                            if !sent.values.count(value, at, full) {
                                new.push(New::Value(id, value));
                            }
                        });
                    }
                }
                None if full => self.other_options.hit(at),
                None => new.push(New::Option(id, node)),
            },
        });
        new
    }

    /// Counts and lists something that was new a moment ago, unless another call listed it meanwhile.
    /// Says whether it is a name that was not listed.
    pub(super) fn list(
        &mut self,
        new: &New<'_, '_>,
        at: i64,
        is_secret: &dyn Fn(&str) -> bool,
        fresh: &mut Fresh,
    ) -> bool {
        let full = self.is_full();
        let (mut fields, mut options, mut listed_values) = (0, 0, 0);
        match new {
            New::Field(within, name) => {
                let name = bounded(name);
                match self.fields.get_mut(*within as usize) {
                    Some(fields) if fields.contains_key(&*name) => {
                        fields.get(&*name).into_iter().for_each(|t| t.hit(at))
                    }
                    Some(known) if !full => {
                        known.entry(name.into()).or_insert_with(|| Tally::since(at)).hit(at);
                        fields = 1;
                    }
                    _ => self.other_fields.hit(at),
                }
            }
            New::Option(id, node) => {
                let name = bounded(id);
                if full && !self.options.contains_key(&*name) {
                    self.other_options.hit(at);
                } else {
                    options = u64::from(!self.options.contains_key(&*name));
                    let sent = self.options.entry(name.into()).or_insert_with(|| Sent::since(at, is_secret(id.trim())));
                    sent.tally.hit(at);
                    if !sent.secret {
                        values(node, &mut |value| listed_values += u64::from(sent.values.list(value, at, full)));
                    }
                }
            }
            New::Role(value) => listed_values = u64::from(self.roles.list(value, at, full)),
            New::Value(id, value) => {
                if let Some(sent) = self.options.get_mut(&*bounded(id)) {
                    listed_values = u64::from(sent.values.list(value, at, full));
                }
            }
        }
        self.names += usize::try_from(fields + options + listed_values).unwrap_or(0);
        fresh.fields += fields;
        fresh.options += options;
        fresh.values += listed_values;
        fields + options > 0
    }

    /// Takes over what is in the database.
    pub(super) fn load(&mut self, key: &ShapeKey, first: i64, is_secret: &dyn Fn(&str) -> bool) {
        if key.name == OTHERS || key.value == OTHERS {
            return;
        }
        let tally = Tally::since(first);
        let values = match key.kind {
            ShapeKind::Field => {
                let (within, name) = Within::of_path(&key.name);
                if let Some(fields) = self.fields.get_mut(within as usize) {
                    fields.insert(name.into(), tally);
                    self.names += 1;
                }
                return;
            }
            ShapeKind::Option => {
                let secret = is_secret(key.name.trim());
                self.options.insert((&*key.name).into(), Sent { tally, secret, values: Values::default() });
                self.names += 1;
                return;
            }
            ShapeKind::Value if key.name == "Role" => Some(&mut self.roles),
            // Options come before values.
            ShapeKind::Value => {
                let id = key.name.strip_prefix(OPTIONS).unwrap_or_default();
                self.options.get_mut(id).map(|sent| &mut sent.values)
            }
        };
        if let Some(values) = values {
            values.listed.insert((&*key.value).into(), tally);
            self.names += 1;
        }
    }
}

impl Known {
    /// Shows every tally that has counted something, with what it is about.
    pub(super) fn take(&self, tally: &mut dyn FnMut(ShapeKind, String, &str, &Tally)) {
        for (within, fields) in Within::ALL.into_iter().zip(&self.fields) {
            for (name, field) in fields.iter().filter(|(_, field)| field.waits()) {
                tally(ShapeKind::Field, format!("{}{name}", within.prefix()), "", field);
            }
        }
        tally(ShapeKind::Field, OTHERS.to_owned(), "", &self.other_fields);
        tally(ShapeKind::Option, OTHERS.to_owned(), "", &self.other_options);
        self.roles.take(&|| "Role".to_owned(), tally);
        for (id, sent) in self.options.iter().filter(|(_, sent)| sent.tally.waits()) {
            tally(ShapeKind::Option, id.to_string(), "", &sent.tally);
            sent.values.take(&|| format!("{OPTIONS}{id}"), tally);
        }
    }
}

impl Values {
    fn take(&self, name: &dyn Fn() -> String, tally: &mut dyn FnMut(ShapeKind, String, &str, &Tally)) {
        for (value, counted) in self.listed.iter().filter(|(_, counted)| counted.waits()) {
            tally(ShapeKind::Value, name(), value, counted);
        }
        tally(ShapeKind::Value, name(), OTHERS, &self.others);
    }
}

/// As the log tells it. Names come from outside: escapes keep them on their line.
impl fmt::Display for New<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(within, name) => write!(f, "field {:?}", format!("{}{}", within.prefix(), bounded(name))),
            Self::Option(id, _) => write!(f, "option {:?}", bounded(id)),
            Self::Role(_) | Self::Value(..) => f.write_str("a value"),
        }
    }
}

impl Sent {
    fn since(first: i64, secret: bool) -> Self {
        Self { tally: Tally::since(first), secret, values: Values::default() }
    }
}
