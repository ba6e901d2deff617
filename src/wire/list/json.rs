//! A list as JSON objects. A dot in a name goes into an object within the object.

use std::borrow::Cow;

use super::cells::{self, Column};
use super::decode::Decoded;
use super::{ListError, Reading, Row};
use crate::domain::decimal::decimal_text;
use crate::wire::json::{JsonError, Node, Value, parse};
use crate::wire::objects::Objects;

pub(super) struct JsonRows {
    objects: Objects<Decoded>,
    reading: Reading,
    buffer: Vec<u8>,
    /// The line of the first object, which was read to find the columns.
    first: Option<u64>,
    columns: Vec<Column>,
    ended: bool,
}

/// Opens the list and finds its columns in its first object.
pub(super) fn open(input: Decoded, reading: Reading) -> Result<(JsonRows, Vec<Column>), ListError> {
    let line = input.line_at;
    let mut objects = Objects::new(input, line);
    let mut buffer = Vec::new();
    let first = objects.next(&mut buffer)?;
    let mut columns = Vec::new();
    if let Some(line) = first
        && let Ok(node) = parse(&buffer)
    {
        let texts = texts(&node, &reading);
        columns = Column::ALL.into_iter().filter(|column| !matches!(texts.get(*column), Text::Absent)).collect();
        let key = Column::of_key(reading.key);
        if !columns.contains(&key) {
            return Err(ListError::Usage(format!(
                "line {line}: the first object has no {}; say which field it is with --map {}=…",
                reading.names(key).join(" or "),
                key.as_str()
            )));
        }
        if let Some((column, name)) = reading.map.iter().find(|(column, _)| !columns.contains(column)) {
            return Err(ListError::Usage(format!(
                "line {line}: the first object has no \"{name}\", which --map gives for {}",
                column.as_str()
            )));
        }
    }
    Ok((JsonRows { objects, reading, buffer, first, columns: columns.clone(), ended: false }, columns))
}

/// What a field says.
enum Text<'a> {
    Absent,
    Is(Cow<'a, str>),
    Wrong,
}

struct Texts<'a>(Vec<Text<'a>>);

impl<'a> Texts<'a> {
    fn get(&self, column: Column) -> &Text<'a> {
        self.0.get(column as usize).unwrap_or(&Text::Absent)
    }
}

fn texts<'a>(node: &Node<'a>, reading: &Reading) -> Texts<'a> {
    Texts(Column::ALL.into_iter().map(|column| text(node, reading, column)).collect())
}

fn text<'a>(node: &Node<'a>, reading: &Reading, column: Column) -> Text<'a> {
    for name in reading.names(column) {
        match field(node, name) {
            Text::Absent => {}
            found => return found,
        }
    }
    Text::Absent
}

/// A field by its name, or by a path of names if no field has the whole one. What is within null says nothing.
fn field<'a>(node: &Node<'a>, name: &str) -> Text<'a> {
    if let Some(found) = node.get(name) {
        return scalar(found);
    }
    let Some((outer, inner)) = name.split_once('.') else { return Text::Absent };
    match node.get(outer) {
        None => Text::Absent,
        Some(Node { value: Value::Null, .. }) => Text::Is(Cow::Borrowed("")),
        Some(within) => field(within, inner),
    }
}

fn scalar<'a>(node: &Node<'a>) -> Text<'a> {
    match &node.value {
        Value::Null => Text::Is(Cow::Borrowed("")),
        Value::Text(text) => Text::Is(text.clone()),
        Value::Number(number) => decimal_text(number).map_or(Text::Wrong, |text| Text::Is(Cow::Owned(text))),
        Value::Bool(_) | Value::List(_) | Value::Object(_) => Text::Wrong,
    }
}

impl JsonRows {
    pub(super) fn next(&mut self) -> Option<Result<Row, ListError>> {
        if self.ended {
            return None;
        }
        let line = match self.first.take() {
            Some(line) => Ok(Some(line)),
            None => self.objects.next(&mut self.buffer),
        };
        match line {
            Ok(Some(line)) => Some(Ok(self.read(line))),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error.into()))
            }
        }
    }

    fn read(&self, line: u64) -> Row {
        let spoiled = |why: String| Row::Spoiled { line, why, account: None };
        let node = match parse(&self.buffer) {
            Ok(node) => node,
            Err(JsonError::NotJson) => return spoiled("is no JSON".to_owned()),
            Err(JsonError::Refused(why)) => return spoiled(why.to_owned()),
        };
        let texts = texts(&node, &self.reading);
        if let Some(scope) = [Column::Source, Column::Tenant]
            .into_iter()
            .find(|column| self.columns.contains(column) && matches!(texts.get(*column), Text::Absent))
        {
            return spoiled(format!("has no {}, which the first object has", scope.as_str()));
        }
        let wrong = Column::ALL.into_iter().find(|column| matches!(texts.get(*column), Text::Wrong));
        let row = cells::read(line, &self.reading, &|column| match texts.get(column) {
            Text::Is(text) => Some(text.as_ref()),
            Text::Absent | Text::Wrong => None,
        });
        let Some(wrong) = wrong else { return row };
        let why = format!("{} is neither a text nor a number", wrong.as_str());
        match row {
            Row::Account(account) | Row::Spoiled { account: Some(account), .. } => {
                Row::Spoiled { line, why, account: Some(crate::domain::reconcile::Theirs { spoiled: true, ..account }) }
            }
            Row::Spoiled { account: None, .. } => spoiled(why),
        }
    }
}
