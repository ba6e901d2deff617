//! How a customer's pages look: title, colours and logo. Kept for whoever shows them; nothing here is shown by us.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

/// Largest logo, in bytes. It is held in memory with the act that brings it, and written with its commit, behind which
/// calls wait.
pub const MAX_LOGO_BYTES: usize = 256 * 1024;

/// Longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 100;

/// Which colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ColourOf {
    /// What stands out: bars, buttons.
    Primary,
    /// What stands beside that.
    Secondary,
    /// What is to be noticed.
    Accent,
    /// What everything stands on.
    Background,
    /// What is read.
    Text,
}

impl ColourOf {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Primary, Self::Secondary, Self::Accent, Self::Background, Self::Text];

    /// The name in database and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Accent => "accent",
            Self::Background => "background",
            Self::Text => "text",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|colour| colour.as_str() == name)
    }
}

/// A colour: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Reads `#rrggbb`, in any case; none for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix('#')?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self([red, green, blue]))
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// What kind of picture a logo is. No SVG: it may hold scripts, which would run in the pages that show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// `image/png`.
    Png,
    /// `image/jpeg`.
    Jpeg,
    /// `image/gif`.
    Gif,
    /// `image/webp`.
    Webp,
}

impl Media {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Png, Self::Jpeg, Self::Gif, Self::Webp];

    /// The media type.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// Reads the media type.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.as_str() == name)
    }

    /// What bytes are, by how they begin, whatever anybody says of them.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

/// A logo. Two of the same digest are the same.
#[derive(Debug, Clone)]
pub struct Logo {
    /// What kind of picture it is.
    pub media: Media,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// How many bytes it has.
    pub size: usize,
    /// The bytes, of one that is about to be written; none of one that is stored.
    pub bytes: Option<Arc<[u8]>>,
}

impl PartialEq for Logo {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for Logo {}

impl Logo {
    /// Takes a logo from outside. `said` is the media type that somebody gave it.
    ///
    /// # Errors
    /// Why it is not taken and what to do, a whole sentence.
    pub fn take(bytes: Vec<u8>, said: Option<&str>) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("The logo is empty. Send the picture itself as the body.".to_owned());
        }
        if bytes.len() > MAX_LOGO_BYTES {
            return Err(format!("The logo is larger than {} KiB. Send a smaller one.", MAX_LOGO_BYTES / 1024));
        }
        let Some(media) = Media::of(&bytes) else {
            return Err(
                "The logo is no PNG, JPEG, GIF or WebP, by its first bytes. Send one of those; SVG is not taken, \
                        since it may hold scripts."
                    .to_owned(),
            );
        };
        if let Some(said) = said.filter(|said| *said != media.as_str()) {
            let said: String = said.chars().filter(|c| !c.is_control()).take(64).collect();
            return Err(format!("The logo is sent as {said} and is {}. Send it as what it is.", media.as_str()));
        }
        let digest = Sha256::digest(&bytes).into();
        Ok(Self { media, digest, size: bytes.len(), bytes: Some(Arc::from(bytes)) })
    }
}

/// How one customer's pages look; the default where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Branding {
    /// The title; may be empty.
    pub title: String,
    /// The colours that are said.
    pub colours: BTreeMap<ColourOf, Colour>,
    /// The logo.
    pub logo: Option<Logo>,
}

/// What is done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrandingAct {
    /// Sets title and colours, exactly these. The logo stays.
    Set {
        /// The title.
        title: String,
        /// The colours.
        colours: BTreeMap<ColourOf, Colour>,
    },
    /// Sets some of it: the title and the logo, if they are said, and these colours.
    Change {
        /// The title.
        title: Option<String>,
        /// The colours.
        colours: BTreeMap<ColourOf, Colour>,
        /// Whether other colours are taken away.
        only: bool,
        /// The logo.
        logo: Option<Logo>,
    },
    /// Sets the logo.
    SetLogo(Logo),
    /// Takes the logo away.
    ClearLogo,
    /// Takes everything away.
    Clear,
}

