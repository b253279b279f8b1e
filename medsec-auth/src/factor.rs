//! What a person shows: a secret he knows, a code of a one-time password device, the answer of a token.
//!
//! Each factor is a function of a record, of what was shown, and of a *blind*. It keeps nothing, reads no clock and writes
//! no flash: the count of attempts and the last step of a one-time password are the caller's, who writes them first.
//!
//! # Blind
//! 32 bytes that are zero if the write of this attempt is on the flash as it was meant, and something else if not: what
//! was read back, XOR what was written, spread over the 32 bytes. It enters the comparison, so that an attempt whose write
//! was disturbed refuses the right secret too, and there is no branch to skip.
//!
//! # Verdict
//! Each factor is evaluated twice, by two functions, from input that is read again. [`crate::verdict`] says how the two
//! become one value that only they can make.
//!
//! # Not claimed
//! Two faults in one attempt; what power and radiation of the part give away.

pub mod otp;
pub mod password;
pub mod token;
