//! The map from tenants' names to their IDs: one JSON object, whose keys are each there once.
//!
//! Which names are several tenants' is known only when all were read. So they are read once, into a file, with a number of
//! eight bytes for each name in memory, and written from there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::list::TENANT_KINDS;
use super::{PAGE, ShowError, ids};
use crate::domain::ids::AccountId;
use crate::domain::msp::Bounds;
use crate::domain::operator::Visible;
use crate::store::AnyConnection;
use crate::store::seen::msp;
use crate::wire::extremecloud::text;

/// Bytes up to which what was read is kept in memory.
const IN_MEMORY: usize = 256 * 1024;

/// Pages are of this many names: they are short.
const NAMES: i64 = 4 * PAGE;

/// A tenant, as it is kept between being read and being written.
#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    code: String,
    id: String,
}

impl Line {
    /// The key of a name that is several tenants'.
    fn with_code(&self) -> Option<String> {
        (!self.name.is_empty() && !self.code.is_empty()).then(|| format!("{} ({})", self.name, self.code))
    }

    /// The key of a tenant that no other key can be told from.
    fn with_id(&self, known: &Numbers) -> String {
        let mut key = self.name.clone();
        if !key.is_empty() {
            key.push(' ');
        }
        key.push_str(&format!("({})", self.id));
        // Somebody may be called so.
        while known.count(&key) > 0 {
            key.push_str(&format!(" ({})", self.id));
        }
        key
    }
}

/// Two texts of one number are told apart by their IDs, which is only a longer key.
fn number(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The numbers of all names, and of all names with codes, in order.
struct Numbers(Vec<u64>);

impl Numbers {
    /// How often a text is among them.
    fn count(&self, text: &str) -> usize {
        let number = number(text);
        let begin = self.0.partition_point(|one| *one < number);
        self.0.get(begin..).unwrap_or_default().iter().take_while(|one| **one == number).count()
    }
}

/// Writes the map.
///
/// # Errors
/// [`ShowError`]; what was written then is no whole.
pub fn write(
    connection: &mut AnyConnection,
    see: &Visible,
    bounds: &Bounds,
    out: &mut dyn Write,
) -> Result<(), ShowError> {
    let (mut kept, mut numbers) = (BufWriter::new(SpooledTempFile::new(IN_MEMORY)), Vec::new());
    for kind in TENANT_KINDS {
        let mut after: Option<AccountId> = None;
        loop {
            let page = msp::names(connection, see, bounds, kind, after, NAMES)?;
            let Some(last) = page.last() else { break };
            after = Some(last.account.id);
            let accounts: Vec<_> = page.iter().map(|one| one.account.clone()).collect();
            for (called, id) in page.into_iter().zip(ids(connection, &accounts)?) {
                let line = Line { name: called.name, code: called.code, id };
                if !line.name.is_empty() {
                    numbers.push(number(&line.name));
                }
                numbers.extend(line.with_code().map(|key| number(&key)));
                serde_json::to_writer(&mut kept, &line).map_err(std::io::Error::from)?;
                kept.write_all(b"\n")?;
            }
        }
    }
    let mut kept = kept.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    kept.seek(SeekFrom::Start(0))?;
    numbers.sort_unstable();
    let numbers = Numbers(numbers);
    let is_own = |key: &String| numbers.count(key) == 1;
    out.write_all(b"{")?;
    for (at, line) in BufReader::new(kept).lines().enumerate() {
        let line: Line = serde_json::from_str(&line?).map_err(std::io::Error::from)?;
        let name = Some(line.name.clone()).filter(|name| !name.is_empty());
        let key =
            name.filter(is_own).or_else(|| line.with_code().filter(is_own)).unwrap_or_else(|| line.with_id(&numbers));
        if at > 0 {
            out.write_all(b",")?;
        }
        text(out, &key)?;
        out.write_all(b":")?;
        text(out, &line.id)?;
    }
    out.write_all(b"}")?;
    Ok(())
}
