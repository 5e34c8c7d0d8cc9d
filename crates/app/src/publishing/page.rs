//! Which events go together, and what has become of each: pure, for one page of the stream.

use std::collections::BTreeSet;

use crate::ports::publisher::{EntryOutcome, OutgoingEvent, TopicShape};

/// What became of an event so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Waiting,
    Published,
    /// Not in this turn.
    Delayed {
        code: String,
        is_blamed: bool,
    },
    /// It will never be taken; certain when no answer of the topic is behind it.
    Impossible {
        code: String,
        is_certain: bool,
    },
}

pub(super) struct Page {
    shape: TopicShape,
    events: Vec<(OutgoingEvent, Fate)>,
    /// One event a call: the topic has refused a whole batch, so its events are told apart.
    one_by_one: bool,
}

impl Page {
    /// Of events in order, without those that were published before.
    pub(super) fn new(events: Vec<OutgoingEvent>, shape: TopicShape) -> Page {
        let fate = |event: &OutgoingEvent| match event.bytes() > shape.bytes {
            true => Fate::Impossible {
                code: "too_large".to_owned(),
                is_certain: true,
            },
            false => Fate::Waiting,
        };
        let events = events.into_iter().map(|event| {
            let fate = fate(&event);
            (event, fate)
        });
        Page {
            shape,
            events: events.collect(),
            one_by_one: false,
        }
    }

    /// The next call's events, none when nothing more can be done in this turn.
    ///
    /// Where the topic keeps order, a call has one event of each group, and none of a group that has
    /// an earlier one still to go: a call may be carried out in part, and what follows would then
    /// have overtaken.
    pub(super) fn next(&self) -> Vec<OutgoingEvent> {
        let mut chosen: Vec<OutgoingEvent> = Vec::new();
        let mut groups = BTreeSet::new();
        let mut bytes = 0;
        let most = if self.one_by_one {
            1
        } else {
            self.shape.entries
        };
        for (event, fate) in &self.events {
            let is_next = match fate {
                Fate::Published | Fate::Impossible { .. } => continue,
                Fate::Waiting => true,
                Fate::Delayed { .. } => false,
            };
            let is_first = groups.insert(event.group.as_str()) || !self.shape.is_ordered;
            if !is_next || !is_first {
                continue;
            }
            bytes += event.bytes();
            if chosen.len() == most || bytes > self.shape.bytes {
                break;
            }
            chosen.push(event.clone());
        }
        chosen
    }

    /// Takes what an answered call told.
    pub(super) fn absorb(&mut self, sent: &[OutgoingEvent], outcomes: Vec<EntryOutcome>) {
        for (event, outcome) in sent.iter().zip(outcomes) {
            let fate = match outcome {
                EntryOutcome::Published => Fate::Published,
                EntryOutcome::Delayed(code) => Fate::Delayed {
                    code,
                    is_blamed: false,
                },
                EntryOutcome::Doubtful(code) => Fate::Delayed {
                    code,
                    is_blamed: true,
                },
                EntryOutcome::Impossible(code) => Fate::Impossible {
                    code,
                    is_certain: false,
                },
            };
            self.set(event.position, fate);
        }
    }

    /// A whole call was not understood.
    pub(super) fn not_understood(&mut self, sent: &[OutgoingEvent], code: String) {
        match sent {
            [only] => self.set(
                only.position,
                Fate::Impossible {
                    code,
                    is_certain: false,
                },
            ),
            _ => self.one_by_one = true,
        }
    }

    fn set(&mut self, position: u64, to: Fate) {
        let found = self.events.iter_mut();
        let mut found = found.filter(|(event, _)| event.position == position);
        if let Some((_, fate)) = found.next() {
            *fate = to;
        }
    }

