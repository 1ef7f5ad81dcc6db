//! What is configured of the clerk surface: where it is, and which pages may call it.

/// Settings of the clerk surface.
#[derive(Clone, Debug, Default)]
pub struct ClerkSettings {
    /// `iss` of the tokens: the address under which browsers reach the surface, without a slash at the
    /// end. Never taken from a request.
    pub issuer: String,
    /// Origins whose pages may call the surface, spelled as browsers send them.
    pub allowed_origins: Vec<String>,
    /// A development instance: any loopback origin may call, and browsers may be told apart by
    /// `__clerk_db_jwt`.
    pub development: bool,
    /// The longest lifetime that a template may give a token, in seconds.
    pub token_lifetime_max_s: u32,
}

impl ClerkSettings {
    /// Whether cookies are for encrypted connections only: wherever browsers come by one.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.issuer.starts_with("https://")
    }

    /// Whether pages of this origin may call the surface.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.allowed_origins.iter().any(|allowed| allowed == origin)
            || (self.development && is_loopback(origin))
    }
}

/// Whether an origin is a page served from this machine.
fn is_loopback(origin: &str) -> bool {
    let host = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
        .unwrap_or_default();
    let host = match host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => host,
    };
    matches!(host, "localhost" | "127.0.0.1" | "[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_exactly_and_loopback_only_in_development() {
        let settings = |development| ClerkSettings {
            allowed_origins: vec!["https://app.example".into()],
            development,
            ..ClerkSettings::default()
        };
        for (origin, listed, in_development) in [
            ("https://app.example", true, true),
            ("https://app.example:443", false, false),
            ("https://app.example.evil", false, false),
            ("http://app.example", false, false),
            ("http://localhost:3000", false, true),
            ("http://127.0.0.1", false, true),
            ("http://127.0.0.1.evil:80", false, false),
            ("http://[::1]:5173", false, true),
            ("null", false, false),
            ("", false, false),
        ] {
            assert_eq!(settings(false).allows(origin), listed, "{origin}");
            assert_eq!(settings(true).allows(origin), in_development, "{origin}");
        }
    }
}
