//! What an adversary knows who sees every message, and what that lets him compute (Dolev and Yao).

use crate::terms::{Needs, Shape, SlotId, Term, with};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Unasked,
    Known,
    /// Not by what is known so far.
    Unknown,
}

/// All that can be computed from what was seen.
pub(crate) struct Knowledge {
    verdicts: Vec<Verdict>,
}

impl Knowledge {
    /// From these terms: whatever can be opened is opened, until nothing more opens.
    pub(crate) fn of(seen: impl IntoIterator<Item = Term>) -> Self {
        let mut closed: Vec<Term> = seen.into_iter().collect();
        let mut knowledge = Self { verdicts: vec![Verdict::Unasked; with(|terms| terms.len())] };
        for term in &closed {
            knowledge.learn(*term);
        }
        loop {
            let (mut has_opened, mut texts) = (false, Vec::new());
            closed.retain(|&term| match knowledge.text_of(term) {
                Some(text) => {
                    has_opened = true;
                    texts.extend(text);
                    false
                }
                None => true,
            });
            if !has_opened {
                return knowledge;
            }
            for term in texts {
                if knowledge.learn(term) {
                    closed.push(term);
                }
            }
            for verdict in &mut knowledge.verdicts {
                if *verdict == Verdict::Unknown {
                    *verdict = Verdict::Unasked;
                }
            }
        }
    }

    /// The terms in the text of a ciphertext that opens.
    fn text_of(&mut self, term: Term) -> Option<Vec<Term>> {
        let (key, text) = with(|terms| {
            let Shape::Sealed(slot, text) = terms.shape(term) else { return None };
            Some((terms.among(&[&terms.slot(*slot).key]), terms.among(&[text])))
        })?;
        // No tag is needed to read what a key hides.
        key.into_iter().all(|key| self.has(key)).then_some(text)
    }

    fn learn(&mut self, term: Term) -> bool {
        let verdict = &mut self.verdicts[usize::try_from(term).unwrap()];
        let is_new = *verdict != Verdict::Known;
        *verdict = Verdict::Known;
        is_new
    }

    /// Whether a term is known or can be computed. The recursion ends, since a term is made of earlier ones.
    pub(crate) fn has(&mut self, term: Term) -> bool {
        let index = usize::try_from(term).unwrap();
        match self.verdicts.get(index) {
            Some(Verdict::Known) => return true,
            Some(Verdict::Unknown) => return false,
            Some(Verdict::Unasked) => {}
            // Made since.
            None => self.verdicts.resize(index + 1, Verdict::Unasked),
        }
        enum Way {
            Never,
            All(Box<[Term]>),
            Either([[Term; 2]; 2]),
        }
        let way = with(|terms| match terms.needs(term) {
            Needs::Nothing => Way::Never,
            Needs::All(needs) => Way::All(needs.clone()),
            Needs::Either(needs) => Way::Either(*needs),
        });
        let is_known = match way {
            Way::Never => false,
            Way::All(needs) => needs.iter().all(|need| self.has(*need)),
            Way::Either(needs) => {
                needs.iter().any(|needs| needs.iter().all(|need| self.has(*need)))
            }
        };
        self.verdicts[index] = if is_known { Verdict::Known } else { Verdict::Unknown };
        is_known
    }

    /// Whether he can seal a text of his own in a slot.
    pub(crate) fn can_seal(&mut self, slot: SlotId) -> bool {
        let needs = with(|terms| {
            let slot = terms.slot(slot);
            terms.among(&[&slot.key, &slot.ad])
        });
        needs.into_iter().all(|need| self.has(need))
    }

    /// The public keys that he can name.
    pub(crate) fn public_keys(&mut self, all: &[Term]) -> Vec<Term> {
        all.iter().copied().filter(|key| self.has(*key)).collect()
    }
}
