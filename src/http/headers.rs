//! Reading request headers, however they were parsed, shared by all surfaces: a credential sent twice is no credential.

use actix_web::http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use compact_str::CompactString;

use crate::edge::fast::Request;
use crate::session::activity::Touch;
use crate::session::origin::kept;

/// The header by which a caller says that a request is no activity.
const TOUCH: HeaderName = HeaderName::from_static("x-sessile-touch");

/// The header fields of a request.
pub trait Fields {
    /// The values under a name, in the order they were sent.
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]>;
}

/// As the framework keeps them.
impl Fields for HeaderMap {
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.get_all(name).map(HeaderValue::as_bytes)
    }
}

/// As they were sent.
impl Fields for Request<'_> {
    fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_str();
        let named = move |field: &&httparse::Header<'_>| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|field| field.value)
    }
}

/// A header that may be sent once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Single<'a> {
    /// Not sent.
    Absent,
    /// Sent once.
    One(&'a [u8]),
    /// Sent more than once: ambiguous, so refused.
    Repeated,
}

/// The header of this name. It is a constant of the caller's: a name in text would be checked anew
/// for each request.
#[must_use]
pub fn single<'a>(headers: &'a impl Fields, name: &HeaderName) -> Single<'a> {
    let mut values = headers.values(name);
    match (values.next(), values.next()) {
        (None, _) => Single::Absent,
        (Some(value), None) => Single::One(value),
        (Some(_), Some(_)) => Single::Repeated,
    }
}

/// The cookie of this name; one that is sent twice is ambiguous, as a header is.
#[must_use]
pub fn cookies<'a>(headers: &'a impl Fields, name: &str) -> Single<'a> {
    let mut found = Single::Absent;
    for header in headers.values(&COOKIE) {
        for pair in header.split(|byte| *byte == b';') {
            let pair = pair.trim_ascii();
            let value = pair
                .strip_prefix(name.as_bytes())
                .and_then(|rest| rest.strip_prefix(b"="));
            match (value, found) {
                (None, _) => {}
                (Some(value), Single::Absent) => found = Single::One(value),
                (Some(_), Single::One(_) | Single::Repeated) => return Single::Repeated,
            }
        }
    }
    found
}

/// Whether a request counts as activity: yes, unless it says `X-Sessile-Touch: no`. Source: R9.
#[must_use]
pub fn wanted_touch(headers: &impl Fields) -> Touch {
    match headers.values(&TOUCH).next() {
        Some(value) if value.eq_ignore_ascii_case(b"no") => Touch::No,
        _ => Touch::Yes,
    }
}

/// The media type of a body, without parameters, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaType {
    /// No `Content-Type` was sent.
    Absent,
    /// This one.
    Named(String),
    /// Sent twice, not text, or the body is encoded in a way nobody here decodes.
    Unusable,
}

/// The media type that a request declares.
#[must_use]
pub fn media_type(headers: &impl Fields) -> MediaType {
    let encoded = headers
        .values(&CONTENT_ENCODING)
        .any(|v| !v.eq_ignore_ascii_case(b"identity"));
    if encoded {
        return MediaType::Unusable;
    }
    match single(headers, &CONTENT_TYPE) {
        Single::Absent => MediaType::Absent,
        Single::Repeated => MediaType::Unusable,
        Single::One(value) => match std::str::from_utf8(value) {
            Ok(text) => {
                let essence = text.split(';').next().unwrap_or_default();
                MediaType::Named(essence.trim().to_ascii_lowercase())
            }
            Err(_) => MediaType::Unusable,
        },
    }
}

/// The ranges that cover JSON; of two the more specific one decides.
const JSON_RANGES: [(&str, u8); 4] = [
    ("application/json", 3),
    ("application/*", 2),
    ("*/*", 1),
    ("*", 1),
];

