//! The file of what is expected, and what it says of a cell.

use std::collections::BTreeMap;

use crate::cells::{self, Cell, FROM, PERMISSIONS, PRESENT, ROLES, SHOWN, Second};

const FILE: &str = include_str!("expected.txt");
const REQUIREMENTS: &str = include_str!("../../../../docs/requirements.md");

/// Places of a list, one bit each.
type Places = u32;

/// Which second persons a line is about.
#[derive(Clone, Copy)]
enum Seconds {
    Any,
    None,
    Himself,
    Other { roles: Places, from: Places, shown: Places },
}

/// One line about cells.
struct Line {
    text: &'static str,
    allows: bool,
    roles: Places,
    permissions: Places,
    lives: Places,
    from: Places,
    shown: Places,
    present: Places,
    seconds: Seconds,
}

/// One line about emergencies.
struct Emergency {
    text: &'static str,
    allows: bool,
    permissions: Places,
    lives: Places,
    present: Places,
}

/// All that the file says.
#[derive(Default)]
pub(crate) struct Expected {
    lines: Vec<Line>,
    emergency: Vec<Emergency>,
    unrecorded: Vec<(bool, Places)>,
    /// Most that a role is given, by the role's place.
    pub(crate) ceilings: BTreeMap<usize, Places>,
    /// The roles that a role gives.
    pub(crate) assigns: BTreeMap<usize, Places>,
    /// What one role never does both of.
    pub(crate) apart: Vec<(Places, Places)>,
    sets: BTreeMap<&'static str, Places>,
}

pub(crate) const fn has(places: Places, place: usize) -> bool {
    places >> place & 1 == 1
}

/// Reads a list of names, `!` before those that are not meant, `*` for all. Each name of `names` may stand for several places.
fn places(text: &str, names: &[&str]) -> Places {
    let all = names.iter().enumerate().fold(0, |sum, (place, _)| sum | 1 << place);
    if text == "*" {
        return all;
    }
    let (is_turned, list) = text.strip_prefix('!').map_or((false, text), |list| (true, list));
    let mut sum = 0;
    for name in list.split(',').filter(|name| !name.is_empty()) {
        let is_it = |(_, other): &(usize, &&str)| **other == name;
        let found = names.iter().enumerate().filter(is_it);
        let bits = found.fold(0, |sum, (place, _)| sum | 1 << place);
        assert_ne!(bits, 0, "nothing is called {name}");
        sum |= bits;
    }
    if is_turned { all & !sum } else { sum }
}

fn role_names() -> Vec<&'static str> {
    ROLES.iter().map(|role| role.0).collect()
}

fn from_names() -> Vec<&'static str> {
    FROM.iter().map(|from| from.0).collect()
}

impl Expected {
    /// Reads the file.
    pub(crate) fn read() -> Self {
        Self::of(FILE)
    }

