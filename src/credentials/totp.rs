//! Time-based one-time passwords: RFC 6238, SHA-1, 30 s, 6 digits, one step either way.

use totp_rs::{Builder, Secret, Totp};

use zeroize::Zeroizing;

use crate::session::account::TotpSeed;

/// The step for which a code is right at this wall time, if it is. Anything but six ASCII digits
/// is simply wrong. Whether the step was spent already is decided when it is spent.
#[must_use]
pub fn matched_step(seed: &TotpSeed, code: &str, wall_ms: u64) -> Option<u64> {
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    generator(seed, "")?.check(code, wall_ms / 1_000)
}

/// The base32 text of a seed, as an authenticator takes it.
#[must_use]
pub fn base32(seed: &TotpSeed) -> String {
    Secret::new_stack(*seed.0).to_base32()
}

/// The seed whose base32 text this is; `None` unless it has 20 bytes.
#[must_use]
pub fn seed(text: &str) -> Option<TotpSeed> {
    let secret = Secret::try_from_base32(text).ok()?;
    secret
        .as_bytes()
        .try_into()
        .ok()
        .map(|bytes| TotpSeed(Zeroizing::new(bytes)))
}

/// The `otpauth://` address of a seed. Colons separate its parts and so are replaced in the name.
#[must_use]
pub fn otpauth_uri(seed: &TotpSeed, username: &str) -> Option<String> {
    generator(seed, &username.replace(':', "_"))?.to_url().ok()
}

fn generator(seed: &TotpSeed, account: &str) -> Option<Totp> {
    let builder = Builder::new()
        .with_secret(Secret::new_stack(*seed.0))
        .with_skew(1);
    builder
        .with_account_name(account)
        .with_issuer(Some("Sessile"))
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, Appendix B: the seed of its SHA-1 rows.
    fn seed() -> TotpSeed {
        TotpSeed(Zeroizing::new(*b"12345678901234567890"))
    }

    #[test]
    fn codes_of_the_standard_are_right_one_step_either_way_and_no_further() {
        // The last six digits of the standard's eight.
        for (at_s, code) in [
            (1_234_567_890_u64, "005924"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            let step = at_s / 30;
            for (offset_s, right) in [
                (-60_i64, false),
                (-30, true),
                (0, true),
                (30, true),
                (60, false),
            ] {
                let wall_ms = at_s.saturating_add_signed(offset_s) * 1_000;
                let found = matched_step(&seed(), code, wall_ms);
                assert_eq!(found, right.then_some(step), "{at_s} {offset_s}");
            }
        }
    }

    #[test]
    fn what_is_not_six_digits_is_wrong() {
        for code in [
            "",
            "28708",
            "2870822",
            "28708a",
            " 287082",
            "287 082",
            "２８７０８２",
        ] {
            assert_eq!(matched_step(&seed(), code, 59_000), None, "{code}");
        }
    }

    #[test]
    fn the_address_names_issuer_and_account() {
        let uri = otpauth_uri(&seed(), "a:b@c").unwrap();
        assert!(
            uri.starts_with(
                "otpauth://totp/Sessile:a_b%40c?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
            ),
            "{uri}"
        );
        assert!(uri.contains("issuer=Sessile"), "{uri}");
    }
}