/// Whether the caller takes JSON: no `Accept` at all, or a range that covers `application/json`
/// and is not weighed 0. The most specific range decides. Source: RFC 9110 §12.5.1.
#[must_use]
pub fn accepts_json(headers: &impl Fields) -> bool {
    let mut best: Option<(u8, bool)> = None;
    let mut sent = false;
    for value in headers.values(&ACCEPT) {
        sent = true;
        let Ok(text) = std::str::from_utf8(value) else {
            continue;
        };
        for range in text.split(',') {
            let mut pieces = range.split(';').map(str::trim);
            let name = pieces.next().unwrap_or_default();
            let covering = JSON_RANGES.iter().find(|r| r.0.eq_ignore_ascii_case(name));
            let Some(&(_, specificity)) = covering else {
                continue;
            };
            let weight = pieces.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
            let wanted = weight.is_none_or(|q| q.trim().parse::<f32>().is_ok_and(|q| q > 0.0));
            if best.is_none_or(|(s, w)| specificity > s || (specificity == s && wanted && !w)) {
                best = Some((specificity, wanted));
            }
        }
    }
    !sent || best.is_some_and(|(_, wanted)| wanted)
}

/// The first value of a header, if it is text: blanks, tabs and visible ASCII.
#[must_use]
pub fn text<'a>(headers: &'a impl Fields, name: &HeaderName) -> Option<&'a str> {
    let value = headers.values(name).next()?;
    let is_text = value.iter().all(|b| matches!(b, b'\t' | b' '..=b'~'));
    std::str::from_utf8(value).ok().filter(|_| is_text)
}

/// The caller's agent, cut to 256 bytes.
#[must_use]
pub fn user_agent(headers: &impl Fields) -> Option<CompactString> {
    text(headers, &USER_AGENT).map(kept)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for value in values {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        map
    }

    #[test]
    fn json_is_accepted_as_the_standard_says() {
        for (sent, accepted) in [
            (&[][..], true),
            (&["*/*"], true),
            (&["application/json, */*;q=0.5"], true),
            (&["application/json, text/plain, */*"], true),
            (&["application/*;q=0.1"], true),
            (&["text/html", "application/json"], true),
            (&["text/html"], false),
            (&["application/json;q=0"], false),
            (&["application/json;q=0, */*"], false),
            (&["application/json;q=0.0, */*;q=1"], false),
            (&[""], false),
        ] {
            assert_eq!(accepts_json(&headers("accept", sent)), accepted, "{sent:?}");
        }
    }

    #[test]
    fn a_header_sent_twice_is_told_from_one_sent_once() {
        let name = HeaderName::from_static("session");
        assert_eq!(single(&headers("session", &[]), &name), Single::Absent);
        assert_eq!(
            single(&headers("session", &["a"]), &name),
            Single::One(b"a")
        );
        assert_eq!(
            single(&headers("session", &["a", "a"]), &name),
            Single::Repeated
        );
    }

    #[test]
    fn a_cookie_is_found_among_others_and_only_by_its_whole_name() {
        for (sent, found) in [
            (&[][..], Single::Absent),
            (&["a=1; __client=x; b=2"], Single::One(&b"x"[..])),
            (&["__client=x", "__client_uat=7"], Single::One(b"x")),
            (&["__client_uat=7; x__client=9"], Single::Absent),
            (&["__client="], Single::One(b"")),
            (&["__client=a=b"], Single::One(b"a=b")),
            (&["__client=x; __client=x"], Single::Repeated),
            (&["__client=x", "__client=y"], Single::Repeated),
        ] {
            assert_eq!(
                cookies(&headers("cookie", sent), "__client"),
                found,
                "{sent:?}"
            );
        }
    }

    #[test]
    fn parameters_and_case_of_a_media_type_do_not_count() {
        let named = |sent| media_type(&headers("content-type", sent));
        assert_eq!(named(&[]), MediaType::Absent);
        assert_eq!(
            named(&["Application/JSON; charset=utf-8"]),
            MediaType::Named("application/json".into())
        );
        assert_eq!(named(&["a/b", "a/b"]), MediaType::Unusable);
        assert_eq!(
            media_type(&headers("content-encoding", &["gzip"])),
            MediaType::Unusable
        );
    }
}
