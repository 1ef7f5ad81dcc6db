//! A journal that refuses: what gives leaves no trace, what takes away takes effect; both are 503 (R2).

use crate::commands::{Case, cases};
use crate::hold::Pump;
use crate::scene::{Request, Scene, changed};

/// Refuses the record of every third command, and looks from all sides before and after.
fn show(nth: usize) {
    for case in cases().into_iter().skip(nth).step_by(3) {
        let Case {
            name,
            request,
            changes,
            restricts,
        } = case;
        let scene = Scene::set();
        let before = scene.views();
        scene.node.journal.refuse(true);
        let answer = scene.begin(request(&scene)).answer();
        assert_eq!(answer.status, 503, "{name}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), Some("1"), "{name}");
        let expected = if restricts { changes } else { "" };
        assert_eq!(changed(&before, &scene.views()), expected, "{name}");
        // Nothing was left behind that would stand in the way of the next one.
        scene.node.journal.refuse(false);
        let pump = Pump::on(&scene.node.journal);
        let next = scene.begin(request(&scene)).answer();
        assert!(restricts || next.status == 200, "{name}: {}", next.text());
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
