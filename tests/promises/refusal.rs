//! A journal that refuses: what gives leaves no trace, what takes away takes effect; both are 503, and what
//! takes away is not acknowledged later without a record (R2, I1).

use crate::commands::{Case, cases};
use crate::hold::{Pump, until};
use crate::scene::{Request, Scene, changed};

/// When the journal refuses.
#[derive(Clone, Copy, Debug)]
enum When {
    /// As the record is appended.
    AtOnce,
    /// After it was taken, as a disk does that fills up or fails.
    Later,
}

/// Refuses the record of every third command, and looks from all sides before and after.
fn show(nth: usize) {
    for when in [When::AtOnce, When::Later] {
        show_when(nth, when);
    }
}

fn show_when(nth: usize, when: When) {
    for case in cases().into_iter().skip(nth).step_by(3) {
        let Case {
            name,
            request,
            changes,
            restricts,
        } = case;
        let scene = Scene::set();
        let before = scene.views();
        let journal = &scene.node.journal;
        journal.refuse(matches!(when, When::AtOnce));
        let pending = scene.begin(request(&scene));
        if matches!(when, When::Later) {
            until(name, || journal.waiting() == 1);
            assert_eq!(journal.turn_away(1), 1);
        }
        let answer = pending.answer();
        assert_eq!(answer.status, 503, "{name} ({when:?}): {}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"), "{name}");
        let expected = if restricts { changes } else { "" };
        assert_eq!(
            changed(&before, &scene.views()),
            expected,
            "{name} ({when:?})"
        );
        // Nothing was left behind that would stand in the way of the next one.
        journal.refuse(false);
        let pump = Pump::on(journal);
        let recorded = journal.records().len();
        let next = scene.begin(request(&scene)).answer();
        assert!(restricts || next.status == 200, "{name}: {}", next.text());
        // Asked again, what only memory knows to have ended is not acknowledged: a restart revives it.
        let is_recorded = journal.records().len() > recorded;
        assert!(is_recorded || next.status >= 400, "{name}: {}", next.text());
        scene.node.hold_in_images();
        let other = scene.begin(Request::login("ann", "password-1")).answer();
        assert_eq!(other.status, 200, "{name}: {}", other.text());
        drop(pump);
    }
}

#[test]
fn a_refused_grant_leaves_no_trace_and_a_refused_restriction_takes_effect_part_1() {
    show(0);
}

#[test]
fn a_refused_grant_leaves_no_trace_and_a_refused_restriction_takes_effect_part_2() {
    show(1);
}

#[test]
fn a_refused_grant_leaves_no_trace_and_a_refused_restriction_takes_effect_part_3() {
    show(2);
}
