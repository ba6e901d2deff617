//! A list as JSON objects.

use std::io::BufReader;

use super::{BookError, Cells, Field, Input, MAX_COLUMNS, Reading, Row};
use crate::wire::json::{self, Node, Value};
use crate::wire::objects::Objects;
use crate::wire::{account, json::JsonError};

/// See the module.
pub(super) struct JsonRows {
    objects: Objects<BufReader<Input>>,
    buffer: Vec<u8>,
    reading: Reading,
    ended: bool,
}

/// Opens a list.
pub(super) fn open(input: Input, reading: Reading) -> JsonRows {
    JsonRows { objects: Objects::new(BufReader::new(input), 1), buffer: Vec::new(), reading, ended: false }
}

impl JsonRows {
    pub(super) fn next(&mut self) -> Option<Result<Row, BookError>> {
        if self.ended {
            return None;
        }
        match self.objects.next(&mut self.buffer) {
            Ok(Some(line)) => Some(Ok(self.row(line, &self.buffer))),
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

    fn row(&self, line: u64, bytes: &[u8]) -> Row {
        let mut cells = Cells::default();
        let read = match json::parse(bytes) {
            Ok(root) => self.fill(&root, &mut cells),
            Err(JsonError::NotJson) => Err("the object is no JSON in UTF-8".to_owned()),
            Err(JsonError::Refused(why)) => Err(why.to_owned()),
        };
        let mut row = cells.row(line);
        if let Err(why) = read {
            row.account = Err(why);
        }
        row
    }

    fn fill(&self, root: &Node<'_>, cells: &mut Cells) -> Result<(), String> {
        let members = root.members().unwrap_or_default();
        if members.len() > MAX_COLUMNS {
            return Err(format!("the object has more than {MAX_COLUMNS} keys"));
        }
        let fields = self.reading.fields(members.iter().map(|(name, _)| name.as_ref()));
        for ((name, node), field) in members.iter().zip(fields) {
            let Some(field) = field else { continue };
            match (&field, &node.value) {
                (Field::Options, _) => {
                    let read = account::options(Some(node), &|id| self.reading.is_secret(id));
                    for (id, value) in read.map_err(|refusal| refusal.message)?.unwrap_or_default().iter() {
                        cells.options.insert(id.clone(), value.clone());
                    }
                }
                // As `accounts list --format json` writes it.
                (Field::Reseller, Value::Object(_)) => {
                    for (part, of) in [("platform_id", Field::Reseller), ("since", Field::Since)] {
                        self.set(cells, &of, part, node.get(part))?;
                    }
                }
                (Field::Option(id), _) => {
                    if let Some(text) = account::text_of(Some(node), name).map_err(|refusal| refusal.message)? {
                        cells.options.insert(id.clone(), self.reading.option(id, &text));
                    }
                }
                _ => self.set(cells, &field, name, Some(node))?,
            }
        }
        Ok(())
    }

    fn set(&self, cells: &mut Cells, field: &Field, name: &str, node: Option<&Node<'_>>) -> Result<(), String> {
        if let Some(text) = account::text_of(node, name).map_err(|refusal| refusal.message)? {
            cells.set(field, &text);
        }
        Ok(())
    }
}
