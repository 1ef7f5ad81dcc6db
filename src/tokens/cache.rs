//! Tokens that were signed a moment ago. The same one again within its second costs no signature, and
//! whoever reads his client is shown the youngest without one.
//!
//! Invariants: at most 65,536 tokens are kept, none is given out that is 30 s old or whose key was
//! withdrawn; when there is no room, all are forgotten, which costs signatures and nothing else.

use std::fmt;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use crate::session::id::SessionId;

/// Tokens that are kept.
const TOKENS_MAX: usize = 65_536;
/// How old a token may be that is shown again, in seconds.
const SHOWN_MAX_S: u64 = 30;

/// Whose token it is: a session's, for one page.
pub(super) type Whose = (SessionId, Option<String>);

struct Minted {
    /// The id of the key that signed it.
    kid: Arc<str>,
    /// The second it was signed in.
    at_s: u64,
    jwt: Zeroizing<String>,
}

/// The tokens that were signed last.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Whose, Minted>>);

impl Cache {
    /// The token that was signed in this second, if its key `counts` still.
    pub(super) fn of_second(
        &self,
        whose: &Whose,
        now_s: u64,
        counts: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        self.shown(whose, |minted| minted.at_s == now_s && counts(&minted.kid))
    }

    /// The youngest token, unless it is 30 s old, if its key `counts` still.
    pub(super) fn recent(
        &self,
        whose: &Whose,
        now_s: u64,
        counts: impl FnOnce(&str) -> bool,
    ) -> Option<String> {
        self.shown(whose, |minted| {
            now_s.abs_diff(minted.at_s) < SHOWN_MAX_S && counts(&minted.kid)
        })
    }

    fn shown(&self, whose: &Whose, good: impl FnOnce(&Minted) -> bool) -> Option<String> {
        let tokens = self.0.lock();
        let minted = tokens.get(whose).filter(|minted| good(minted))?;
        Some(String::clone(&minted.jwt))
    }

    /// Keeps a token that the key of this id signed.
    pub(super) fn keep(&self, whose: Whose, at_s: u64, kid: &Arc<str>, jwt: &str) {
        let mut tokens = self.0.lock();
        if tokens.len() >= TOKENS_MAX && !tokens.contains_key(&whose) {
            tokens.retain(|_, minted| at_s.abs_diff(minted.at_s) < SHOWN_MAX_S);
            if tokens.len() >= TOKENS_MAX {
                tokens.clear();
            }
        }
        let jwt = Zeroizing::new(jwt.to_owned());
        let kid = kid.clone();
        tokens.insert(whose, Minted { kid, at_s, jwt });
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_shown_for_30_seconds_and_to_its_page_only() {
        let cache = Cache::default();
        let session = SessionId::from_bytes([1; 16]);
        let whose = |page: &str| (session, Some(page.to_owned()));
        let any = |_: &str| true;
        let of_second = |at_s| cache.of_second(&whose("a"), at_s, any);
        let recent = |page: &str, at_s| cache.recent(&whose(page), at_s, any);
        cache.keep(whose("a"), 100, &"k".into(), "jwt");
        assert_eq!(of_second(100).as_deref(), Some("jwt"));
        assert_eq!(of_second(101), None);
        assert_eq!(recent("a", 129).as_deref(), Some("jwt"));
        assert_eq!(recent("a", 130), None);
        assert_eq!(recent("b", 100), None);
        assert_eq!(cache.recent(&(session, None), 100, any), None);
        let withdrawn = |kid: &str| kid != "k";
        assert_eq!(cache.of_second(&whose("a"), 100, withdrawn), None);
        assert_eq!(cache.recent(&whose("a"), 100, withdrawn), None);
    }

    #[test]
    fn there_is_never_more_than_there_is_room_for() {
        let cache = Cache::default();
        for n in 0..TOKENS_MAX + 10 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&n.to_le_bytes());
            cache.keep((SessionId::from_bytes(id), None), 7, &"k".into(), "jwt");
        }
        assert!(cache.0.lock().len() <= TOKENS_MAX);
    }
}