    pub(super) fn fates(&self) -> impl Iterator<Item = (&OutgoingEvent, &Fate)> {
        self.events.iter().map(|(event, fate)| (event, fate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STANDARD: TopicShape = TopicShape {
        is_ordered: false,
        entries: 10,
        bytes: 1_000,
    };
    const ORDERED: TopicShape = TopicShape {
        is_ordered: true,
        ..STANDARD
    };

    fn event(position: u64, group: u8, bytes: usize) -> OutgoingEvent {
        OutgoingEvent {
            id: format!("evt_{position}"),
            position,
            group: group.to_string(),
            body: "x".repeat(bytes),
            attributes: Vec::new(),
        }
    }

    fn positions(events: &[OutgoingEvent]) -> Vec<u64> {
        events.iter().map(|event| event.position).collect()
    }

    #[test]
    fn a_call_is_bounded_in_events_and_bytes() {
        let page = Page::new((1..=25).map(|n| event(n, 1, 10)).collect(), STANDARD);
        assert_eq!(positions(&page.next()), (1..=10).collect::<Vec<_>>());
        let page = Page::new((1..=25).map(|n| event(n, 1, 400)).collect(), STANDARD);
        assert_eq!(positions(&page.next()), [1, 2]);
    }

    #[test]
    fn what_is_too_large_is_not_sent() {
        let page = Page::new(vec![event(1, 1, 1_001), event(2, 1, 1_000)], ORDERED);
        assert_eq!(positions(&page.next()), [2]);
        let (_, fate) = page.fates().next().unwrap();
        assert!(matches!(
            fate,
            Fate::Impossible {
                is_certain: true,
                ..
            }
        ));
    }

    #[test]
    fn a_batch_that_is_not_understood_is_taken_apart() {
        let mut page = Page::new((1..=3).map(|n| event(n, 1, 10)).collect(), STANDARD);
        let sent = page.next();
        page.not_understood(&sent, "InvalidParameter".into());
        let sent = page.next();
        assert_eq!(positions(&sent), [1]);
        page.not_understood(&sent, "InvalidParameter".into());
        assert_eq!(positions(&page.next()), [2]);
    }

    proptest! {
        /// Whatever fails, an ordered topic sees each group's events in order, and what is put off
        /// holds back its group only.
        #[test]
        fn order_is_kept_within_a_group(
            groups in prop::collection::vec(0u8..4, 1..40),
            fates in prop::collection::vec(0u8..10, 40),
        ) {
            let events = (1u64..).zip(&groups).map(|(n, group)| event(n, *group, 10)).collect();
            let mut page = Page::new(events, ORDERED);
            let mut seen: Vec<(String, u64)> = Vec::new();
            let mut delayed = BTreeSet::new();
            loop {
                let sent = page.next();
                if sent.is_empty() {
                    break;
                }
                let outcomes = sent.iter().map(|event| match fates[event.position as usize - 1] {
                    0 => EntryOutcome::Delayed("Throttled".into()),
                    1 => EntryOutcome::Impossible("InvalidParameter".into()),
                    _ => EntryOutcome::Published,
                });
                let outcomes: Vec<_> = outcomes.collect();
                for (event, outcome) in sent.iter().zip(&outcomes) {
                    prop_assert!(!delayed.contains(&event.group));
                    match outcome {
                        EntryOutcome::Published => seen.push((event.group.clone(), event.position)),
                        EntryOutcome::Delayed(_) => { delayed.insert(event.group.clone()); }
                        EntryOutcome::Doubtful(_) | EntryOutcome::Impossible(_) => {}
                    }
                }
                page.absorb(&sent, outcomes);
            }
            for group in 0..4 {
                let of_group: Vec<u64> = seen.iter().filter(|(name, _)| *name == group.to_string()).map(|(_, n)| *n).collect();
                prop_assert!(of_group.is_sorted());
            }
            let waiting = page.fates().filter(|(_, fate)| **fate == Fate::Waiting);
            for (event, _) in waiting {
                prop_assert!(delayed.contains(&event.group));
            }
        }
    }
}
