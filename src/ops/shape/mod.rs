//! Counts what each source sends: names, and values where they may be told. What was never seen before is said once.
//!
//! A call costs a look-up and a counter for each of its names, without an allocation; what it counts waits in memory for
//! the task that writes it. Every list is bounded, so that whoever may call cannot fill memory or database.

mod known;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use crate::config::Config;
use crate::domain::classify::Role;
use crate::domain::definition::{OptionDefinition, OptionKind};
use crate::domain::shape::{MAX_NAMES, OPTIONS, OTHERS, Seen, ShapeKey, ShapeKind};
use crate::store::{AnyConnection, StoreError, shape};
use crate::wire::json::Node;
use crate::wire::shape::ShapeView;
use crate::writer::{SubmitError, Writer};
use known::Known;

/// Rows written in one transaction: about a millisecond of the writer's time.
const PIECE: usize = 100;

/// Rows read at once, and at most of one source: several receivers may each have listed [`MAX_NAMES`].
const PAGE: i64 = 1_000;
const MAX_LOADED: usize = 4 * MAX_NAMES;

/// Names that one line of the log tells.
const TOLD: usize = 10;

/// How much a call brought that its source never sent before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fresh {
    /// Fields.
    pub fields: u64,
    /// Options.
    pub options: u64,
    /// Values.
    pub values: u64,
}

/// What was counted and is not written yet.
pub type Unwritten = BTreeMap<ShapeKey, Seen>;

/// What the sources of a configuration are known to send.
pub struct Shapes {
    sources: Vec<(String, RwLock<Known>)>,
    options: Arc<[OptionDefinition]>,
}

impl Shapes {
    /// Loads what was seen before of the configured sources, so that "never seen before" outlives a restart.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn load(config: &Config, connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let is_secret = |id: &str| config.is_secret_option(id);
        let mut sources = Vec::with_capacity(config.sources.len());
        for source in &config.sources {
            let id = source.credentials.id.as_str();
            let (mut known, mut after, mut read) = (Known::default(), None, 0);
            while read < MAX_LOADED {
                let page = shape::list(connection, Some(id), None, after.as_ref(), PAGE)?;
                read += page.len();
                page.iter().for_each(|(key, seen)| known.load(key, seen.first, &is_secret));
                match page.into_iter().next_back() {
                    Some((last, _)) => after = Some(last),
                    None => break,
                }
            }
            sources.push((id.to_owned(), RwLock::new(known)));
        }
        Ok(Self { sources, options: config.sync_options.clone() })
    }

    /// Counts what a call of the source at this position consists of. New names are logged, values never are.
    pub fn observe(&self, source: usize, root: &Node<'_>, at: i64, is_secret: &dyn Fn(&str) -> bool) -> Fresh {
        let mut fresh = Fresh::default();
        let Some((source, known)) = self.sources.get(source) else { return fresh };
        // A poisoned lock costs counts, not calls.
        let new = known.read().map_or_else(|_| Vec::new(), |known| known.count(root, at));
        if new.is_empty() {
            return fresh;
        }
        let mut told = Vec::new();
        if let Ok(mut known) = known.write() {
            for new in &new {
                if known.list(new, at, is_secret, &mut fresh) && told.len() <= TOLD {
                    told.push(new.to_string());
                }
            }
        }
        if !told.is_empty() {
            let more = if told.len() > TOLD { " and more" } else { "" };
            told.truncate(TOLD);
            log::info!("source {source} sent for the first time: {}{more}", told.join(", "));
        }
        fresh
    }

    /// Moves what was counted to what is to be written.
    fn collect(&self, unwritten: &mut Unwritten) {
        for (source, known) in &self.sources {
            let Ok(known) = known.read() else { continue };
            known.take(&mut |kind, name, value, tally| {
                if let Some(seen) = tally.take() {
                    let known = self.is_described(kind, &name, value);
                    let key = ShapeKey { source: source.clone(), kind, name, value: value.to_owned() };
                    let seen = Seen { known, ..seen };
                    // Two spellings may be one key: a name with a dot is spelled like a path.
                    unwritten.entry(key).and_modify(|before| *before = before.and(seen)).or_insert(seen);
                }
            });
        }
    }

    /// Whether protocol or configuration describe an option or a value. Fields say so themselves.
    fn is_described(&self, kind: ShapeKind, name: &str, value: &str) -> bool {
        let defined = |id: &str| self.options.iter().find(|option| option.id == id.trim());
        match kind {
            ShapeKind::Field => crate::wire::shape::is_described(name),
            ShapeKind::Option => defined(name).is_some(),
            ShapeKind::Value if value == OTHERS => false,
            ShapeKind::Value if name == "Role" => matches!(Role::parse(Some(value)), Role::Reseller | Role::User),
            ShapeKind::Value => name.strip_prefix(OPTIONS).and_then(defined).is_some_and(|option| {
                option.kind == OptionKind::Boolean
                    || option.predefined_values.is_empty()
                    || option.predefined_values.iter().any(|predefined| predefined.id == value)
            }),
        }
    }

    /// Writes what was counted. What is not written stays in `unwritten` for the next time.
    ///
    /// # Errors
    /// [`SubmitError`] when the writer does not take it.
    pub fn write(&self, writer: &Writer, unwritten: &mut Unwritten) -> Result<(), SubmitError> {
        self.collect(unwritten);
        while !unwritten.is_empty() {
            let piece: Vec<(ShapeKey, Seen)> =
                unwritten.iter().take(PIECE).map(|(key, seen)| (key.clone(), *seen)).collect();
            let rows = piece.clone();
            writer.work_blocking(move |connection| shape::add(connection, &rows))?;
            for (key, _) in &piece {
                unwritten.remove(key);
            }
        }
        Ok(())
    }
}

/// A page of the list as shown, and the key behind which the next one begins, if there may be more.
///
/// # Errors
/// [`StoreError`] when the statement fails.
pub fn page(
    connection: &mut AnyConnection,
    source: Option<&str>,
    since: Option<i64>,
    after: Option<&ShapeKey>,
    limit: i64,
) -> Result<(Vec<ShapeView>, Option<ShapeKey>), StoreError> {
    let rows = shape::list(connection, source, since, after, limit)?;
    let items = rows.iter().map(|(key, seen)| ShapeView::new(key, seen)).collect();
    let full = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    Ok((items, rows.into_iter().next_back().map(|(key, _)| key).filter(|_| full)))
}
