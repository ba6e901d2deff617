//! Query parameters and cursors. Unknown parameters are refused: a misspelt filter would answer with everything.

use actix_web::HttpRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::form_urlencoded;

use super::problem::Problem;
use crate::domain::options::MAX_TEXT_CHARS;
use crate::wire::time::parse_time;

/// Rows of a page that is asked for without `limit`.
const DEFAULT_LIMIT: i64 = 50;

/// Most rows of a page.
const MAX_LIMIT: i64 = 500;

/// The query parameters of a call, each taken once.
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads the query.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for a parameter that comes twice, is too long or holds a control character.
    pub fn of(request: &HttpRequest) -> Result<Self, Problem> {
        Self::repeating(request, &[])
    }

    /// As [`Params::of`]; parameters of these names may come several times.
    ///
    /// # Errors
    /// As [`Params::of`].
    pub fn repeating(request: &HttpRequest, several: &[&str]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
            let (name, value) = (name.into_owned(), value.into_owned());
            if pairs.iter().any(|(known, _)| *known == name) && !several.contains(&name.as_str()) {
                return Err(bad(&name, "comes twice"));
            }
            if value.chars().count() > MAX_TEXT_CHARS || value.chars().any(char::is_control) {
                return Err(bad(&name, "is too long or holds a control character"));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// Takes a parameter as text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// Takes a parameter that may come several times, in the order in which it does.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        self.0.extract_if(.., |(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// Those that nobody took yet.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Takes a parameter that `parse` reads; `what` says what it must be.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] when it cannot be read.
    pub fn parsed<T>(
        &mut self,
        name: &str,
        what: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        parse(&text).map(Some).ok_or_else(|| bad(name, &format!("is not {what}")))
    }

    /// Takes a time: RFC 3339, or a day, which means its beginning in UTC. Microseconds since 1970.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for what is neither.
    pub fn time(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "a time such as 2026-11-21T10:00:00Z or a day such as 2026-11-21", parse_time)
    }

    /// Takes `true` or `false`.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for anything else.
    pub fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        Ok(self.parsed(name, "true or false", |text| text.parse::<bool>().ok())?.unwrap_or(false))
    }

    /// Takes `limit`.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for anything but 1 to 500.
    pub fn limit(&mut self) -> Result<i64, Problem> {
        let within = |text: &str| text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        Ok(self.parsed("limit", "a number from 1 to 500", within)?.unwrap_or(DEFAULT_LIMIT))
    }

    /// Takes `after`, a cursor of `list` with `N` numbers.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] for what was not handed out as `next` by that list.
    pub fn after<const N: usize>(&mut self, list: &str) -> Result<Option<[i64; N]>, Problem> {
        self.parsed("after", "the `next` of a page of this list", |text| read_cursor(list, text))
    }

    /// Takes `after`, a cursor of `list` with a text.
    ///
    /// # Errors
    /// As [`Params::after`].
    pub fn after_text(&mut self, list: &str) -> Result<Option<String>, Problem> {
        self.parsed("after", "the `next` of a page of this list", |text| read_text_cursor(list, text))
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// [`Problem::BadRequest`] naming a parameter that nobody took.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(bad(name, "is not known here; see /docs")),
        }
    }
}

fn bad(name: &str, why: &str) -> Problem {
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Problem::BadRequest(format!("The query parameter `{name}` {why}."))
}

/// A cursor: the list that it belongs to and the place in that list's order, not meant to be read by others.
#[must_use]
pub fn cursor<const N: usize>(list: &str, key: [i64; N]) -> String {
    let numbers: Vec<String> = key.iter().map(ToString::to_string).collect();
    URL_SAFE_NO_PAD.encode(format!("{list}:{}", numbers.join(":")))
}

/// As [`cursor`], for lists in the order of a text.
#[must_use]
pub fn text_cursor(list: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}:{key}"))
}

fn read_text_cursor(list: &str, text: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    text.strip_prefix(list)?.strip_prefix(':').map(str::to_owned)
}

/// Reads a cursor of `list` with `N` numbers.
#[must_use]
pub fn read_cursor<const N: usize>(list: &str, text: &str) -> Option<[i64; N]> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let numbers = text.strip_prefix(list)?.strip_prefix(':')?;
    let numbers = numbers.split(':').map(|number| number.parse().ok()).collect::<Option<Vec<i64>>>()?;
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_fit_their_list_alone() {
        let cursor = cursor("accounts", [7, -1]);
        assert_eq!(read_cursor("accounts", &cursor), Some([7, -1]));
        assert_eq!(read_cursor::<1>("accounts", &cursor), None);
        assert_eq!(read_cursor::<2>("deliveries", &cursor), None);
        for wrong in ["", "7", "YWNjb3VudHM6Nw==", "ä"] {
            assert_eq!(read_cursor::<1>("accounts", wrong), None, "{wrong}");
        }
    }
}
