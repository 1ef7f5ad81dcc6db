//! The date as answers tell it. Source: RFC 9110 §5.6.7 and §6.6.1.

use std::time::{Duration, SystemTime};

use actix_http::header::HttpDate;

use crate::clock;

/// A date as HTTP spells it.
pub(super) type Date = [u8; 29];

/// The date of now.
pub(super) fn date() -> Date {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(clock::wall().ms());
    let text = HttpDate::from(now).to_string();
    // Up to the year 9999 it has this length.
    text.as_bytes().try_into().unwrap_or([b' '; 29])
}
