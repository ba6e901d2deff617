//! Values of synchronization options, with their JSON type kept.

use std::collections::BTreeMap;

use super::redaction::REDACTED;

/// Most options of one account. Raising it lengthens the largest single write.
pub const MAX_OPTIONS: usize = 500;

/// Longest text of any field or value, in characters.
pub const MAX_TEXT_CHARS: usize = 4096;

/// One value.
#[derive(Debug, Clone)]
pub enum OptionValue {
    /// JSON text.
    Text(String),
    /// A JSON number, as its canonical decimal text.
    Number(String),
    /// JSON true or false.
    Bool(bool),
    /// A JSON list of the above.
    List(Vec<OptionValue>),
    /// A secret: what was said is at hand for judging it, and is stored as [`REDACTED`]; none where only the mark came.
    Secret(Option<SecretText>),
}

/// What a secret said, kept from `Debug`.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps what was said.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(REDACTED)
    }
}

impl PartialEq for OptionValue {
    /// Comparisons see the redacted form: any secret equals any other.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) | (Self::Number(a), Self::Number(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Secret(_), Self::Secret(_)) => true,
            _ => false,
        }
    }
}

impl OptionValue {
    /// The text of a value that has one: text, or a number's decimal text. Patterns and partner IDs see this.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text),
            Self::Secret(Some(secret)) => Some(&secret.0),
            Self::Bool(_) | Self::List(_) | Self::Secret(None) => None,
        }
    }

    /// Whether nothing was filled in: blank text or an empty list.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Text(text) => text.trim().is_empty(),
            Self::List(values) => values.is_empty(),
            Self::Secret(Some(secret)) => secret.0.trim().is_empty(),
            Self::Number(_) | Self::Bool(_) | Self::Secret(None) => false,
        }
    }

    /// Forgets what a secret said, once it has been judged.
    #[must_use]
    pub fn sealed(self) -> Self {
        match self {
            Self::Secret(_) => Self::Secret(None),
            other => other,
        }
    }
}

/// The whole set of an account's options, by option ID.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OptionSet(BTreeMap<String, OptionValue>);

impl OptionSet {
    /// Sets one option.
    pub fn insert(&mut self, id: String, value: OptionValue) {
        self.0.insert(id, value);
    }

    /// Takes one option away.
    pub fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    /// One option's value.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&OptionValue> {
        self.0.get(id)
    }

    /// All options, by ID.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &OptionValue)> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The set that a call leaves behind: what it submits is the whole set, but a bare redaction mark leaves the value
    /// that is there.
    #[must_use]
    pub fn replaced_by(&self, submitted: &Self) -> Self {
        let mut result = BTreeMap::new();
        for (id, value) in &submitted.0 {
            let kept = match (value, self.0.get(id)) {
                (OptionValue::Secret(None), Some(stored)) => stored.clone(),
                (value, _) => value.clone(),
            };
            result.insert(id.clone(), kept);
        }
        Self(result)
    }

    /// Forgets what secrets said.
    #[must_use]
    pub fn sealed(self) -> Self {
        Self(self.0.into_iter().map(|(id, value)| (id, value.sealed())).collect())
    }
}

impl FromIterator<(String, OptionValue)> for OptionSet {
    fn from_iter<I: IntoIterator<Item = (String, OptionValue)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(values: &[(&str, OptionValue)]) -> OptionSet {
        values.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_mark_leaves_the_value_that_is_there() {
        let text = OptionValue::Text("a".to_owned());
        let stored = set(&[("Key", text.clone()), ("Gone", text.clone())]);
        let submitted = set(&[("Key", OptionValue::Secret(None)), ("New", OptionValue::Secret(None))]);
        let result = stored.replaced_by(&submitted);
        assert_eq!(result, set(&[("Key", text), ("New", OptionValue::Secret(None))]));
    }

    #[test]
    fn secrets_are_all_alike_and_do_not_show() {
        let a = OptionValue::Secret(Some(SecretText::new("hunter2".to_owned())));
        assert_eq!(a, OptionValue::Secret(None));
        assert!(!format!("{a:?}").contains("hunter2"));
        assert!(!format!("{:?}", a.sealed()).contains("hunter2"));
    }

    #[test]
    fn types_are_kept_apart() {
        assert_ne!(OptionValue::Text("1".to_owned()), OptionValue::Number("1".to_owned()));
        assert_ne!(OptionValue::Bool(true), OptionValue::Text("true".to_owned()));
    }
}
