//! Keeps us from being sent into networks of our own by a name. The addresses that are judged are those that are
//! connected to: a name that is looked up again may give others.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::domain::address::is_public;

/// A name has addresses, but none that is public.
#[derive(Debug, Clone, Copy)]
pub struct NotPublic;

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "its name has no public address; say allow_private = true if it is meant to be in a network of your own",
        )
    }
}

impl Error for NotPublic {}

/// Looks names up and leaves out what is not public.
#[derive(Debug)]
pub struct Guard {
    names: Box<dyn Resolver>,
}

impl Guard {
    /// With the system's way of looking names up.
    #[must_use]
    pub fn new() -> Self {
        Self { names: Box::new(DefaultResolver::default()) }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl Resolver for Guard {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.names.resolve(uri, config, timeout)?;
        let mut public = self.empty();
        for address in found.iter().filter(|address: &&SocketAddr| is_public(address.ip())) {
            public.push(*address);
        }
        if public.is_empty() { Err(ureq::Error::Other(Box::new(NotPublic))) } else { Ok(public) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name server that says what it is told to.
    #[derive(Debug)]
    struct Names(Vec<SocketAddr>);

    impl Resolver for Names {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut found = self.empty();
            self.0.iter().for_each(|address| found.push(*address));
            Ok(found)
        }
    }

    fn resolved(addresses: &[&str]) -> Result<Vec<String>, ureq::Error> {
        let addresses = addresses.iter().filter_map(|text| text.parse().ok()).collect();
        let guard = Guard { names: Box::new(Names(addresses)) };
        let uri = Uri::from_static("https://crm.example/");
        let found = guard.resolve(&uri, &Config::default(), NextTimeout::default())?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn only_public_addresses_are_connected_to() {
        let mixed = resolved(&["10.0.0.1:443", "1.1.1.1:443", "[::ffff:127.0.0.1]:443", "[2606:4700::1]:443"]);
        assert_eq!(mixed.ok(), Some(vec!["1.1.1.1:443".to_owned(), "[2606:4700::1]:443".to_owned()]));
        for private in [&["127.0.0.1:443"][..], &["[fd00::1]:443", "169.254.169.254:443"], &["[::ffff:8.8.8.8]:443"]] {
            let refused = resolved(private).err();
            assert!(matches!(&refused, Some(ureq::Error::Other(why)) if why.is::<NotPublic>()), "{refused:?}");
        }
    }
}
