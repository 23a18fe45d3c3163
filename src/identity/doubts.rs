//! Whose fault it is that a notice was not taken: of the one device, which must not keep the notices of others waiting, or
//! of the service. One answer does not always tell; several devices in a row do.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::device::PushToken;

/// Of how many different devices in a row it is not the devices' fault any more.
const SEVERAL: usize = 3;

/// What is known of a service since the start.
#[derive(Default)]
pub(super) struct Doubts(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The devices that it failed at since it last took something, of which no more are kept than count.
    failed: Vec<PushToken>,
    /// Whether it ever took something.
    has_taken: bool,
}

impl Doubts {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that it took something.
    pub(super) fn note_success(&self) {
        *self.known() = Known { failed: Vec::new(), has_taken: true };
    }

    /// Says that it failed at this device; tells whether that is by the service.
    pub(super) fn note_failure(&self, device: &PushToken) -> bool {
        let mut known = self.known();
        if known.failed.len() < SEVERAL && !known.failed.contains(device) {
            known.failed.push(device.clone());
        }
        known.failed.len() == SEVERAL
    }

    /// Whether it ever took something from this process, and so has devices that are of its account's project.
    pub(super) fn has_taken(&self) -> bool {
        self.known().has_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_devices_in_a_row_are_the_service_and_one_again_and_again_is_not() {
        let device = |name: &str| PushToken::parse("", name).unwrap();
        let doubts = Doubts::default();
        assert!(!doubts.has_taken());
        for _ in 0..10 {
            assert!(!doubts.note_failure(&device("one")));
        }
        assert!(!doubts.note_failure(&device("two")) && doubts.note_failure(&device("three")));
        assert!(doubts.note_failure(&device("one")), "it is so until it takes something");
        doubts.note_success();
        assert!(doubts.has_taken() && !doubts.note_failure(&device("one")) && !doubts.note_failure(&device("two")));
    }
}
