//! Attempts and people mounted from whatever an attacker or a cut can leave, gone on with, and logged in over.

use std::sync::OnceLock;

use medsec_auth::authenticator::{Authenticator, Login, LoginError, Place};
use medsec_auth::credential::{
    self, BODY_BYTES, Change, ChangeError, Claim, Credentials, Flags, Role, Roles, Search,
    Searching, Slot, Store,
};
use medsec_auth::factor::otp::{Code, Otp, Settings};
use medsec_auth::factor::password::{Block, Passwords, Rules, Stretch, Words};
use medsec_auth::factor::token::{Intent, Request, Token};
use medsec_auth::lockout::{AtCut, Attempts, Config, Policy};
use medsec_auth::session::SessionId;
use medsec_core::Secret;
use medsec_core::access::Authority;
use medsec_core::event::PrincipalId;
use medsec_core::flash::Region;
use medsec_core::flash::cell::Progress;
use medsec_core::flash::cell::body::BodyCell;
use medsec_core::key::{AtRest, Context, DeviceKey, Label, MacKey, sha256};
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, Suite};
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;

use crate::attempts::{attempts, mount};
use crate::credential::{CODES, CODES_KEY, STRETCH, pepper, random};
use crate::input::Input;

pub(crate) type Part = FaultFlash<4, 4, 1024>;
type People = Store<Aes256Gcm>;

const ATTEMPTS: Region = Region::new(0, 4096);
const STORE: Region = Region::new(4096, 16384);
const FRAME: usize = 4096;
const DEVICE: [u8; 16] = [2; 16];
const SECRET: &[u8] = b"tulips on wednesday";
const NO_TIME: WallTime =
    WallTime { unix_seconds: 0, source: TimeSource::Person, uncertainty_seconds: 0 };

pub(crate) fn root() -> Secret<32> {
    Secret::new([0x22; 32])
}

pub(crate) fn config(at_cut: AtCut) -> Config {
    Config { region: ATTEMPTS, policy: Policy::DEFAULT, at_cut }
}

pub(crate) fn put(image: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in image.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// Any bytes at any place.
pub(crate) fn write(image: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.u16()) % image.len();
    put(image, at, input.chunk());
}

/// A copy of a cell as the device makes it.
pub(crate) fn copy_of(
    mac: &MacKey,
    [page, copy, role]: [u8; 3],
    epoch: u32,
    value: &[u8],
) -> Vec<u8> {
    let mut bytes = [&b"MSC1"[..], &[1, 2, role, 0], &epoch.to_le_bytes(), value].concat();
    let tag = mac.tag(&[&bytes, &[page, copy]]);
    bytes.extend(tag);
    bytes
}

/// Whatever is read of changed people lets nobody in who does not show what they have; what is counted stays counted.
pub(crate) fn people(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(3) {
        0 => attempts(&mut input),
        1 => store(&mut input),
        _ => logins(&mut input),
    }
}

fn claim() -> Claim {
    Claim { state: 0, transaction: [0; 16], salt: [0; 16], verifier: Secret::new([9; 32]) }
}

fn sealed(
    keys: &AtRest<Aes256Gcm>,
    (kind, slot): (u8, u8),
    generation: u32,
    body: &[u8],
) -> Vec<u8> {
    let head = [kind, slot, 1, Aes256Gcm::ID];
    let aad = [&b"MSCR"[..], &head, &generation.to_le_bytes()].concat();
    let mut body = body.to_vec();
    let envelope = keys.seal(&aad, &mut body).expect("it is short");
    [&head[..], &envelope.nonce, &envelope.tag, &body].concat()
}

/// The plaintext of a person, mostly a good one.
fn person(input: &mut Input<'_>, number: u8) -> Vec<u8> {
    let (choice, factors) = (input.u8(), input.u8() & 7);
    let mut bytes = vec![1, 1, input.u8() & 31, input.u8() & 7, factors, 0, 0, 0];
    bytes.extend([7, 7, 7, 7, number, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0]);
    for (bit, length) in [(1, 56), (2, 48), (4, 48)] {
        bytes.extend(vec![if factors & bit == 0 { 0 } else { input.u8() }; length]);
    }
    if choice & 0x0F == 1 {
        let at = usize::from(input.u8()) % bytes.len();
        bytes[at] = input.u8();
    }
    bytes
}

