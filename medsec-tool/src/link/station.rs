//! A station's end of a link with a device that is being made.

use medsec::auth::provision::message::{Answer, Hello, REQUEST_BYTES_MAX, Request, Run};
use medsec::production::CHANNEL;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::Kinds;
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::suite::Aes256Gcm;
use medsec_transport::link::{Handshake, Judging, Link, MESSAGE_BYTES_MAX, Method, Own, Received};
use zeroize::Zeroizing;

use super::address::Address;
use super::{FRAME_BYTES, Line, random, today};
use crate::error::Error;
use crate::holder::Holder;

/// A link to a device that has no certificate yet. The device has found the station good; what it is itself, it has to sign.
pub(crate) struct Station {
    line: Line,
    link: Link<Aes256Gcm, 0>,
}

impl Station {
    /// Connects. A device that does not take the certificate says so when it is asked first.
    pub(crate) fn connect(address: &Address, holder: &Holder) -> Result<Self, Error> {
        let mut line = Line::to(address)?;
        line.begin();
        let mut random = random()?;
        let authority = LinkAuthority::take(&mut random).ok_or(Error::NoRandomness)?;
        let secret: AgreementSecret = holder.secret();
        let own = Own { secret: &secret, certificate: holder.certificate() };
        let judging = Judging {
            trust: Trust::new(&[], &[], &[]).map_err(|_| Error::Bug { what: "no anchors" })?,
            today: Today { floor: Day::FIRST, clock: today() },
            stage: Stage::Production,
            kinds: Kinds::NONE,
            subject: None,
        };
        let unproven = |why| Error::Unproven { at: address.shown(), why };
        let mut out = [0; MESSAGE_BYTES_MAX];
        let begun =
            Handshake::begin(own, judging, Method::Uncertified, &[0; 32], &mut random, &mut out);
        let (mut handshake, first) = begun.map_err(unproven)?;
        line.send(&first)?;
        let mut why = None;
        loop {
            let mut second = match (line.receive_until(line.until)?, why) {
                (Some(second), _) => second,
                (None, Some(why)) => return Err(unproven(why)),
                (None, None) => return Err(line.lost()),
            };
            let mut out = [0; MESSAGE_BYTES_MAX];
            // What others put on the line in between is no answer.
            match handshake.receive(&mut second, &mut out) {
                Ok(third) => {
                    third.map_or(Ok(()), |third| line.send(&third))?;
                    break;
                }
                Err(error) => why = Some(error),
            }
        }
        let link = handshake.establish(&authority).map_err(unproven)?;
        Ok(Self { line, link })
    }

    /// The run on this link, as both sides sign and prove it.
    pub(crate) const fn run<'r>(&'r self, hello: &'r Hello) -> Run<'r> {
        Run { hello, handshake: self.link.handshake_hash(), agreement: self.link.remote_static() }
    }

    /// Asks.
    pub(crate) fn ask(&mut self, request: &Request<'_>) -> Result<Answer, Error> {
        self.line.begin();
        let (mut body, mut out) = ([0; REQUEST_BYTES_MAX], [0; FRAME_BYTES]);
        let odd = Error::Bug { what: "a request does not fit" };
        let Ok(body) = request.encode(&mut body) else { return Err(odd) };
        let Ok(frame) = self.link.seal(CHANNEL, true, body, &mut out) else {
            return Err(self.line.lost());
        };
        self.line.send(&frame)?;
        loop {
            // It may hold a code.
            let mut frame = Zeroizing::new(self.line.receive()?);
            // What others put on the line is dropped.
            let Ok(received) = self.link.open(&mut frame) else { continue };
            return match received {
                Received::Message(opened) if opened.channel == CHANNEL => {
                    match Answer::parse(opened.body) {
                        Ok(Answer::Refused(why)) => Err(Error::NotMade { why }),
                        Ok(answer) => Ok(answer),
                        Err(_) => Err(Error::OddAnswer),
                    }
                }
                Received::Message(_) => continue,
                Received::Refused(why) => Err(Error::NotWelcome { why }),
                Received::Closed | _ => Err(self.line.lost()),
            };
        }
    }
}
