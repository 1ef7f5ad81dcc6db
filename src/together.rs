//! Several futures that take turns: whoever has asked the memory for what it needs next gives its turn away, and when it
//! gets it back what it asked for has come.
//!
//! It must never know what a future does. Invariants: a future that is not polled by [`together`] keeps its turn, and so
//! never waits for nothing; one that gives its turn away more often than a bounded number of times, or waits for anything else,
//! is given up. Source: ADR 20.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake, Waker};

/// So often a future gets its turn.
const TURNS_MAX: usize = 16;

/// By this they know that others have their turns meanwhile.
static TURNS: LazyLock<Waker> = LazyLock::new(|| Waker::from(Arc::new(Nobody)));

/// Nobody has to be woken: everybody gets his turn anyway.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Gives the turn away, if there are others who take theirs.
async fn give_way() {
    let mut gave = false;
    poll_fn(|context| {
        if gave || !context.waker().will_wake(&TURNS) {
            return Poll::Ready(());
        }
        gave = true;
        Poll::Pending
    })
    .await;
}

/// If there are others who take theirs, asks for what is needed first, and, when that has come, for what is needed then.
pub async fn ahead(first: impl FnOnce(), then: impl FnOnce()) {
    if takes_turns().await {
        first();
        give_way().await;
        then();
        give_way().await;
    }
}

async fn takes_turns() -> bool {
    poll_fn(|context| Poll::Ready(context.waker().will_wake(&TURNS))).await
}

/// What comes of each, one turn after the other; nothing of one that is given up.
pub fn together<F: Future, const N: usize>(
    futures: [Pin<&mut F>; N],
    mut done: impl FnMut(usize, F::Output),
) {
    let mut context = Context::from_waker(&TURNS);
    let mut going = futures.map(Some);
    for _ in 0..TURNS_MAX {
        let mut all = true;
        for (place, future) in going.iter_mut().enumerate() {
            let Some(polled) = future.as_mut().map(|f| f.as_mut().poll(&mut context)) else {
                continue;
            };
            match polled {
                Poll::Ready(output) => {
                    *future = None;
                    done(place, output);
                }
                Poll::Pending => all = false,
            }
        }
        if all {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    /// Says what it does between `gives` turns.
    async fn said(name: char, gives: usize, to: &RefCell<String>) -> char {
        for _ in 0..gives {
            to.borrow_mut().push(name);
            give_way().await;
        }
        name
    }

    #[test]
    fn they_take_turns_until_each_is_done() {
        let to = RefCell::default();
        let a = pin!(said('a', 2, &to));
        let b = pin!(said('b', 0, &to));
        let c = pin!(said('c', 3, &to));
        let mut done = Vec::new();
        together([a, b, c], |place, name| done.push((place, name)));
        assert_eq!(*to.borrow(), "acacc");
        assert_eq!(done, [(1, 'b'), (0, 'a'), (2, 'c')]);
    }

    #[test]
    fn what_is_asked_for_ahead_is_asked_for_only_if_others_go_on_meanwhile() {
        let to = RefCell::default();
        let say = |name| move |to: &RefCell<String>| to.borrow_mut().push(name);
        let asks = async |first, then, to| {
            ahead(|| say(first)(to), || say(then)(to)).await;
        };
        assert_eq!(asks('a', 'b', &to).now_or_never(), Some(()));
        assert_eq!(*to.borrow(), "");
        together(
            [pin!(asks('a', 'b', &to)), pin!(asks('c', 'd', &to))],
            |_, ()| {},
        );
        assert_eq!(*to.borrow(), "acbd");
    }

    #[test]
    fn alone_nobody_gives_way() {
        let to = RefCell::default();
        assert_eq!(said('a', 3, &to).now_or_never(), Some('a'));
        assert_eq!(*to.borrow(), "aaa");
    }

    #[test]
    fn who_waits_for_something_else_or_never_ends_is_given_up() {
        let to = RefCell::default();
        let endless = pin!(said('a', usize::MAX, &to));
        together([endless], |_, name| panic!("{name}"));
        assert_eq!(to.borrow().len(), TURNS_MAX);
        let never = pin!(std::future::pending::<()>());
        together([never], |_, ()| panic!("it never ends"));
    }
}
