//! Events: what is written is read back, what is personal is not seen, and the bytes never change.

#[cfg(test)]
mod tests {
    use core::fmt::Write;

    use medsec_core::event::{
        Category, Class, Coded, Count, DecodeError, DeviceEvent, DeviceRef, Digest8, Duration,
        EVENT_FIELDS_BYTES_MAX, EncodeError, Event, EventInfo, FieldValue, Fields, Kind, Metric,
        Outcome, PersonalSealer, PrincipalId, Privacy, RecordError, Recorder, ResetCause,
        SystemEvent, Unit, encode, unpad,
    };
    use medsec_core::suite::SealError;
    use medsec_core::time::{TimeSource, WallTime};
    use medsec_core::{Sensitive, events};

    type Patient = Sensitive<[u8; 15]>;
    type Name = Sensitive<[u8; 16]>;

    events! {
        /// Why the pump stopped.
        codes StopCause {
            /// The line is blocked.
            Occlusion = 1,
            /// The reservoir is empty.
            Empty = 7,
        }
    }

    events! {
        /// One event of each shape.
        enum PumpEvent {
            /// Every public kind.
            Everything = 0x4001 [ConfigurationChange, Security, Success] {
                public code: StopCause,
                public metric: Metric,
                public count: Count,
                public duration: Duration,
                public principal: PrincipalId,
                public device: DeviceRef,
                public digest: Digest8,
                public time: WallTime,
            },
            /// Personal values.
            Admitted = 0x4002 [AccessControl, Security, outcome] {
                header outcome: Outcome,
                encrypt patient: Patient,
                omit comment: Sensitive<[u8; 32]>,
                public count: Count,
            },
            /// One byte more than [`Patient`].
            Named = 0x7FFF [AccessControl, Operational, Success] { encrypt name: Name },
            /// No fields.
            Idle = 0x4000 [ControlSystem, Operational, MinorFailure],
        }
    }

    /// Stands in for a cipher: inverts each bit, and counts its calls in the tag.
    struct Inverter(u8);

    impl PersonalSealer for Inverter {
        fn seal(&mut self, padded: &mut [u8]) -> Result<[u8; 16], SealError> {
            padded.iter_mut().for_each(|byte| *byte = !*byte);
            self.0 = self.0.wrapping_add(1);
            Ok([self.0; 16])
        }
    }

    struct Refuser;

    impl PersonalSealer for Refuser {
        fn seal(&mut self, _: &mut [u8]) -> Result<[u8; 16], SealError> {
            Err(SealError::NumberUsed)
        }
    }

    fn bytes_of<E: Event>(event: &E) -> Vec<u8> {
        let mut buffer = [0; EVENT_FIELDS_BYTES_MAX];
        let bytes = encode(event, &mut buffer, &mut Inverter(0)).unwrap();
        buffer[..bytes].to_vec()
    }

    const TIME: WallTime = WallTime {
        unix_seconds: 1_790_000_000,
        source: TimeSource::Authenticated,
        uncertainty_seconds: 2,
    };

    fn everything() -> PumpEvent {
        let mut hash = [0xEE; 32];
        hash[..8].copy_from_slice(b"\x70\x71\x72\x73\x74\x75\x76\x77");
        PumpEvent::Everything {
            code: StopCause::Empty,
            metric: Metric::new(-1_250, Unit::MicrolitrePerHour),
            count: Count::new(0x0403_0201),
            duration: Duration::from_millis(60_000),
            principal: PrincipalId::new([0x50; 8]),
            device: DeviceRef::new([0x60; 8]),
            digest: Digest8::of(&hash),
            time: TIME,
        }
    }