/// A body with authentic records, some of them of another generation or slot; the ids in it.
fn body(input: &mut Input<'_>) -> Vec<u8> {
    let keys = AtRest::<Aes256Gcm>::derive(&root());
    let choice = input.u8();
    let mut settings = vec![1, 0, input.u8(), 0];
    settings.extend(input.number().to_le_bytes());
    settings.extend(1_u32.to_le_bytes());
    let generation = if choice & 3 == 3 { u32::MAX } else { 1 };
    settings.extend(generation.to_le_bytes().repeat(16));
    settings.extend([0; 12]);
    if choice & 0x1C == 4 {
        settings[usize::from(input.u8()) % 88] = input.u8();
    }
    let mut claim = vec![1];
    claim.extend([input.u8() & 3; 65]);
    claim.extend([0; 6]);
    let mut bytes = sealed(&keys, (1, 0), 0, &settings);
    bytes.extend(sealed(&keys, (1, 1), 0, &settings));
    bytes.extend(sealed(&keys, (2, 0), u32::from(choice & 0xE0 != 0x20), &claim));
    let there = input.u16();
    for slot in 0..16_u8 {
        let mut plain = vec![0; 176];
        plain[0] = 1;
        let (mut place, mut of) = (slot, generation);
        if there >> slot & 1 == 1 {
            plain = person(input, slot);
            match input.below(12) {
                1 => place = input.u8() & 15,
                2 => of = input.number(),
                _ => {}
            }
        }
        bytes.extend(sealed(&keys, (3, place), of, &plain));
    }
    bytes
}

/// Frames that hold such bodies, then any bytes anywhere.
fn store_image(input: &mut Input<'_>) -> Vec<u8> {
    let mac = MacKey::derive(&root(), Label::StoreHead);
    let mut image = vec![0xFF; 20 * 1024];
    for _ in 0..=input.below(2) {
        let choice = input.u8();
        let (frame, epoch) = (choice & 3, input.number());
        let body = body(input);
        let length = if choice & 0x1C == 4 { input.u32() } else { BODY_BYTES };
        let head = [&b"MSB1"[..], &[1, 2, frame, 0], &epoch.to_le_bytes()].concat();
        let digest = sha256(&[&head, &length.to_le_bytes(), &body]);
        let value = [&[1, 0, 0, 0][..], &length.to_le_bytes(), &digest].concat();
        let start = 4096 + usize::from(frame) * FRAME;
        for copy in 0..if choice & 0xE0 == 0x20 { 2 } else { 3 } {
            let made = copy_of(&mac, [frame, copy, 1], epoch, &value);
            put(&mut image, start + usize::from(copy) * 68, &made);
        }
        put(&mut image, start + 204, &body);
    }
    for _ in 0..input.below(4) {
        write(&mut image[4096..], input);
    }
    image
}

fn open(part: &mut Part) -> Result<People, credential::MountError> {
    let (image, operations) = (part.image(), part.operations());
    let mounted = People::mount(part, STORE, &root());
    assert!(part.operations() == operations && part.image() == image, "mounting wrote");
    mounted
}

fn find(people: &People, part: &mut Part, id: PrincipalId) -> Option<credential::Found> {
    let mut search = Search::new(id);
    for _ in 0..18 {
        match people.search(part, &mut search) {
            Ok(Searching::Done) => return search.found(),
            Ok(_) => assert!(search.found().is_none(), "found before the end"),
            Err(_) => return None,
        }
    }
    panic!("a search that does not end");
}

/// Steps a change to its end.
fn changed(people: &mut People, part: &mut Part, change: &mut Change) -> Result<(), ChangeError> {
    for _ in 0..256 {
        if people.step(part, &Pause::lend(&mut (), 1), change)? == Progress::Done {
            return Ok(());
        }
    }
    panic!("a change that does not end");
}

