//! How a thread stands back: by the scheduler's idle policy (`sched(7)`).
//!
//! It must never know what a thread does. Whoever stands back does so for good: without privilege no thread leaves the policy
//! again; and where all processors are busy it gets 3 parts in 1,000 of one, so it may hold nothing that others wait for.

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

const IDLE: ThreadSchedulePolicy = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);

/// Whether this thread gives way to all others from now on. The system may have no such policy, or refuse it.
#[must_use]
pub fn stand_back() -> bool {
    let thread = thread_native_id();
    // It sets a niceness besides, which it may not everywhere and which means nothing here: the policy is asked for.
    let _ = set_thread_priority_and_policy(thread, ThreadPriority::Min, IDLE);
    thread_schedule_policy().is_ok_and(|policy| policy == IDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stands_back() {
        let policy = std::thread::spawn(|| (stand_back(), thread_schedule_policy().unwrap()));
        assert_eq!(policy.join().unwrap(), (true, IDLE));
        assert_ne!(thread_schedule_policy().unwrap(), IDLE);
    }
}
