//! What a source sends: which names, and which values of a few of them. Only what is counted, not how.

/// Stands for everything beyond a bound.
pub const OTHERS: &str = "(others)";

/// What stands before the id of an option in the path of its values.
pub const OPTIONS: &str = "SyncOptions.";

/// Longest name that is listed, in characters; longer ones are cut. Raising it lets whoever may call fill more of the
/// database.
pub const MAX_NAME_CHARS: usize = 128;

/// Longest value that is listed, in characters. What is longer is a text for people, and no word of a protocol.
pub const MAX_VALUE_CHARS: usize = 64;

/// Most names and values listed of one source by one receiver, as above.
pub const MAX_NAMES: usize = 2_000;

/// Most values listed of one field or option: what has more is no list of words.
pub const MAX_VALUES: usize = 50;

/// What a row of the list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ShapeKind {
    /// A field, by its path.
    Field,
    /// A synchronization option, by its id.
    Option,
    /// A value of a field or option.
    Value,
}

impl ShapeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Field, Self::Option, Self::Value];

    /// The name in database and lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Option => "option",
            Self::Value => "value",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What is counted: a name, or a value under a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShapeKey {
    /// The source.
    pub source: String,
    /// What it is.
    pub kind: ShapeKind,
    /// A field's path, an option's id; of a value the path of what has it.
    pub name: String,
    /// The value; empty where this is about a name.
    pub value: String,
}

/// How often and when something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// First, in microseconds since 1970.
    pub first: i64,
    /// Last, in microseconds since 1970.
    pub last: i64,
    /// How often.
    pub times: i64,
    /// Whether protocol or configuration describe it.
    pub known: bool,
}

impl Seen {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            times: self.times.saturating_add(other.times),
            known: self.known || other.known,
        }
    }
}