/// A store that mounts is searched and changed, and what was changed is there after the next mount.
fn store(input: &mut Input<'_>) {
    let mut part = Part::from_image(store_image(input), Model::None, 1);
    let Ok(mut people) = open(&mut part) else { return };
    read_whole(&mut part);
    let counted = people.count(&mut part);
    if let Ok((all, equipped)) = counted {
        assert!(equipped <= all && all <= 16);
    }
    people.policy_generation(&mut part).ok();
    people.claim(&mut part).ok();
    let id = PrincipalId::new([7, 7, 7, 7, input.u8() & 15, 0, 0, 0]);
    let found = find(&people, &mut part, id);
    assert!(found.as_ref().is_none_or(|found| found.principal.id == id), "somebody else");
    if people.needs_settle() && people.is_whole() {
        assert!(found.is_none(), "found before it was settled");
        if changed(&mut people, &mut part, &mut Change::settle()).is_err() {
            return;
        }
    }
    let kept = Credentials { knowledge: Some(Secret::new([4; 56])), ..Credentials::default() };
    let role = Role::new(input.u8() & 31).expect("a number below 32");
    let keep = Roles::NONE.with(role);
    let choice = input.below(6);
    let change = match (choice, &found) {
        (1, Some(found)) => Change::update(&found.principal, &kept, keep),
        (2, _) => Ok(Change::remove(id, keep)),
        (3, _) => Ok(Change::clear(Slot::new(input.u8() & 15).expect("a number below 16"))),
        (4, _) => Ok(Change::claim(&claim())),
        (5, _) => Ok(Change::policy(input.u16())),
        _ => Change::enrol(role, Flags::NONE, ([3; 4], 8), &kept),
    };
    let Ok(mut change) = change else { return };
    let outcome = changed(&mut people, &mut part, &mut change);
    assert_eq!(part.counts().double_programs, 0, "a word programmed twice");
    if outcome.is_err() {
        return;
    }
    let again = open(&mut part).expect("what was acknowledged is found");
    assert!(!again.needs_settle() && !again.has_older(), "older people are left");
    let Some(id) = change.id() else { return };
    let found = find(&again, &mut part, id);
    assert_eq!(found.is_none(), choice == 2, "a change was lost");
    if let Some(found) = found {
        let knowledge = found.credentials.knowledge.expect("it was given");
        assert_eq!(knowledge.expose(), &[4; 56]);
    }
}

/// The whole body, in pieces.
fn read_whole(part: &mut Part) {
    let mac = MacKey::derive(&root(), Label::StoreHead);
    let cell = BodyCell::mount(part, STORE, 2, mac).expect("the store was mounted");
    let mut pass = cell.begin_pass();
    let mut rest = cell.length();
    while rest > 0 {
        let mut piece = [0; 200];
        let bytes = rest.min(200);
        if cell.read_on(part, &mut pass, &mut piece[..bytes as usize]).is_err() {
            return;
        }
        rest -= bytes;
    }
    if cell.finish(pass).is_ok() {
        assert!(cell.is_whole(), "a damaged body was finished");
    }
}

fn token_key() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([6; 32]))
}

/// A part of a device that knows one person, with all factors, and the person's id. Made once.
fn factory() -> &'static (Vec<u8>, PrincipalId) {
    static MADE: OnceLock<(Vec<u8>, PrincipalId)> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut part = Part::new(20, Model::None, 1);
        let at_cut = config(AtCut::KeepsPage);
        drop(Attempts::format(&mut part, &at_cut, &root(), [0; 4]).expect("the part fits"));
        let mut people = People::format(&mut part, STORE, &root(), &claim()).expect("it fits");
        let role = Role::new(3).expect("a number below 32");
        let nothing = Credentials::default();
        let mut change = Change::enrol(role, Flags::NONE, ([1; 4], 1), &nothing).expect("no flags");
        changed(&mut people, &mut part, &mut change).expect("the part is sound");
        let id = change.id().expect("it is done");
        let found = find(&people, &mut part, id).expect("it was enrolled");
        let mut memory = vec![Block::new(); 16];
        let mut passwords =
            Passwords { device: DEVICE, stretch: STRETCH, pepper: pepper(), memory: &mut memory };
        let knowledge = passwords
            .enroll(SECRET, id.bytes(), &Rules::only_factor(), &Words(&[]), &mut random())
            .expect("it is long");
        let one_time = Otp::import(Settings::HOTP, CODES_KEY).expect("a key of its hash");
        let token = Token::enroll(&token_key().public().to_bytes(), |_| false).expect("a key");
        let kept = Credentials {
            knowledge: Some(knowledge.encode()),
            one_time: Some(one_time.encode()),
            token: Some(Secret::new(token.encode())),
        };
        let mut change = Change::update(&found.principal, &kept, Roles::NONE).expect("no flags");
        changed(&mut people, &mut part, &mut change).expect("the part is sound");
        (part.image(), id)
    })
}

