//! What is recorded of people keeps its ids, its fields and its codes.

use core::fmt::Write as _;

use medsec_auth::event::AuthEvent;
use medsec_core::event::Privacy;

/// Goal: a released event never changes. Method: compare with a file that only grows.
#[test]
fn the_catalogue_is_that_of_version_1() {
    let mut now = String::new();
    for info in AuthEvent::CATALOGUE {
        let (category, class) = (info.category.code(), info.class.code());
        let outcome = info.outcome.unwrap().code();
        write!(now, "{:04x} {} {category} {class} {outcome}", info.id, info.name).unwrap();
        for field in info.fields {
            let Privacy::Public(kind) = field.privacy else { panic!("{}", field.name) };
            write!(now, " {}:{}", field.name, kind.name()).unwrap();
            for code in field.codes {
                write!(now, ",{}={}", code.code, code.name).unwrap();
            }
        }
        now.push('\n');
    }
    assert_eq!(now, include_str!("golden/event_v1.txt"), "\n{now}");
}
