//! The catalogue of events, and the macro that declares one.

use crate::event::field::{Field, Kind};

/// The lowest id of medsec's own events.
pub const SYSTEM_ID_MIN: u16 = 0x0001;
/// The highest id of medsec's own events.
pub const SYSTEM_ID_MAX: u16 = 0x3FFF;
/// The lowest id of a maker's events.
pub const MAKER_ID_MIN: u16 = 0x4000;
/// The highest id of a maker's events.
pub const MAKER_ID_MAX: u16 = 0x7FFF;

/// One value of a closed list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CodeInfo {
    /// The code that stands for it in records.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
}

impl CodeInfo {
    /// The value `code`, called `name`.
    #[must_use]
    pub const fn new(code: u8, name: &'static str) -> Self {
        Self { code, name }
    }
}

/// What becomes of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Privacy {
    /// It says nothing about a person and stands in the record as this kind.
    Public(Kind),
    /// It is encrypted into the record.
    Encrypted,
    /// It is left out of the record.
    Omitted,
    /// It stands in the record's header.
    Header,
}

/// One field of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct FieldInfo {
    /// Its name in the source.
    pub name: &'static str,
    /// What becomes of it.
    pub privacy: Privacy,
    /// The names behind its codes; empty for other kinds.
    pub codes: &'static [CodeInfo],
}

impl FieldInfo {
    /// A public field of type `F`.
    #[must_use]
    pub const fn public<F: Field>(name: &'static str) -> Self {
        Self { name, privacy: Privacy::Public(F::KIND), codes: F::CODES }
    }

    /// A field that is not shown.
    #[must_use]
    pub const fn hidden(name: &'static str, privacy: Privacy) -> Self {
        Self { name, privacy, codes: &[] }
    }

    /// The name of `code`, if the field lists it.
    #[must_use]
    pub fn code_name(&self, code: u8) -> Option<&'static str> {
        self.codes.iter().find(|info| info.code == code).map(|info| info.name)
    }
}

/// One event of a catalogue, for those who read records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EventInfo {
    /// Its id, unique for ever.
    pub id: u16,
    /// Its name in the source.
    pub name: &'static str,
    /// Its category.
    pub category: crate::event::Category,
    /// What happens to its record when space runs out.
    pub class: crate::event::Class,
    /// How it ends; `None` if the record's header says so.
    pub outcome: Option<crate::event::Outcome>,
    /// Its fields, in the order of the record.
    pub fields: &'static [FieldInfo],
}

impl EventInfo {
    /// One line of a catalogue. Called by [`crate::events!`].
    #[must_use]
    pub const fn new(
        id: u16,
        name: &'static str,
        category: crate::event::Category,
        class: crate::event::Class,
        outcome: Option<crate::event::Outcome>,
        fields: &'static [FieldInfo],
    ) -> Self {
        Self { id, name, category, class, outcome, fields }
    }
}

/// Whether no id stands in two of the catalogues, or twice in one. For a `const` assertion where a maker has several.
///
/// ```
/// use medsec_core::event::{SystemEvent, catalogues_are_disjoint};
/// const _: () = assert!(catalogues_are_disjoint(&[SystemEvent::CATALOGUE]));
/// ```
#[must_use]
pub const fn catalogues_are_disjoint(catalogues: &[&[EventInfo]]) -> bool {
    let mut rest = catalogues;
    while let Some((first, others)) = rest.split_first() {
        let mut events: &[EventInfo] = first;
        while let Some((event, more)) = events.split_first() {
            if holds(more, event.id) {
                return false;
            }
            let mut tail = others;
            while let Some((other, next)) = tail.split_first() {
                if holds(other, event.id) {
                    return false;
                }
                tail = next;
            }
            events = more;
        }
        rest = others;
    }
    true
}

const fn holds(catalogue: &[EventInfo], id: u16) -> bool {
    let mut rest = catalogue;
    while let Some((event, more)) = rest.split_first() {
        if event.id == id {
            return true;
        }
        rest = more;
    }
    false
}

