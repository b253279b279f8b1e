//! The macro that declares a policy.

/// Declares a maker's policy: roles, permissions, and duties to keep apart.
///
/// A role reads `Name = number may [permissions]`, with `includes [roles]` before `may` if it holds what others hold, and
/// `assigns [roles]` behind it if it gives roles to people. A permission reads `Name = number [Class, Need, Interface or
/// more]`, and then words: `emergency` (also without a credential), `essential` (also without a record), `presence`
/// (somebody has to be there), `two_persons` (a second one approves), `people` (manages people). Numbers are for ever.
///
/// It expands to the policy, an enum of roles, and a type for each permission. The rules of [`access`](crate::access) are
/// checked item by item, so that `cargo check` names what breaks one. [`Permission`](crate::access::Permission) is then
/// implemented for each permission, with what it is done with and what is recorded.
///
/// # Example
/// ```
/// use medsec_core::access::{Permission, Policy};
/// use medsec_core::event::{Event, Metric, PrincipalId, Unit};
/// use medsec_core::{events, policy};
///
/// policy! {
///     /// Who may do what at the pump.
///     pub policy PumpPolicy;
///
///     /// What people are to the pump.
///     pub roles PumpRole {
///         /// Cares for the patient.
///         Nurse = 0 may [ChangeRate],
///         /// Knows people and settings.
///         Administrator = 1 may [ManagePeople] assigns [Nurse, Auditor, Administrator],
///         /// Reads the log.
///         Auditor = 2 may [ExportLog],
///     }
///
///     permissions {
///         /// Changes the rate of delivery.
///         ChangeRate = 0 [Clinical, OneFactor, Local] emergency,
///         /// Makes people known.
///         ManagePeople = 1 [Administration, TwoFactors, Local] people,
///         /// Takes the log away.
///         ExportLog = 2 [Evidence, OneFactor, Local, Remote],
///     }
///
///     apart {
///         ChangeRate and ExportLog,
///     }
/// }
///
/// events! {
///     /// What the pump records.
///     pub enum PumpEvent {
///         /// The rate was changed.
///         RateChanged = 0x4001 [ConfigurationChange, Security, Success] {
///             /// From now on.
///             public to: Metric,
///             /// Who changed it.
///             public by: PrincipalId,
///         },
///     }
/// }
///
/// impl Permission for ChangeRate {
///     /// The rate in microlitres per hour.
///     type Args = u16;
///
///     fn event(rate: &u16, by: PrincipalId) -> impl Event {
///         let to = Metric::new(i32::from(*rate), Unit::MicrolitrePerHour);
///         PumpEvent::RateChanged { to, by }
///     }
/// }
///
/// assert_eq!(PumpPolicy::ALLOW[usize::from(PumpRole::Nurse.number())], 0b001);
/// ```
#[macro_export]
macro_rules! policy {
    (
        $(#[$meta:meta])*
        $vis:vis policy $policy:ident $(, grants for $ms:literal ms)?;

        $(#[$roles_meta:meta])*
        $roles_vis:vis roles $roles:ident { $(
            $(#[$role_meta:meta])*
            $role:ident = $role_number:literal
                $( includes [ $($included:ident),* $(,)? ] )?
                may [ $($held:ident),* $(,)? ]
                $( assigns [ $($assigned:ident),* $(,)? ] )?
        ),+ $(,)? }

        permissions { $(
            $(#[$permission_meta:meta])*
            $permission:ident = $number:literal
                [ $class:ident, $need:ident $(, $interface:ident)+ $(,)? ] $($word:ident)*
        ),+ $(,)? }

        apart $apart:tt
    ) => {
        $(#[$meta])*
        #[derive(Debug)]
        #[non_exhaustive]
        $vis enum $policy {}

        $(#[$roles_meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[non_exhaustive]
        $roles_vis enum $roles { $( $(#[$role_meta])* $role ),+ }

        impl $roles {
            /// All of them, in the order of their declaration.
            $roles_vis const ALL: &'static [Self] = &[ $( Self::$role ),+ ];

            /// Its number, for ever.
            #[must_use]
            $roles_vis const fn number(self) -> u8 {
                match self { $( Self::$role => $role_number ),+ }
            }

            /// The role with this number.
            #[must_use]
            $roles_vis const fn of(number: u8) -> ::core::option::Option<Self> {
                match number {
                    $( $role_number => ::core::option::Option::Some(Self::$role), )+
                    _ => ::core::option::Option::None,
                }
            }
        }

        $(
            $(#[$permission_meta])*
            #[derive(Debug)]
            #[non_exhaustive]
            $vis enum $permission {}

            impl $crate::access::check::Declared for $permission {
                type Policy = $policy;
                const NUMBER: u8 = $number;
            }

            $( $crate::policy! { @marker $word $permission } )*
        )+

        impl $policy {
            const ROWS: &'static [$crate::access::check::RoleRow] = &[ $(
                $crate::access::check::RoleRow {
                    number: $role_number,
                    includes: $crate::access::check::role_bits(
                        &[ $( $( $roles::$included.number() ),* )? ],
                    ),
                    holds: $crate::access::check::bits(
                        &[ $( <$held as $crate::access::check::Declared>::NUMBER ),* ],
                    ),
                }
            ),+ ];
        }

        impl $crate::access::Policy for $policy {
            const ROLES: &'static [$crate::access::RoleInfo] = &[ $(
                $crate::access::RoleInfo::new(
                    $role_number,
                    stringify!($role),
                    $crate::access::check::role_bits(
                        &[ $( $( $roles::$assigned.number() ),* )? ],
                    ),
                )
            ),+ ];
            const PERMISSIONS: &'static [$crate::access::PermissionInfo] = &[ $(
                $crate::access::PermissionInfo::new(
                    $number,
                    stringify!($permission),
                    $crate::access::Class::$class,
                    $crate::access::Need::$need,
                    $crate::access::Interfaces::NONE
                        $( .with($crate::access::Interface::$interface) )+,
                ) $( . $word () )*
            ),+ ];
            const ALLOW: [u32; $crate::access::ROLES_MAX] =
                $crate::access::check::allow($policy::ROWS);
            const RULES: [$crate::access::Rule; $crate::access::PERMISSIONS_MAX] =
                $crate::access::check::rules(<$policy as $crate::access::Policy>::PERMISSIONS);
            $( const GRANT_MS: u32 = $ms; )?
        }

        const _: () = {
            assert!(
                $crate::access::check::numbers_are_good(&[ $( $role_number ),+ ], 8),
                "the number of a role is used twice, or above 7",
            );
            assert!(
                $crate::access::check::numbers_are_good(&[ $( $number ),+ ], 32),
                "the number of a permission is used twice, or above 31",
            );
            assert!(
                $crate::access::check::manages_people(
                    <$policy as $crate::access::Policy>::PERMISSIONS,
                ),
                "no permission has the word `people`: nobody could be made known to the device",
            );
            assert!(
                $crate::access::check::grants_end(<$policy as $crate::access::Policy>::GRANT_MS),
                "grants end after 1 to 5,000 milliseconds",
            );
        };
        $(
            const _: () = assert!(
                $crate::access::check::is_held($policy::ROWS, $number),
                concat!("no role holds the permission `", stringify!($permission), "`"),
            );
            const _: () = assert!(
                $crate::access::check::words_suit(
                    <$policy as $crate::access::Policy>::PERMISSIONS,
                    $number,
                ),
                concat!(
                    "`", stringify!($permission), "`: `emergency` and `essential` are for clinical permissions, \
                     `emergency` for local ones",
                ),
            );
            const _: () = assert!(
                $crate::access::check::people_suit(
                    <$policy as $crate::access::Policy>::PERMISSIONS,
                    $number,
                ),
                concat!(
                    "`", stringify!($permission), "`: to manage people is administration and needs two factors",
                ),
            );
        )+
        $(
            const _: () = assert!(
                !$crate::access::check::includes_itself($policy::ROWS, $role_number),
                concat!("the role `", stringify!($role), "` includes itself"),
            );
            const _: () = assert!(
                $crate::access::check::enrols_or_audits(
                    <$policy as $crate::access::Policy>::PERMISSIONS,
                    $policy::ROWS,
                    $role_number,
                ),
                concat!("the role `", stringify!($role), "` both manages people and reads evidence"),
            );
            const _: () = assert!(
                $crate::access::check::assigns_suit(
                    <$policy as $crate::access::Policy>::PERMISSIONS,
                    <$policy as $crate::access::Policy>::ROLES,
                    $policy::ROWS,
                    $role_number,
                ),
                concat!(
                    "the role `", stringify!($role), "` manages people and assigns no role, or assigns roles and \
                     manages nobody",
                ),
            );
            $crate::policy! { @apart $policy $role $role_number $apart }
        )+
    };

    // Duties to keep apart, for one role.
    (@apart $policy:ident $role:ident $role_number:literal
        { $( $one:ident and $other:ident ),* $(,)? }
    ) => {
        $( const _: () = assert!(
            $crate::access::check::keeps_apart(
                $policy::ROWS,
                $role_number,
                <$one as $crate::access::check::Declared>::NUMBER,
                <$other as $crate::access::check::Declared>::NUMBER,
            ),
            concat!(
                "the role `", stringify!($role), "` holds both `", stringify!($one), "` and `", stringify!($other),
                "`, which are to be kept apart",
            ),
        ); )*
    };
    (@apart $($anything:tt)*) => {
        compile_error!("duties to keep apart read `One and Other`, with commas between them");
    };

    // What a word says of the type.
    (@marker emergency $permission:ident) => {
        impl $crate::access::check::DeclaredInEmergency for $permission {}
    };
    (@marker essential $permission:ident) => {};
    (@marker presence $permission:ident) => {};
    (@marker two_persons $permission:ident) => {};
    (@marker people $permission:ident) => {};
    (@marker $word:ident $permission:ident) => {
        compile_error!(
            "the words of a permission are `emergency`, `essential`, `presence`, `two_persons` and `people`"
        );
    };

    ($($anything:tt)*) => {
        compile_error!(
            "a policy reads `policy Name; roles Name { Role = 0 may [Permission], … } permissions { Permission = 0 \
             [Class, Need, Interface], … } apart { One and Other, … }`"
        );
    };
}
