//! Whom a connection is to.

use hyper::Uri;
use hyper::header::HeaderValue;
use hyper::http::uri::Authority;
use std::net::Ipv6Addr;
use tokio_rustls::rustls::pki_types::ServerName;

/// Scheme, host and port: connections to the same ones may be shared. There is one for each, however its host is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) is_secure: bool,
    /// In small letters; an IPv6 address without its brackets, and in its shortest form.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is fetched, taken apart.
pub(super) struct Target {
    pub(super) origin: Origin,
    /// Path and query, as the request says them.
    pub(super) path: Uri,
    /// As the request says it: with the port, if that is not the usual one.
    pub(super) host: HeaderValue,
}

impl Target {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let (is_secure, usual) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err("it begins with neither http:// nor https://".to_owned()),
        };
        let authority = uri.authority().ok_or("it has no host")?;
        if authority.as_str().contains('@') {
            return Err("names and passwords are not sent".to_owned());
        }
        let host = host(authority);
        if is_secure {
            ServerName::try_from(host.as_str()).map_err(|error| format!("{error}"))?;
        }
        let port = port(authority)?.unwrap_or(usual);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = path.parse().map_err(|error| format!("{error}"))?;
        let said = HeaderValue::from_str(authority.as_str()).map_err(|error| format!("{error}"))?;
        Ok(Target { origin: Origin { is_secure, host, port }, path, host: said })
    }
}

/// The host in the form that is the same for all of its spellings (RFC 3986, 3.2.2 and 6.2.2.1; RFC 5952 for addresses).
fn host(authority: &Authority) -> String {
    let written = authority.host().trim_start_matches('[').trim_end_matches(']');
    match written.parse::<Ipv6Addr>() {
        Ok(address) => address.to_string(),
        Err(_) => written.to_ascii_lowercase(),
    }
}

/// What stands behind the host: `Uri` takes a number that is no port for none at all.
fn port(authority: &Authority) -> Result<Option<u16>, String> {
    let behind = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    match behind.strip_prefix(':') {
        None | Some("") => Ok(None),
        Some(port) => port.parse().map(Some).map_err(|_| format!("{port} is no port")),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let target = Target::parse("http://localhost:81/a/b?c=d").unwrap();
        let origin = Origin { is_secure: false, host: "localhost".to_owned(), port: 81 };
        assert_eq!((target.origin, target.path.to_string().as_str()), (origin, "/a/b?c=d"));
        assert_eq!(target.host, "localhost:81");
        let target = Target::parse("https://[::1]").unwrap();
        let origin = Origin { is_secure: true, host: "::1".to_owned(), port: 443 };
        assert_eq!((target.origin, target.path.to_string().as_str()), (origin, "/"));
    }

    #[test]
    fn an_origin_is_the_same_however_it_is_written() {
        let origins =
            |urls: &[&str]| urls.iter().map(|url| Target::parse(url).unwrap().origin).collect::<Vec<_>>();
        for same in [
            &["http://example.com", "http://Example.COM/", "HTTP://EXAMPLE.com:80/a"][..],
            &["https://[::1]/", "https://[0:0:0:0:0:0:0:1]:443", "https://[0::0:1]/"],
            &["http://[2001:DB8::A]/", "http://[2001:db8:0::a]/"],
        ] {
            let origins = origins(same);
            assert!(origins.iter().all(|origin| *origin == origins[0]), "{origins:?}");
        }
        let others = origins(&[
            "http://example.com",
            "https://example.com",
            "http://example.com:81",
            "http://example.org",
            "https://example.com:80",
        ]);
        let distinct: std::collections::HashSet<_> = others.iter().collect();
        assert_eq!(distinct.len(), others.len());
        // What the server is told is what was written.
        assert_eq!(Target::parse("http://Example.com/").unwrap().host, "Example.com");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "",
            "x",
            "/a",
            "ftp://a/",
            "http://",
            "http://u:p@a/",
            "http://a b/",
            "https://-/",
            "http://a:99999/",
            "http://[::1]:65536/",
        ] {
            assert!(Target::parse(url).is_err(), "{url}");
        }
    }
}