/// What the expansion of [`crate::events!`] checks at compile time.
#[doc(hidden)]
pub mod check {
    use super::{CodeInfo, EventInfo};

    /// Whether every id lies in `first..=last`.
    #[must_use]
    pub const fn ids_within(catalogue: &[EventInfo], first: u16, last: u16) -> bool {
        let mut rest = catalogue;
        while let Some((event, more)) = rest.split_first() {
            if event.id < first || event.id > last {
                return false;
            }
            rest = more;
        }
        true
    }

    /// Whether no code stands for two values.
    #[must_use]
    pub const fn codes_are_unique(values: &[CodeInfo]) -> bool {
        let mut rest = values;
        while let Some((value, more)) = rest.split_first() {
            let mut tail = more;
            while let Some((other, next)) = tail.split_first() {
                if value.code == other.code {
                    return false;
                }
                tail = next;
            }
            rest = more;
        }
        true
    }

    /// The sum of the sizes of an event's fields.
    #[must_use]
    pub const fn total(sizes: &[usize]) -> usize {
        let mut sum: usize = 0;
        let mut rest = sizes;
        while let Some((size, more)) = rest.split_first() {
            sum = sum.saturating_add(*size);
            rest = more;
        }
        sum
    }
}

/// Declares a maker's events, and the closed lists of names that their fields use.
///
/// An event reads `Name = id [Category, Class, Outcome] { fields }`. Each field states what becomes of it, by one of the
/// four words of [`crate::event`]; a field without a word does not compile. An event that may end in several ways
/// writes `outcome` in place of the outcome and has a field `header outcome: Outcome`.
///
/// It expands to the enum, its [`Event`](crate::event::Event) and a `CATALOGUE` for those who read records. These do not
/// compile: an id outside `0x4000..=0x7FFF`, an id or a code used twice, a `public` field of a type that could hold a
/// person's data, an `encrypt` or `omit` field that is not [`Sensitive`](crate::Sensitive), an event larger than
/// [`EVENT_FIELDS_BYTES_MAX`](crate::event::EVENT_FIELDS_BYTES_MAX).
///
/// # Example
/// ```
/// use medsec_core::event::{Count, Event, Metric, Outcome, PrincipalId, Unit};
/// use medsec_core::{Sensitive, events};
///
/// type PatientNumber = Sensitive<[u8; 15]>;
///
/// events! {
///     /// Why the pump stopped.
///     pub codes StopCause {
///         /// The line is blocked.
///         Occlusion = 1,
///         /// The reservoir is empty.
///         Empty = 2,
///     }
/// }
///
/// events! {
///     /// What the pump records.
///     pub enum PumpEvent {
///         /// The basal rate was changed.
///         RateChanged = 0x4001 [ConfigurationChange, Security, Success] {
///             /// The new rate.
///             public rate: Metric,
///             /// Who changed it.
///             public by: PrincipalId,
///             /// For whom.
///             encrypt patient: PatientNumber,
///             /// Free text.
///             omit comment: Sensitive<[u8; 32]>,
///         },
///         /// Delivery stopped.
///         Stopped = 0x4002 [ControlSystem, Operational, MajorFailure] {
///             /// Why.
///             public cause: StopCause,
///         },
///         /// A bolus ended.
///         BolusEnded = 0x4003 [ControlSystem, Operational, outcome] {
///             /// Whether all of it was given.
///             header outcome: Outcome,
///             /// Strokes of the motor.
///             public strokes: Count,
///         },
///         /// The keypad was locked.
///         KeypadLocked = 0x4004 [AccessControl, Operational, Success],
///     }
/// }
///
/// let event = PumpEvent::RateChanged {
///     rate: Metric::new(1_250, Unit::MicrolitrePerHour),
///     by: PrincipalId::new(*b"\x1f\x8a\x55\x02\x9c\x33\x71\xe0"),
///     patient: PatientNumber::new(*b"00471193       "),
///     comment: Sensitive::new([b' '; 32]),
/// };
/// assert_eq!((event.id(), event.outcome()), (0x4001, Outcome::Success));
/// assert_eq!(PumpEvent::CATALOGUE[0].fields[2].name, "patient");
/// ```
#[macro_export]
macro_rules! events {
    // Sizes, writes and catalogue lines of one field, by the word in front of it.
    (@bytes public, $ty:ty) => { <$ty as $crate::event::Field>::RECORD_BYTES };
    (@bytes encrypt, $ty:ty) => { <$ty as $crate::event::Personal>::RECORD_BYTES };
    (@bytes omit, $ty:ty) => { 1 };
    (@bytes header, $ty:ty) => { 0 };
    (@bytes $word:ident, $ty:ty) => {
        compile_error!("the word in front of a field is `public`, `encrypt`, `omit` or `header`")
    };

    (@write public, $out:ident, $field:ident) => { $out.public($field)?; };
    (@write encrypt, $out:ident, $field:ident) => { $out.encrypt($field)?; };
    (@write omit, $out:ident, $field:ident) => { $out.omit($field)?; };
    (@write $word:ident, $out:ident, $field:ident) => { let _ = $field; };

    (@info public, $field:ident, $ty:ty) => {
        $crate::event::FieldInfo::public::<$ty>(stringify!($field))
    };
    (@info encrypt, $field:ident, $ty:ty) => {
        $crate::event::FieldInfo::hidden(stringify!($field), $crate::event::Privacy::Encrypted)
    };
    (@info omit, $field:ident, $ty:ty) => {
        $crate::event::FieldInfo::hidden(stringify!($field), $crate::event::Privacy::Omitted)
    };
    (@info $word:ident, $field:ident, $ty:ty) => {
        $crate::event::FieldInfo::hidden(stringify!($field), $crate::event::Privacy::Header)
    };

    // A header field is the outcome of an event that has none fixed, and nothing else.
    (@header header, outcome, outcome) => {};
    (@header header, $field:ident, $outcome:ident) => {
        compile_error!(
            "`header` stands before the field `outcome` of an event whose third word is `outcome`"
        );
    };
    (@header $word:ident, $field:ident, $outcome:ident) => {};

    (@outcome outcome, $value:ident) => { *$value };
    (@outcome $outcome:ident, $value:ident) => { $crate::event::Outcome::$outcome };
    (@fixed_outcome outcome) => { ::core::option::Option::None };
    (@fixed_outcome $outcome:ident) => {
        ::core::option::Option::Some($crate::event::Outcome::$outcome)
    };

    (@first maker) => { $crate::event::MAKER_ID_MIN };
    (@last maker) => { $crate::event::MAKER_ID_MAX };
    (@first system) => { $crate::event::SYSTEM_ID_MIN };
    (@last system) => { $crate::event::SYSTEM_ID_MAX };

    (@declare $range:ident
        $(#[$meta:meta])*
        $vis:vis enum $name:ident {
            $(
                $(#[$event_meta:meta])*
                $event:ident = $id:literal [ $category:ident, $class:ident, $outcome:ident $(,)? ]
                $( {
                    $( $(#[$field_meta:meta])* $word:ident $field:ident : $ty:ty ),* $(,)?
                } )?
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        $vis enum $name {
            $( $(#[$event_meta])* $event $( { $( $(#[$field_meta])* $field: $ty ),* } )? ),+
        }

        impl $name {
            /// All events, in the order of their declaration.
            $vis const CATALOGUE: &'static [$crate::event::EventInfo] = &[ $(
                $crate::event::EventInfo::new(
                    $id,
                    stringify!($event),
                    $crate::event::Category::$category,
                    $crate::event::Class::$class,
                    $crate::events!(@fixed_outcome $outcome),
                    &[ $( $( $crate::events!(@info $word, $field, $ty) ),* )? ],
                )
            ),+ ];
        }

        const _: () = {
            assert!(
                $crate::event::check::ids_within(
                    $name::CATALOGUE,
                    $crate::events!(@first $range),
                    $crate::events!(@last $range),
                ),
                "an event id lies outside the range",
            );
            assert!(
                $crate::event::catalogues_are_disjoint(&[$name::CATALOGUE]),
                "an event id is used twice",
            );
        };
        $(
            $( $( $crate::events!(@header $word, $field, $outcome); )* )?
            const _: () = assert!(
                $crate::event::check::total(&[ $( $( $crate::events!(@bytes $word, $ty) ),* )? ])
                    <= $crate::event::EVENT_FIELDS_BYTES_MAX,
                "the fields of an event are too large",
            );
        )+

        impl $crate::event::Event for $name {
            fn id(&self) -> u16 {
                match self { $( Self::$event { .. } => $id ),+ }
            }

            fn category(&self) -> $crate::event::Category {
                match self { $( Self::$event { .. } => $crate::event::Category::$category ),+ }
            }

            fn class(&self) -> $crate::event::Class {
                match self { $( Self::$event { .. } => $crate::event::Class::$class ),+ }
            }

            fn outcome(&self) -> $crate::event::Outcome {
                match self { $(
                    Self::$event { $( $( $field ),* )? } => {
                        $( $( let _ = $field; )* )?
                        $crate::events!(@outcome $outcome, $outcome)
                    }
                ),+ }
            }

            fn encode(
                &self,
                out: &mut $crate::event::FieldWriter<'_>,
            ) -> ::core::result::Result<(), $crate::event::EncodeError> {
                match self { $(
                    Self::$event { $( $( $field ),* )? } => {
                        $( $( $crate::events!(@write $word, out, $field); )* )?
                    }
                ),+ }
                let _ = out;
                ::core::result::Result::Ok(())
            }
        }
    };
    (@declare $($anything:tt)*) => {
        compile_error!(
            "an event reads `Name = 0x4001 [Category, Class, Outcome] { word field: Type, … }`; the \
             word in front of each field is `public`, `encrypt`, `omit` or `header`"
        );
    };

    // Ids of medsec's own crates.
    (@system $($declaration:tt)*) => { $crate::events! { @declare system $($declaration)* } };

    // A closed list of names.
    (
        $(#[$meta:meta])*
        $vis:vis codes $name:ident {
            $( $(#[$value_meta:meta])* $value:ident = $code:literal ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        $vis enum $name {
            $( $(#[$value_meta])* $value ),+
        }

        impl $name {
            /// The byte that stands for it in records.
            #[must_use]
            $vis const fn code(self) -> u8 {
                match self { $( Self::$value => $code ),+ }
            }

            /// The value that `code` stands for, if any does.
            #[must_use]
            $vis const fn from_code(code: u8) -> ::core::option::Option<Self> {
                match code {
                    $( $code => ::core::option::Option::Some(Self::$value), )+
                    _ => ::core::option::Option::None,
                }
            }

            /// Its name in the source.
            #[must_use]
            $vis const fn name(self) -> &'static str {
                match self { $( Self::$value => stringify!($value) ),+ }
            }
        }

        impl $crate::event::Coded for $name {
            const VALUES: &'static [$crate::event::CodeInfo] =
                &[ $( $crate::event::CodeInfo::new($code, stringify!($value)) ),+ ];

            fn to_code(self) -> u8 {
                self.code()
            }
        }

        const _: () = assert!(
            $crate::event::check::codes_are_unique(<$name as $crate::event::Coded>::VALUES),
            "a code is used twice",
        );
    };

    ( $(#[$meta:meta])* $vis:vis enum $($declaration:tt)* ) => {
        $crate::events! { @declare maker $(#[$meta])* $vis enum $($declaration)* }
    };
}
