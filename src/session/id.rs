//! Identifiers: what names a session, a client, a hand-off token, an account or a key.
//!
//! Invariant: an id is not a secret. It is either random or the keyed digest of a secret, and it
//! may stand in logs, answers and files. Source: ADR 5.

use std::fmt;

/// Digits of the text form: a public id is written in base 62.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters that hold 128 bits in base 62.
pub const TEXT_LEN: usize = 22;

macro_rules! wide_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The id with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// The first four bytes: everything that lives behind one thing shares them, and so
            /// lies in one slot. Source: R6.
            #[must_use]
            pub const fn family(&self) -> [u8; 4] {
                [self.0[0], self.0[1], self.0[2], self.0[3]]
            }

            /// The hash a table uses: the last eight bytes, which are digest or random. Source: R6.
            #[must_use]
            pub const fn table_hash(&self) -> u64 {
                let b = &self.0;
                u64::from_le_bytes([b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]])
            }

            /// The text form without its prefix.
            #[must_use]
            pub fn digits(&self) -> [u8; TEXT_LEN] {
                encode(&self.0)
            }

            /// Reads the text form; `None` for anything that [`fmt::Display`] would not have written.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                decode(text.strip_prefix($prefix)?.as_bytes()).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                // The digits are ASCII.
                f.write_str(std::str::from_utf8(&self.digits()).unwrap_or_default())
            }
        }

        /// As its text form.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

wide_id!(
    /// Names a session, publicly: `sess_…`.
    SessionId,
    "sess_"
);
wide_id!(
    /// Names a client (a browser or device): `client_…`.
    ClientId,
    "client_"
);
wide_id!(
    /// Names a hand-off token; its first four bytes are those of its session.
    HandoffId,
    "hoff_"
);

wide_id!(
    /// Names a login whose second step is still to come: `sia_…`.
    SignInId,
    "sia_"
);

/// Position of an account in the directory. Never given to another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u32);

impl AccountId {
    /// The numeric user id shown to clients: counted from 1.
    #[must_use]
    pub fn user_id(self) -> u64 {
        u64::from(self.0) + 1
    }
}

/// Position of a key in the directory. Never given to another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub u32);

impl SessionId {
    /// The id of a session behind something with this family, from 12 random bytes. Source: R6.
    #[must_use]
    pub fn behind(family: [u8; 4], random: [u8; 12]) -> Self {
        let mut bytes = [0; 16];
        let (first, rest) = bytes.split_at_mut(4);
        first.copy_from_slice(&family);
        rest.copy_from_slice(&random);
        Self(bytes)
    }
}

/// Digits that one 64-bit number holds: 62^10 fits, so a 128-bit one is cut into three such pieces
/// and wide divisions, which are slow, stay few.
const PIECE: u64 = 62_u64.pow(10);

fn encode(bytes: &[u8; 16]) -> [u8; TEXT_LEN] {
    let mut number = u128::from_be_bytes(*bytes);
    let mut text = [b'0'; TEXT_LEN];
    for places in text.rchunks_mut(10) {
        // The remainder is below PIECE, so it fits.
        let mut piece = u64::try_from(number % u128::from(PIECE)).unwrap_or(0);
        number /= u128::from(PIECE);
        for place in places.iter_mut().rev() {
            let digit = usize::try_from(piece % 62).unwrap_or(0);
            *place = ALPHABET.get(digit).copied().unwrap_or(b'0');
            piece /= 62;
        }
    }
    text
}

fn decode(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut number: u128 = 0;
    for &byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        number = number.checked_mul(62)?.checked_add(u128::from(digit))?;
    }
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_reads_back_and_nothing_else_does() {
        for bytes in [[0; 16], [0xff; 16], *b"0123456789abcdef"] {
            let id = SessionId::from_bytes(bytes);
            let text = id.to_string();
            assert_eq!(text.len(), 5 + TEXT_LEN);
            assert_eq!(SessionId::parse(&text), Some(id));
        }
        let beyond = format!("sess_{}", "z".repeat(TEXT_LEN));
        for bad in [
            "",
            "sess_",
            "sess_0",
            "client_0000000000000000000000",
            "sess_000000000000000000000-",
            &beyond,
        ] {
            assert_eq!(SessionId::parse(bad), None, "{bad}");
        }
    }
}
