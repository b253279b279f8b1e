//! Parts of a device's life: what each allows, how it is left, and that no damage leads from one to another.

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use medsec_core::event::{
        DeviceEvent, Event, LifecycleState, PrincipalId, RecordError, Recorder,
    };
    use medsec_core::identity::certificate::Kind;
    use medsec_core::identity::trust::Stage;
    use medsec_core::lifecycle::{
        BLANK_WORD, Change, ChangeError, DISTANCE_BITS_MIN, Lifecycle, NotStored, Recorded, State,
        Tamper,
    };

    /// The words as `docs/formats.md` has them, section 21.
    const WORDS: [(u32, State); 7] = [
        (0xcd3a_2972, State::Blank),
        (0x9ce3_6cc1, State::Provisioning),
        (0xf580_c5bc, State::AwaitClaim),
        (0xf02e_daa2, State::InService),
        (0x35ac_265b, State::Maintenance),
        (0x8511_de9b, State::Sanitizing),
        (0xaa27_85ce, State::Decommissioned),
    ];
    const BY: PrincipalId = PrincipalId::new([0xb1; 8]);

    fn lifecycle(state: State) -> Lifecycle {
        Lifecycle::of(WORDS.iter().find(|(_, known)| *known == state).unwrap().0)
    }

    /// A log that notes what it is told, or refuses.
    #[derive(Default)]
    struct Log {
        events: Vec<u16>,
        refuses: bool,
    }

    impl Recorder for Log {
        fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
            if self.refuses {
                return Err(RecordError::Full);
            }
            self.events.push(event.id());
            Ok(())
        }
    }

    #[test]
    fn each_word_is_its_state_and_each_state_has_one() {
        for (word, state) in WORDS {
            assert_eq!(Lifecycle::of(word).state(), Ok(state));
        }
        assert_eq!(WORDS.map(|(_, state)| state), State::ALL);
        assert_eq!(BLANK_WORD, WORDS[0].0);
    }

    /// Goal: no damaged word is a state. Method: every word within 3 bits of a state's, and each word with one half or byte of another's.
    #[test]
    fn every_word_near_a_state_is_unreadable() {
        let mut near = BTreeSet::new();
        for (word, _) in WORDS {
            for a in 0..32 {
                near.insert(word ^ 1 << a);
                for b in 0..a {
                    near.insert(word ^ 1 << a ^ 1 << b);
                    for c in 0..b {
                        near.insert(word ^ 1 << a ^ 1 << b ^ 1 << c);
                    }
                }
            }
        }
        let refused = |word: u32| Lifecycle::of(word).state() == Err(Tamper);
        assert!(near.iter().all(|word| refused(*word)));
        println!("lifecycle: {} words within 3 bits, 0 taken", near.len());
        assert_eq!(near.len(), 7 * (32 + 496 + 4_960));
        let mut mixed = 0;
        for (one, _) in WORDS {
            for (other, _) in WORDS.into_iter().filter(|(other, _)| *other != one) {
                for mask in [0xff_u32, 0xff00, 0x00ff_0000, 0xff00_0000, 0xffff, 0x00ff_ff00] {
                    assert!(refused(one & mask | other & !mask), "{one:08x} {other:08x}");
                    mixed += 1;
                }
            }
        }
        assert_eq!(mixed, 7 * 6 * 6);
        for (word, _) in WORDS {
            let turned = [!word, word.swap_bytes(), word.rotate_left(16), word.reverse_bits()];
            assert!(turned.into_iter().all(refused));
        }
        assert!([0, u32::MAX, 0x5a5a_5a5a, 1, 2, 3, 4, 5, 6, 7].into_iter().all(refused));
    }

    /// Goal: no part of a program of one word reads as another. Method: the bits that a program clears, in any subset, lie between the
    /// erased word and the one that is programmed; no other state's does, and none lies between two.
    #[test]
    fn no_torn_program_of_one_word_is_another() {
        let (mut least, mut most) = (u32::BITS, 0);
        for (one, _) in WORDS {
            for (other, _) in WORDS.into_iter().filter(|(other, _)| *other != one) {
                // `other` is `one` with some bits not yet cleared.
                assert_ne!(one | other, other, "{one:08x} {other:08x}");
                // Both programmed over each other is none either.
                assert_eq!(Lifecycle::of(one & other), Lifecycle::UNREADABLE);
                let distance = (one ^ other).count_ones();
                (least, most) = (least.min(distance), most.max(distance));
            }
        }
        println!("lifecycle: words differ in {least} to {most} bits");
        assert!(least >= DISTANCE_BITS_MIN && most <= u32::BITS - DISTANCE_BITS_MIN);
        assert_eq!((least, most), (14, 18));
    }

    /// Goal: what each state allows is what was meant. Method: a table written by hand, one letter for each function.
    #[test]
    fn each_state_allows_what_the_table_says_and_nothing_else() {
        type Predicate = fn(Lifecycle) -> bool;
        let functions: [(&str, Predicate); 16] = [
            ("clinical", Lifecycle::runs_clinical),
            ("administration", Lifecycle::runs_administration),
            ("maintenance", Lifecycle::runs_maintenance),
            ("evidence", Lifecycle::runs_evidence),
            ("emergency", Lifecycle::runs_emergency),
            ("provisioning", Lifecycle::runs_provisioning),
            ("update", Lifecycle::runs_update),
            ("sanitizing", Lifecycle::runs_sanitizing),
            ("station", Lifecycle::takes_station),
            ("claim", Lifecycle::takes_claim),
            ("person", Lifecycle::takes_person),
            ("service", Lifecycle::takes_service),
            ("device", Lifecycle::takes_device),
            ("ports", Lifecycle::opens_ports),
            ("debug ports", Lifecycle::opens_debug_ports),
            ("lock", Lifecycle::locks_debug),
        ];
        //  Blank, Provisioning, AwaitClaim, InService, Maintenance, Sanitizing, Decommissioned, unreadable
        let expected = [
            ("clinical", "...x...."),
            ("administration", "...xx..."),
            ("maintenance", "....x..."),
            ("evidence", "...xx..."),
            ("emergency", "...xx..x"),
            ("provisioning", "xx......"),
            ("update", "...xx..."),
            ("sanitizing", ".....x.."),
            ("station", "xx......"),
            ("claim", "..x....."),
            ("person", "...xx..."),
            ("service", "...xx..."),
            ("device", "...x...."),
            ("ports", "...xx..."),
            ("debug ports", "....x..."),
            ("lock", "..xxxxxx"),
        ];
        let all = || State::ALL.into_iter().map(lifecycle).chain([Lifecycle::UNREADABLE]);
        let mut cells = 0;
        for ((name, predicate), (known, row)) in functions.into_iter().zip(expected) {
            assert_eq!(name, known);
            assert_eq!(row.len(), all().count());
            for (lifecycle, letter) in all().zip(row.chars()) {
                assert_eq!(predicate(lifecycle), letter == 'x', "{name} in {lifecycle:?}");
                cells += 1;
            }
        }
        assert_eq!(cells, 16 * 8);
        for (kind, row) in [
            (Kind::Device, "...x...."),
            (Kind::Person, "...xx..."),
            (Kind::Service, "...xx..."),
            (Kind::Station, "xx......"),
            (Kind::Recipient, "........"),
            (Kind::Issuer, "........"),
        ] {
            let taken: String =
                all().map(|lifecycle| if lifecycle.takes(kind) { 'x' } else { '.' }).collect();
            assert_eq!(taken, row, "{kind:?}");
        }
        assert_eq!(Kind::ALL.len(), 6);
    }

    #[test]
    fn an_unreadable_state_helps_in_an_emergency_and_is_in_service_for_nothing_else() {
        let unreadable = Lifecycle::of(0xffff_ffff);
        assert_eq!(unreadable, Lifecycle::UNREADABLE);
        assert!(unreadable.runs_emergency() && unreadable.locks_debug());
        assert!(!unreadable.runs_clinical() && !unreadable.runs_administration());
        assert!(!unreadable.takes_station() && !unreadable.takes_claim());
        assert_eq!((unreadable.stage(), unreadable.psa()), (Stage::Service, 0));
    }

    #[test]
    fn states_are_attested_and_judged_as_their_standards_say() {
        let psa = State::ALL.map(|state| lifecycle(state).psa());
        assert_eq!(psa, [0x1000, 0x2000, 0x3000, 0x3000, 0x4000, 0x6000, 0x6000]);
        for state in State::ALL {
            let is_production = matches!(state, State::Blank | State::Provisioning);
            let stage = if is_production { Stage::Production } else { Stage::Service };
            assert_eq!(lifecycle(state).stage(), stage);
            // A station's certificate holds where its link is taken.
            assert_eq!(lifecycle(state).takes_station(), is_production);
        }
        let codes: BTreeSet<_> = State::ALL
            .into_iter()
            .map(lifecycle)
            .chain([Lifecycle::UNREADABLE])
            .map(|lifecycle| lifecycle.code().code())
            .collect();
        assert_eq!(codes.len(), 8);
        assert_eq!(Lifecycle::UNREADABLE.code(), LifecycleState::Unreadable);
    }

    /// Goal: the ways are these and no others. Method: each state, and none, to each state, by each change, against a table by hand.
    #[test]
    fn every_way_between_two_states_is_as_the_table_says() {
        // Rows: from Blank, Provisioning, AwaitClaim, InService, Maintenance, Sanitizing, Decommissioned, unreadable.
        // Columns: to the same, in the same order.
        let table = [
            ".P.....", "..F....", "...C.S.", "....MS.", "...E.S.", "..R...D", ".......", ".....S.",
        ];
        let changes: BTreeMap<char, Change> = [
            ('P', Change::BeginProvisioning),
            ('F', Change::FinishProvisioning),
            ('C', Change::Claim),
            ('M', Change::BeginMaintenance),
            ('E', Change::EndMaintenance),
            ('S', Change::Sanitize),
            ('R', Change::ReturnToClaim),
            ('D', Change::Decommission),
        ]
        .into();
        assert_eq!(changes.len(), Change::ALL.len());
        let from = || State::ALL.into_iter().map(lifecycle).chain([Lifecycle::UNREADABLE]);
        let (mut legal, mut refused) = (0, 0);
        for (from, row) in from().zip(table) {
            for (to, letter) in State::ALL.into_iter().zip(row.chars()) {
                for (name, change) in &changes {
                    let asked = from.change(*change, BY);
                    if *name != letter {
                        // Legal, if at all, to another state.
                        assert!(asked.is_err() || change.to() != to, "{from:?} {change:?} {to:?}");
                        refused += 1;
                        continue;
                    }
                    let mut log = Log::default();
                    let recorded = asked.unwrap().record(&mut log).unwrap();
                    assert_eq!(recorded.confirm(word_of(to)), Ok(lifecycle(to)));
                    assert_eq!(log.events, [0x0201]);
                    legal += 1;
                }
            }
        }
        println!("lifecycle: {legal} ways, {refused} refused");
        assert_eq!((legal, refused), (11, 8 * 7 * 8 - 11));
        assert_eq!(Lifecycle::UNREADABLE.change(Change::Claim, BY), Err(ChangeError::Unreadable));
        assert_eq!(lifecycle(State::Blank).change(Change::Claim, BY), Err(ChangeError::State));
    }

    fn word_of(state: State) -> Option<u32> {
        WORDS.iter().find(|(_, known)| *known == state).map(|(word, _)| *word)
    }

    /// Goal: nothing goes back but what may. Method: from each state, all that can be reached by any changes.
    #[test]
    fn nobody_gets_back_to_where_there_are_stations_or_away_from_the_end() {
        let mut reached = BTreeMap::new();
        for start in State::ALL {
            let mut seen = vec![start];
            let mut next = 0;
            while next < seen.len() {
                for change in Change::ALL {
                    let is_legal = lifecycle(seen[next]).change(change, BY).is_ok();
                    if is_legal && !seen.contains(&change.to()) {
                        seen.push(change.to());
                    }
                }
                next += 1;
            }
            reached.insert(place(start), seen);
        }
        for (start, seen) in &reached {
            // From the moment it waits for an owner no station is taken again.
            if *start >= 2 {
                assert!(!seen.iter().any(|state| lifecycle(*state).takes_station()));
            }
            let ends = seen.contains(&State::Decommissioned);
            assert!(ends, "{start} cannot end");
        }
        assert_eq!(reached[&6], [State::Decommissioned]);
    }

    fn place(state: State) -> usize {
        State::ALL.into_iter().position(|other| other == state).unwrap()
    }

    /// Both sides: with a log there is a word to store, with one that refuses there is none.
    #[test]
    fn a_change_that_was_not_recorded_has_no_word_to_store() {
        let change = || lifecycle(State::AwaitClaim).change(Change::Claim, BY).unwrap();
        let mut log = Log::default();
        let recorded = change().record(&mut log).unwrap();
        assert_eq!(Some(recorded.word()), word_of(State::InService));
        assert_eq!(
            change().event(),
            DeviceEvent::LifecycleChange {
                from: LifecycleState::AwaitClaim,
                to: LifecycleState::InService,
                by: BY,
            }
        );
        let mut full = Log { refuses: true, ..Log::default() };
        assert_eq!(change().record(&mut full), Err(RecordError::Full));
        // Only where there can be no log is there a way without.
        let states = || State::ALL.into_iter().map(lifecycle).chain([Lifecycle::UNREADABLE]);
        let unlogged: Vec<_> = states()
            .flat_map(|from| Change::ALL.map(|change| (change, from.change(change, BY))))
            .filter_map(|(change, asked)| Some((change, asked.ok()?.unlogged())))
            .filter(|(change, recorded)| {
                assert_eq!(recorded.is_some(), !change.has_log());
                recorded.is_some()
            })
            .map(|(change, _)| change)
            .collect();
        assert_eq!(unlogged, [Change::BeginProvisioning, Change::Decommission]);
    }

    /// Goal: what was not stored does not count. Method: what is read back is the word before, the word after, each other state's, each
    /// word within two bits of either, and none.
    #[test]
    fn only_the_word_that_was_read_back_counts() {
        let store = || -> Recorded {
            let from = lifecycle(State::InService).change(Change::BeginMaintenance, BY).unwrap();
            from.record(&mut Log::default()).unwrap()
        };
        let not_stored = |now| Err(NotStored { now });
        let unreadable = not_stored(Lifecycle::UNREADABLE);
        for (word, state) in WORDS {
            let confirmed = store().confirm(Some(word));
            match state {
                State::Maintenance => assert_eq!(confirmed, Ok(lifecycle(State::Maintenance))),
                State::InService => assert_eq!(confirmed, not_stored(lifecycle(state))),
                State::Blank
                | State::Provisioning
                | State::AwaitClaim
                | State::Sanitizing
                | State::Decommissioned
                | _ => assert_eq!(confirmed, unreadable),
            }
        }
        assert_eq!(store().confirm(None), unreadable);
        let mut flips = 0;
        for word in [State::InService, State::Maintenance].map(|state| word_of(state).unwrap()) {
            for a in 0..32 {
                for b in 0..=a {
                    let damaged = word ^ 1 << a ^ if a == b { 0 } else { 1 << b };
                    assert_eq!(store().confirm(Some(damaged)), unreadable);
                    flips += 1;
                }
            }
        }
        assert_eq!(flips, 2 * (32 + 496));
    }
}