/// The part of a device, changed by who does not have its keys.
fn changed_image(image: &[u8], changes: u32, input: &mut Input<'_>) -> Vec<u8> {
    let mut image = image.to_vec();
    for _ in 0..changes {
        match input.below(4) {
            0 => {
                // A page at another place.
                let (from, to) = (input.below(20) as usize * 1024, input.below(20) as usize * 1024);
                image.copy_within(from..from + 1024, to);
            }
            1 => {
                let at = usize::from(input.u16()) % image.len();
                image[at] ^= 1 << (input.u8() & 7);
            }
            _ => write(&mut image, input),
        }
    }
    image
}

/// What somebody shows: `choice` says what and which, `change` is put upon it.
struct Try {
    choice: u8,
    change: u8,
}

impl Try {
    const fn is_code(&self) -> bool {
        matches!(self.choice & 3, 1 | 2)
    }

    fn step(&self) -> u32 {
        u32::from(self.choice >> 2) % 10
    }

    /// Whether it is what the person has, who used the code of step `last` before.
    fn is_right(&self, last: u32) -> bool {
        if self.is_code() {
            self.change.is_multiple_of(10) && self.step() > last
        } else {
            self.change == 0
        }
    }

    fn show(
        &self,
        auth: &mut Authenticator<Aes256Gcm>,
        part: &mut Part,
        random: &mut Random<Noise>,
        login: &Login<'_>,
    ) -> Result<SessionId, LoginError> {
        let place = usize::from(self.choice >> 2);
        if self.is_code() {
            let mut text = *CODES[self.step() as usize];
            text[0] = b'0' + (text[0] - b'0' + self.change % 10) % 10;
            return auth.code(part, login, &Code::parse(&text).expect("digits"), NO_TIME);
        }
        if self.choice & 3 == 0 {
            let mut memory = vec![Block::new(); usize::from(Stretch::DEFAULT.m_kib())];
            let mut secret = SECRET.to_vec();
            secret[place % SECRET.len()] ^= self.change;
            return auth.password(part, (pepper(), &mut memory), login, &secret);
        }
        let intent = Intent::LogIn;
        let nonce = auth.ask_token(random, login, (intent, 0)).expect("it is started");
        let principal = *factory().1.bytes();
        let request =
            Request { device: DEVICE, binding: [0; 32], principal, intent, permissions: 0 };
        let mut message = request.message(&nonce);
        message[place] ^= self.change;
        let answer = token_key().sign(Context::AuthToken, &[&message]).expect("it is short");
        auth.token(part, login, &answer)
    }
}

/// Logins over a part that was changed without its keys: who has a session has shown what the person has, once.
fn logins(input: &mut Input<'_>) {
    let (image, id) = factory();
    let changes = input.below(6);
    let mut part = Part::from_image(changed_image(image, changes, input), Model::None, 1);
    let counts = mount(&mut part, &config(AtCut::KeepsPage));
    let (Some(counts), Ok(people)) = (counts, open(&mut part)) else { return };
    let mut random = random();
    let authority = Authority::take(&mut random).expect("it is the first");
    let mut auth = Authenticator::new(authority, Some(counts), Some(people), DEVICE);
    let (mut last, mut now) = (0, 0_u64);
    for turn in 0..1 + input.below(6) {
        assert!(auth.stored_lifecycle().is_none_or(|word| word == 0));
        now += 1_000_000;
        let who = if input.u8() & 7 == 7 { PrincipalId::new(input.array()) } else { *id };
        let at = Ticks::from_millis(now);
        let login = Login { who, place: Place::Local, session: None, now: at };
        let shown = Try { choice: input.u8(), change: input.u8() & 0x7F };
        let mut outcome = shown.show(&mut auth, &mut part, &mut random, &login);
        if outcome == Err(LoginError::NotReady) {
            let mut steps = 0;
            while let Ok(Progress::More) = auth.step(&mut part, &Pause::lend(&mut (), 1)) {
                steps += 1;
                assert!(steps < 64, "a replace that does not end");
            }
            outcome = shown.show(&mut auth, &mut part, &mut random, &login);
        }
        let is_right = who == *id && shown.is_right(last);
        assert!(outcome.is_err() || is_right, "{} let somebody in", shown.choice);
        // As many sessions as there may be at a time.
        let is_sound = changes == 0 && turn < 2;
        assert!(!is_sound || !is_right || outcome.is_ok(), "not let in: {outcome:?}");
        if let Ok(session) = outcome {
            last = if shown.is_code() { shown.step() } else { last };
            let person = auth.sessions().person(session, at).expect("it was opened");
            assert_eq!((person.id, person.role), (*id, 3));
        }
        assert_eq!(part.counts().double_programs, 0, "a word programmed twice");
    }
}
