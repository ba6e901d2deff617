//! Countries, by the codes of ISO 3166-1.

use super::Complaint;

/// Two letters, three letters and the English name of each, a line each, in the order of the two letters. The names are
/// those of the time zone database's `iso3166.tab`, which is in the public domain.
const TABLE: &str = include_str!("countries.txt");

/// A country.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// Its code of two letters, such as `GR`.
    pub code: &'static str,
    /// Its name in English.
    pub name: &'static str,
}

impl Country {
    /// Reads a code of two or three letters, in any case.
    ///
    /// # Errors
    /// [`Complaint`].
    pub fn read(text: &str) -> Result<Self, Complaint> {
        let asked = text.trim().to_ascii_uppercase();
        let rows = TABLE.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ' ');
            Some((parts.next()?, parts.next()?, parts.next()?))
        });
        let mut found = rows.filter(|(two, three, _)| *two == asked || *three == asked);
        match found.next() {
            Some((code, _, name)) => Ok(Self { code, name }),
            None => Err("is no country code of ISO 3166-1, such as GR or GRC".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_two_and_three_letters() {
        let greece = Country { code: "GR", name: "Greece" };
        for text in ["GR", "gr", " GRC ", "grc"] {
            assert_eq!(Country::read(text), Ok(greece));
        }
        for bad in ["", "G", "XX", "ZZZ", "Greece", "30", "GREE", "UK", "EU"] {
            assert!(Country::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_table_is_whole() {
        let mut codes: Vec<&str> = TABLE.lines().flat_map(|line| line.split(' ').take(2)).collect();
        assert_eq!(codes.len(), 2 * 249);
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), 2 * 249, "a code stands twice");
        assert!(codes.iter().all(|code| matches!(code.len(), 2 | 3) && code.bytes().all(|b| b.is_ascii_uppercase())));
    }
}