impl Branding {
    /// As it is behind an act.
    #[must_use]
    pub fn behind(&self, act: &BrandingAct) -> Self {
        let now = self.clone();
        match act {
            BrandingAct::Set { title, colours } => Self { title: title.clone(), colours: colours.clone(), ..now },
            BrandingAct::Change { title, colours, only, logo } => {
                let mut all = if *only { BTreeMap::new() } else { now.colours };
                all.extend(colours);
                let title = title.clone().unwrap_or(now.title);
                Self { title, colours: all, logo: logo.clone().or(now.logo) }
            }
            BrandingAct::SetLogo(logo) => Self { logo: Some(logo.clone()), ..now },
            BrandingAct::ClearLogo => Self { logo: None, ..now },
            BrandingAct::Clear => Self::default(),
        }
    }
}

/// A title as it is kept: trimmed, at most [`MAX_TITLE_CHARS`] characters on one line.
///
/// # Errors
/// What is wrong with it, to go on behind the name of the field, without a full stop.
pub fn title(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.chars().count() > MAX_TITLE_CHARS {
        return Err(format!("is longer than {MAX_TITLE_CHARS} characters"));
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

    #[test]
    fn colours_are_read_and_written() {
        for (text, shown) in [("#FF8000", Some("#ff8000")), (" #000000 ", Some("#000000"))] {
            assert_eq!(Colour::parse(text).map(|colour| colour.to_string()).as_deref(), shown, "{text}");
        }
        for wrong in ["", "#", "red", "ff8000", "#ff800", "#ff80000", "#ff80g0", "#+f8000", "#ff800é"] {
            assert_eq!(Colour::parse(wrong), None, "{wrong}");
        }
        for colour in ColourOf::ALL {
            assert_eq!(ColourOf::parse(colour.as_str()), Some(colour));
        }
    }

    #[test]
    fn logos_are_what_their_bytes_say() {
        for (bytes, media) in [
            (PNG, Media::Png),
            (b"\xff\xd8\xff\xe0", Media::Jpeg),
            (b"GIF87a", Media::Gif),
            (b"GIF89a....", Media::Gif),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", Media::Webp),
        ] {
            assert_eq!(Logo::take(bytes.to_vec(), None).map(|logo| logo.media), Ok(media));
            assert_eq!(Media::parse(media.as_str()), Some(media));
        }
        for bytes in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"GIF88a", b"RIFF....WAVE", b"\x89PNG", b"x"] {
            assert!(Logo::take(bytes.to_vec(), None).is_err_and(|why| why.contains("SVG")));
        }
        assert!(Logo::take(Vec::new(), None).is_err_and(|why| why.contains("empty")));
        assert!(Logo::take(PNG.to_vec(), Some("image/gif")).is_err_and(|why| why.contains("image/png")));
        assert!(Logo::take(PNG.to_vec(), Some("image/png")).is_ok());
        let mut large = PNG.to_vec();
        large.resize(MAX_LOGO_BYTES, 0);
        assert!(Logo::take(large.clone(), None).is_ok());
        large.push(0);
        assert!(Logo::take(large, None).is_err_and(|why| why.contains("256 KiB")));
    }

    #[test]
    fn acts_leave_what_they_do_not_name() -> Result<(), String> {
        let logo = Logo::take(PNG.to_vec(), None)?;
        let white: BTreeMap<_, _> = Colour::parse("#ffffff").map(|white| (ColourOf::Text, white)).into_iter().collect();
        let now = Branding::default().behind(&BrandingAct::SetLogo(logo.clone()));
        let now = now.behind(&BrandingAct::Set { title: "Bakery".to_owned(), colours: white.clone() });
        assert_eq!(now, Branding { title: "Bakery".to_owned(), colours: white.clone(), logo: Some(logo) });
        let black: BTreeMap<_, _> =
            Colour::parse("#000000").map(|black| (ColourOf::Accent, black)).into_iter().collect();
        for (only, colours) in [(false, 2), (true, 1)] {
            let act = BrandingAct::Change { title: None, colours: black.clone(), only, logo: None };
            let changed = now.behind(&act);
            assert_eq!((changed.title.as_str(), changed.colours.len()), ("Bakery", colours));
            assert!(changed.logo.is_some());
        }
        assert_eq!(now.behind(&BrandingAct::ClearLogo), Branding { logo: None, ..now.clone() });
        assert_eq!(now.behind(&BrandingAct::Clear), Branding::default());
        assert!(title(&"x".repeat(100)).is_ok() && title(&"x".repeat(101)).is_err() && title("a\nb").is_err());
        Ok(())
    }
}