    fn admitted() -> PumpEvent {
        PumpEvent::Admitted {
            outcome: Outcome::SeriousFailure,
            patient: Patient::new(*b"00471193 Miller"),
            comment: Sensitive::new(*b"afraid of needles, prefers left "),
            count: Count::new(1),
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    /// Goal: every public kind is read as it was written. Method: one event that has them all.
    #[test]
    fn every_public_kind_is_read_back() {
        let event = everything();
        let bytes = bytes_of(&event);
        let fields: Vec<_> = Fields::new(&bytes).map(Result::unwrap).collect();
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(b"\x70\x71\x72\x73\x74\x75\x76\x77");
        assert_eq!(
            fields,
            [
                FieldValue::Code(7),
                FieldValue::Metric(Metric::new(-1_250, Unit::MicrolitrePerHour)),
                FieldValue::Count(Count::new(0x0403_0201)),
                FieldValue::Duration(Duration::from_millis(60_000)),
                FieldValue::Principal(PrincipalId::new([0x50; 8])),
                FieldValue::Device(DeviceRef::new([0x60; 8])),
                FieldValue::Digest(Digest8::of(&hash)),
                FieldValue::Time(TIME),
            ]
        );
        assert_eq!(StopCause::from_code(7), Some(StopCause::Empty));
        assert_eq!(PumpEvent::CATALOGUE[0].verify(&bytes), Ok(()));
    }

    #[test]
    fn an_event_tells_its_id_category_class_and_outcome() {
        let facts =
            |event: PumpEvent| (event.id(), event.category(), event.class(), event.outcome());
        assert_eq!(
            facts(everything()),
            (0x4001, Category::ConfigurationChange, Class::Security, Outcome::Success)
        );
        assert_eq!(
            facts(admitted()),
            (0x4002, Category::AccessControl, Class::Security, Outcome::SeriousFailure)
        );
        assert_eq!(
            facts(PumpEvent::Idle),
            (0x4000, Category::ControlSystem, Class::Operational, Outcome::MinorFailure)
        );
        assert_eq!(PumpEvent::CATALOGUE[1].outcome, None);
        assert_eq!(PumpEvent::CATALOGUE[3].outcome, Some(Outcome::MinorFailure));
        assert!(bytes_of(&PumpEvent::Idle).is_empty());
    }

    /// Goal: an encrypted value opens to what it was, an omitted one leaves its place only.
    #[test]
    fn a_personal_value_is_sealed_or_left_out() {
        let bytes = bytes_of(&admitted());
        let fields: Vec<_> = Fields::new(&bytes).map(Result::unwrap).collect();
        let FieldValue::Sealed { ciphertext, tag } = fields[0] else { panic!("{:?}", fields[0]) };
        let padded: Vec<u8> = ciphertext.iter().map(|byte| !byte).collect();
        assert_eq!(unpad(&padded), Ok(&b"00471193 Miller"[..]));
        assert_eq!(tag, [1; 16]);
        assert_eq!(fields[1..], [FieldValue::Omitted, FieldValue::Count(Count::new(1))]);
        assert_eq!(PumpEvent::CATALOGUE[1].verify(&bytes), Ok(()));
    }

    /// Goal: no part of a personal value is in the record. Method: search for each window of four bytes, also after
    /// the sealer refused and after the buffer was too small, at each size.
    #[test]
    fn no_window_of_a_personal_value_is_in_the_buffer() {
        let personal = [&b"00471193 Miller"[..], &b"afraid of needles, prefers left "[..]];
        let search = |buffer: &[u8]| {
            for window in personal.iter().flat_map(|value| value.windows(4)) {
                assert!(!buffer.windows(4).any(|found| found == window), "{}", hex(window));
            }
        };
        let mut refused = [0; EVENT_FIELDS_BYTES_MAX];
        assert_eq!(
            encode(&admitted(), &mut refused, &mut Refuser),
            Err(EncodeError::NotSealed(SealError::NumberUsed))
        );
        search(&refused);
        let whole = bytes_of(&admitted()).len();
        for bytes in 0..=whole {
            let mut buffer = vec![0; bytes];
            let result = encode(&admitted(), &mut buffer, &mut Inverter(0));
            let expected = if bytes == whole { Ok(whole) } else { Err(EncodeError::TooLong) };
            assert_eq!(result, expected);
            search(&buffer);
        }
    }

    /// Goal: only the class of length shows. Method: values that differ give equal sizes; one byte more than a step
    /// gives one step more.
    #[test]
    fn the_size_of_a_sealed_value_is_that_of_its_type() {
        let bytes = |name: [u8; 16]| bytes_of(&PumpEvent::Named { name: Name::new(name) }).len();
        assert_eq!(bytes([0; 16]), bytes(*b"Maximilian Smith"));
        assert_eq!(bytes([0; 16]), 1 + 1 + 32 + 16);
        let sealed = bytes_of(&admitted()).len() - 1 - 5;
        assert_eq!(sealed, 1 + 1 + 16 + 16);
    }

    #[test]
    fn a_buffer_larger_than_an_event_may_be_is_not_used_further() {
        let mut buffer = [0; 2 * EVENT_FIELDS_BYTES_MAX];
        let mut sealer = Inverter(0);
        let mut fields = medsec_core::event::FieldWriter::new(&mut buffer, &mut sealer);
        for _ in 0..EVENT_FIELDS_BYTES_MAX {
            fields.omit(&Patient::new([0; 15])).unwrap();
        }
        assert_eq!(fields.omit(&Patient::new([0; 15])), Err(EncodeError::TooLong));
    }

    /// Goal: a damaged record is an error and never another event. Method: cut at each length, and each kind byte.
    #[test]
    fn cut_fields_and_unknown_bytes_are_refused() {
        for (index, event) in [(0, everything()), (1, admitted())] {
            let bytes = bytes_of(&event);
            let info = &PumpEvent::CATALOGUE[index];
            for cut in 0..bytes.len() {
                let error = info.verify(&bytes[..cut]).unwrap_err();
                assert!(
                    matches!(error, DecodeError::Short | DecodeError::Missing),
                    "{error} at {cut}"
                );
            }
            let mut longer = bytes.clone();
            longer.push(Kind::Omitted.code());
            assert_eq!(info.verify(&longer), Err(DecodeError::Trailing));
        }
        for kind in 0..=u8::MAX {
            let mut fields = [0; EVENT_FIELDS_BYTES_MAX];
            fields[0] = kind;
            let first = Fields::new(&fields).next().unwrap();
            match Kind::from_code(kind) {
                None => assert_eq!(first, Err(DecodeError::UnknownKind)),
                Some(Kind::Metric) => assert_eq!(first, Err(DecodeError::UnknownValue)),
                Some(Kind::Sealed) => assert_eq!(first, Err(DecodeError::Length)),
                Some(known) => assert_eq!(first.unwrap().kind(), known),
            }
        }
    }

    #[test]
    fn the_iterator_ends_after_an_error() {
        let mut fields = Fields::new(&[0x40, 0x3F, 0x40]);
        assert_eq!(fields.next(), Some(Ok(FieldValue::Omitted)));
        assert_eq!(fields.next(), Some(Err(DecodeError::UnknownKind)));
        assert_eq!(fields.next(), None);
    }

    #[test]
    fn a_sealed_length_that_is_no_whole_step_is_refused() {
        for bytes in 0..=u8::MAX {
            let mut fields = vec![Kind::Sealed.code(), bytes];
            fields.resize(2 + 255 + 16, 0);
            let legal = bytes != 0 && bytes <= 80 && bytes % 16 == 0;
            let first = Fields::new(&fields).next().unwrap();
            assert_eq!(first.is_ok(), legal, "{bytes}");
        }
    }

    /// Goal: one value has one padding. Method: every length byte against every padded size.
    #[test]
    fn only_the_minimal_zero_padding_is_accepted() {
        for size in 0..=96_usize {
            for length in 0..=u8::MAX {
                let mut padded = vec![0; size];
                padded.iter_mut().take(1).for_each(|byte| *byte = length);
                let value = usize::from(length);
                let legal = size > 0
                    && size <= 80
                    && size % 16 == 0
                    && (value + 1).next_multiple_of(16) == size;
                assert_eq!(unpad(&padded).is_ok(), legal, "{size} {length}");
                if legal && value + 1 < size {
                    padded[value + 1] = 1;
                    assert_eq!(unpad(&padded), Err(DecodeError::Padding));
                }
            }
        }
    }

    #[test]
    fn a_code_or_kind_that_the_catalogue_does_not_list_is_refused() {
        let mut bytes = bytes_of(&everything());
        bytes[1] = 2;
        assert_eq!(PumpEvent::CATALOGUE[0].verify(&bytes), Err(DecodeError::UnknownValue));
        bytes[0] = Kind::Omitted.code();
        assert_eq!(PumpEvent::CATALOGUE[0].verify(&bytes), Err(DecodeError::WrongKind));
    }

    #[test]
    fn codes_lead_back_to_their_values() {
        for code in 0..=u8::MAX {
            assert!(Category::from_code(code).is_none_or(|value| value.code() == code));
            assert!(Class::from_code(code).is_none_or(|value| value.code() == code));
            assert!(Outcome::from_code(code).is_none_or(|value| value.code() == code));
            assert!(Unit::from_code(code).is_none_or(|value| value.code() == code));
            assert!(Kind::from_code(code).is_none_or(|value| value.code() == code));
        }
        assert_eq!(Outcome::MajorFailure.code(), 12);
        assert_eq!(Outcome::from_code(1), None);
    }

    /// Goal: the log's errors reach the caller through a lent recorder.
    #[test]
    fn a_lent_recorder_records() {
        struct Counter(u32);
        impl Recorder for Counter {
            fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
                let mut buffer = [0; 1];
                encode(event, &mut buffer, &mut Inverter(0))?;
                self.0 += 1;
                Ok(())
            }
        }
        fn report(log: &mut impl Recorder) -> [Result<(), RecordError>; 2] {
            let boot = SystemEvent::BootCompleted { cause: ResetCause::Watchdog };
            [log.record(&PumpEvent::Idle), log.record(&boot)]
        }
        let mut counter = Counter(0);
        assert_eq!(report(&mut &mut counter), [Ok(()), Err(RecordError::TooLong)]);
        assert_eq!(counter.0, 1);
    }

    fn line(info: &EventInfo) -> String {
        let mut text = format!(
            "{:04x} {} {:02x} {:02x}",
            info.id,
            info.name,
            info.category.code(),
            info.class.code()
        );
        match info.outcome {
            Some(outcome) => write!(text, " {:02x}", outcome.code()).unwrap(),
            None => text.push_str(" --"),
        }
        for field in info.fields {
            let kind = match field.privacy {
                Privacy::Public(kind) => kind.name(),
                Privacy::Encrypted => "sealed",
                Privacy::Omitted => "omitted",
                Privacy::Header => "header",
                _ => panic!("a new privacy class"),
            };
            write!(text, " {}:{kind}", field.name).unwrap();
            for code in field.codes {
                write!(text, ",{}={}", code.code, code.name).unwrap();
            }
        }
        text
    }

    /// Goal: a released format never changes. Method: compare with bytes and names that are never rewritten; events that came
    /// later stand in a file of their own, which only grows.
    #[test]
    fn the_bytes_and_the_catalogue_are_those_of_version_1() {
        let golden = include_str!("golden/event_v1.txt");
        let mut now = String::new();
        writeln!(now, "everything {}", hex(&bytes_of(&everything()))).unwrap();
        writeln!(now, "admitted {}", hex(&bytes_of(&admitted()))).unwrap();
        for info in SystemEvent::CATALOGUE.iter().chain(DeviceEvent::CATALOGUE) {
            writeln!(now, "{}", line(info)).unwrap();
        }
        for (name, values) in [
            ("Category", Category::VALUES),
            ("Class", Class::VALUES),
            ("Outcome", Outcome::VALUES),
            ("Unit", Unit::VALUES),
            ("Kind", Kind::VALUES),
        ] {
            now.push_str(name);
            for value in values {
                write!(now, " {}={}", value.code, value.name).unwrap();
            }
            now.push('\n');
        }
        let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
        let added: Vec<_> = lines(include_str!("golden/event_v1_added.txt")).collect();
        let (later, kept): (Vec<_>, Vec<_>) = now.lines().partition(|line| added.contains(line));
        assert_eq!(lines(golden).collect::<Vec<_>>(), kept, "\n{now}");
        assert_eq!(added, later, "\n{now}");
    }
}