    pub(crate) fn of(file: &'static str) -> Self {
        let mut expected = Self::default();
        for text in file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            expected.line(text);
        }
        expected
    }

    fn line(&mut self, text: &'static str) {
        let words: Vec<&str> = text.split('|').map(str::trim).collect();
        if let ["set", name, list] = words[..] {
            self.sets.insert(name, places(list, &SHOWN));
            return;
        }
        let (id, reason) = words[words.len() - 1].split_once(": ").unwrap();
        assert!(REQUIREMENTS.contains(&format!("\n| {id} |")) && !reason.is_empty(), "{text}");
        let (roles, permissions) = (&role_names()[..], &PERMISSIONS[..]);
        match words[..words.len() - 1] {
            [verdict @ ("allow" | "deny"), role, what, life, from, shown, present, second] => {
                let line = Line {
                    text,
                    allows: verdict == "allow",
                    roles: places(role, roles),
                    permissions: places(what, permissions),
                    lives: places(life, &cells::lives()),
                    from: places(from, &from_names()),
                    shown: self.shown(shown),
                    present: places(present, &PRESENT),
                    seconds: self.seconds(second),
                };
                self.lines.push(line);
            }
            [verdict @ ("emergency allow" | "emergency deny"), what, life, present] => {
                self.emergency.push(Emergency {
                    text,
                    allows: verdict == "emergency allow",
                    permissions: places(what, permissions),
                    lives: places(life, &cells::lives()),
                    present: places(present, &PRESENT),
                });
            }
            [verdict @ ("unrecorded allow" | "unrecorded deny"), what] => {
                self.unrecorded.push((verdict == "unrecorded allow", places(what, permissions)));
            }
            ["ceiling", role, what] => {
                let what = places(what, permissions);
                each(places(role, roles), |role| self.ceilings.insert(role, what));
            }
            ["assigns", role, given] => {
                let given = places(given, roles);
                each(places(role, roles), |role| self.assigns.insert(role, given));
            }
            ["apart", one, other] => {
                self.apart.push((places(one, permissions), places(other, permissions)));
            }
            _ => panic!("not a line: {text}"),
        }
    }

    /// As [`places`], with the names of sets.
    fn shown(&self, text: &str) -> Places {
        let (is_turned, name) = text.strip_prefix('!').map_or((false, text), |name| (true, name));
        match self.sets.get(name) {
            Some(set) if is_turned => places("*", &SHOWN) & !set,
            Some(set) => *set,
            None => places(text, &SHOWN),
        }
    }

    fn seconds(&self, text: &str) -> Seconds {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["*"] => Seconds::Any,
            ["none"] => Seconds::None,
            ["himself"] => Seconds::Himself,
            ["other", role, from, shown] => Seconds::Other {
                roles: places(role, &role_names()),
                from: places(from, &from_names()),
                shown: self.shown(shown),
            },
            _ => panic!("not a second person: {text}"),
        }
    }

    /// What the lines say of a cell; each line that is about it has its bit set in `met`.
    ///
    /// # Errors
    /// No line is about it, or two contradict.
    pub(crate) fn cell(&self, cell: &Cell, met: &mut u64) -> Result<bool, String> {
        let (mut allows, mut denies) = (None, None);
        for (place, line) in self.lines.iter().enumerate().filter(|(_, line)| line.is_about(cell)) {
            *met |= 1 << place;
            *(if line.allows { &mut allows } else { &mut denies }) = Some(line.text);
        }
        one_of(cell, allows, denies)
    }

    /// The line about a cell, if it is the only one.
    pub(crate) fn alone(&self, cell: &Cell) -> Option<&'static str> {
        let mut about = self.lines.iter().filter(|line| line.is_about(cell));
        let first = about.next()?;
        about.next().is_none().then_some(first.text)
    }

    /// What is said of an emergency: permission, life, presence.
    ///
    /// # Errors
    /// As [`Expected::cell`].
    pub(crate) fn emergency(
        &self,
        asked @ (permission, life, present): (usize, usize, bool),
        met: &mut u64,
    ) -> Result<bool, String> {
        let (mut allows, mut denies) = (None, None);
        let is_about = |line: &Emergency| {
            has(line.permissions, permission)
                && has(line.lives, life)
                && has(line.present, usize::from(present))
        };
        let lines = self.lines.len()..;
        for (place, line) in lines.zip(&self.emergency).filter(|(_, line)| is_about(line)) {
            *met |= 1 << place;
            *(if line.allows { &mut allows } else { &mut denies }) = Some(line.text);
        }
        one_of(&asked, allows, denies)
    }

    /// Whether a permission is granted if that cannot be recorded.
    pub(crate) fn unrecorded(&self, permission: usize) -> bool {
        let mut said = self.unrecorded.iter().filter(|line| has(line.1, permission));
        let first = said.next().unwrap();
        assert!(said.all(|line| line.0 == first.0));
        first.0
    }

    /// Lines about cells and emergencies.
    pub(crate) fn count(&self) -> usize {
        self.lines.len() + self.emergency.len()
    }
}

/// The one verdict of two.
fn one_of<C: core::fmt::Debug>(
    cell: &C,
    allows: Option<&str>,
    denies: Option<&str>,
) -> Result<bool, String> {
    match (allows, denies) {
        (Some(_), None) => Ok(true),
        (None, Some(_)) => Ok(false),
        (None, None) => Err(format!("no line is about {cell:?}")),
        (Some(one), Some(other)) => Err(format!("{cell:?}: \"{one}\" and \"{other}\"")),
    }
}

fn each<T>(places: Places, mut act: impl FnMut(usize) -> Option<T>) {
    for place in (0..32).filter(|place| has(places, *place)) {
        assert!(act(place).is_none(), "said twice");
    }
}

impl Line {
    fn is_about(&self, cell: &Cell) -> bool {
        has(self.permissions, cell.permission)
            && has(self.roles, cell.role)
            && has(self.lives, cell.life)
            && has(self.from, cell.from)
            && has(self.shown, cell.shown)
            && has(self.present, usize::from(cell.present))
            && self.seconds.are_about(cell.second)
    }
}

impl Seconds {
    const fn are_about(self, second: Option<Second>) -> bool {
        match (self, second) {
            (Self::Any, _) | (Self::None, None) => true,
            (Self::Himself, Some(second)) => second.is_himself,
            (Self::Other { roles, from, shown }, Some(second)) => {
                !second.is_himself
                    && has(roles, second.role)
                    && has(from, second.from)
                    && has(shown, second.shown)
            }
            (Self::None, Some(_)) | (Self::Himself | Self::Other { .. }, None) => false,
        }
    }
}
