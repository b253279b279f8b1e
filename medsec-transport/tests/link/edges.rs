//! Where a link begins, and where it ends.

use medsec_core::identity::trust::Refusal;
use medsec_core::suite::Aes256Gcm;
use medsec_transport::frame::SendError;
use medsec_transport::link::{LinkError, Received};

use crate::parties::{Attempt, Setting, device, tool};
use crate::{LABELLED, said};

#[test]
fn an_unfinished_handshake_is_no_link() {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let (initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
    let (responder, _) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    assert!(!initiator.is_complete() && !responder.is_complete());
    let authority = setting.authority();
    assert_eq!(initiator.establish(&authority).unwrap_err(), LinkError::Layout);
    let (other, _) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    assert_eq!(other.alert(&mut [0; 50]).unwrap_err(), LinkError::Layout);
    assert_eq!(responder.establish(&authority).unwrap_err(), LinkError::Layout);
}

#[test]
fn no_link_comes_of_a_refused_peer_or_before_the_peer_has_spoken() {
    let mut person = tool();
    person.revoked();
    let setting = Setting::new(person, device(), Attempt::Certified);
    let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
    let (mut responder, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    let mut buffer = [0; 250];
    let third = initiator.receive(&mut second, &mut buffer).unwrap().unwrap();
    let refused = responder.receive(&mut third.bytes().to_vec(), &mut []).unwrap_err();
    assert_eq!(refused, LinkError::Refused(Refusal::Revoked));
    assert_eq!(responder.establish(&setting.authority()).unwrap_err(), LinkError::Layout);
    // Whom it speaks with a side with a pin knows from the start, and not yet that it is there.
    let setting = Setting::new(tool(), device(), Attempt::Pinned);
    let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
    assert!(!initiator.is_complete());
    let (mut responder, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    assert_eq!(responder.receive(&mut [], &mut []).unwrap_err(), LinkError::Layout);
    // There is no third message, so none needs room.
    assert!(initiator.receive(&mut second, &mut []).unwrap().is_none());
    assert!(initiator.is_complete() && responder.is_complete());
}

/// What has another length, or begins as another message, is not even tried.
#[test]
fn messages_have_one_length_and_say_which_they_are() {
    for attempt in [Attempt::Certified, LABELLED, Attempt::Pinned] {
        let setting = Setting::new(tool(), device(), attempt);
        let (mut initiator, first) = setting.begin::<Aes256Gcm, 4>(0);
        assert_eq!(first[3], 4, "a window of 256");
        let around = |message: &[u8]| {
            let (_, shorter) = message.split_last().unwrap();
            let mut other = message.to_vec();
            other[0] ^= 1;
            [shorter.to_vec(), [message, &[0]].concat(), other]
        };
        for (wrong, refused) in
            around(&first).iter().zip([LinkError::Layout, LinkError::Layout, LinkError::Method])
        {
            assert_eq!(setting.accept::<Aes256Gcm, 4>(wrong, 0).unwrap_err(), refused);
        }
        let (mut responder, mut second) = setting.accept::<Aes256Gcm, 4>(&first, 0).unwrap();
        let mut buffer = [0; 250];
        for mut wrong in around(&second) {
            let refused = initiator.receive(&mut wrong, &mut buffer).unwrap_err();
            assert_eq!(refused, LinkError::Layout);
        }
        let third = initiator.receive(&mut second, &mut buffer).unwrap();
        let Some(third) = third.map(|third| third.bytes().to_vec()) else { continue };
        for mut wrong in around(&third) {
            let refused = responder.receive(&mut wrong, &mut []).unwrap_err();
            assert_eq!((refused, responder.is_complete()), (LinkError::Layout, false));
        }
        responder.receive(&mut third.clone(), &mut []).unwrap();
        assert!(responder.is_complete());
    }
}

/// The end, too, is told to nobody but the peer.
#[test]
fn a_link_that_is_not_confirmed_is_not_closed() {
    for (attempt, unconfirmed) in [(LABELLED, 0), (Attempt::Pinned, 1)] {
        let setting = Setting::new(tool(), device(), attempt);
        let (mut ends, _) = setting.link::<Aes256Gcm, 0>().unwrap();
        let mut buffer = [0; 50];
        let refused = ends[unconfirmed].close(&mut buffer).unwrap_err();
        assert_eq!((refused, buffer), (SendError::Unconfirmed, [0; 50]));
        ends.rotate_left(1 - unconfirmed);
        let [confirmed, other] = &mut ends;
        assert_eq!(said(confirmed, other, b"here"), b"here");
        let mut frame = other.close(&mut buffer).unwrap().bytes().to_vec();
        assert_eq!(confirmed.open(&mut frame), Ok(Received::Closed));
    }
}
