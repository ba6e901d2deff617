//! The settings that a partner enters at the platform (`Fields/Get`), and whether they are filled in well
//! (`Fields/Validate`).

use super::decimal::decimal_text;

/// What may be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A text that is never shown or stored.
    PasswordText,
    /// A decimal number.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl FieldKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Text, Self::PasswordText, Self::Number, Self::Boolean];

    /// The protocol's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::PasswordText => "PasswordText",
            Self::Number => "Number",
            Self::Boolean => "Boolean",
        }
    }

    /// Reads the protocol's name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One setting that is asked for.
#[derive(Debug, Clone)]
pub struct FieldDefinition {
    /// Its ID, also the end of its header `X-CloudPlatform-Setting-<ID>`.
    pub id: String,
    /// Shown to the partner.
    pub name: String,
    /// Shown to the partner.
    pub description: Option<String>,
    /// What may be entered.
    pub kind: FieldKind,
    /// Whether it must be.
    pub required: bool,
    /// Most characters.
    pub max_length: usize,
    /// Its place in the form.
    pub sort_order: i64,
}

impl FieldDefinition {
    /// Judges what was entered, none for nothing.
    ///
    /// # Errors
    /// A sentence for the partner that names the field and never the value.
    pub fn judge(&self, value: Option<&str>) -> Result<(), String> {
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        let Some(value) = value else {
            return if self.required { Err(format!("\"{}\" is required.", self.name)) } else { Ok(()) };
        };
        if value.chars().count() > self.max_length {
            return Err(format!("\"{}\" is longer than {} characters.", self.name, self.max_length));
        }
        let good = match self.kind {
            FieldKind::Text | FieldKind::PasswordText => true,
            FieldKind::Number => decimal_text(value).is_some(),
            FieldKind::Boolean => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        };
        match (good, self.kind) {
            (true, _) => Ok(()),
            (false, FieldKind::Number) => Err(format!("\"{}\" must be a number.", self.name)),
            (false, _) => Err(format!("\"{}\" must be true or false.", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        let field = |kind, required| FieldDefinition {
            id: "F".to_owned(),
            name: "Field".to_owned(),
            description: None,
            kind,
            required,
            max_length: 5,
            sort_order: 0,
        };
        for (kind, required, value, good) in [
            (FieldKind::Text, true, Some("abcde"), true),
            (FieldKind::Text, true, Some("abcdef"), false),
            (FieldKind::Text, true, Some("  "), false),
            (FieldKind::Text, true, None, false),
            (FieldKind::Text, false, None, true),
            (FieldKind::PasswordText, true, Some("x"), true),
            (FieldKind::Number, true, Some("-1.5"), true),
            (FieldKind::Number, true, Some("1,5"), false),
            (FieldKind::Boolean, true, Some("TRUE"), true),
            (FieldKind::Boolean, true, Some("1"), false),
        ] {
            assert_eq!(field(kind, required).judge(value).is_ok(), good, "{kind:?} {required} {value:?}");
        }
    }
}
