//! People who live under load and remember what they were told, so that it can be held against the gateway later.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{ErrorKind, Result};
use std::time::Duration;

use countersign::clock::Stopwatch;
use futures_util::future::join_all;
use serde_json::Value;

use super::client::{Answer, Client, Nonce};
use super::door::Door;
use super::wallet::Wallet;

/// How many live at once.
const AT_ONCE: usize = 16;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
/// Surely within the time in which a refresh token that was just used still gets the same successor.
const SURELY_IN_GRACE: Duration = Duration::from_secs(8);
/// Surely beyond it.
const SURELY_AFTER_GRACE: Duration = Duration::from_secs(12);

/// All who live, and what became of them.
pub struct Crowd {
    /// How the one of this number enters.
    door: fn(u32) -> Door,
    lives: RefCell<Vec<Life>>,
    /// Those whose promises are held until the very end.
    kept: RefCell<Vec<Life>>,
    /// Numbers wallets and lives.
    next: Cell<u32>,
    answers: Cell<usize>,
    outages: Cell<usize>,
    over: Cell<bool>,
    /// The places among the nodes of those that are killed.
    killed: RefCell<BTreeSet<usize>>,
}

impl Default for Crowd {
    /// All enter by a wallet.
    fn default() -> Self {
        Self::entering(|number| Door::Wallet(Wallet::number(number)))
    }
}

impl Crowd {
    /// All enter by this door.
    pub fn entering(door: fn(u32) -> Door) -> Self {
        Self {
            door,
            lives: RefCell::default(),
            kept: RefCell::default(),
            next: Cell::default(),
            answers: Cell::default(),
            outages: Cell::default(),
            over: Cell::default(),
            killed: RefCell::default(),
        }
    }

    /// Lives on the nodes at `urls` until it is [`Crowd::over`].
    pub async fn live(&self, urls: &[String]) {
        self.over.set(false);
        self.killed.take();
        join_all((0..AT_ONCE).map(|place| self.live_at(place, urls))).await;
    }

    /// Says that it is over: nobody begins another life.
    pub fn over(&self) {
        self.over.set(true);
    }

    /// Says that the node in this place is about to be killed: from now on connections to it may break.
    pub fn loses(&self, node: usize) {
        self.killed.borrow_mut().insert(node);
    }

    /// Waits until this many more steps of lives are answered.
    pub async fn answered(&self, more: usize) {
        wait_for(&self.answers, more).await;
    }

    /// Waits until this many more are refused because the database is away.
    pub async fn refused(&self, more: usize) {
        wait_for(&self.outages, more).await;
    }

    /// One after another: in even places the same person each time, in odd ones a new one.
    async fn live_at(&self, place: usize, urls: &[String]) {
        // Both kinds of places on every node.
        let node = place / 2 % urls.len();
        let killed = || self.killed.borrow().contains(&node);
        let mut client = Client::of(&urls[node]);
        while !self.over.get() && !killed() {
            let number = self.next.replace(self.next.get() + 1);
            let person =
                if place.is_multiple_of(2) { u32::try_from(place).expect("few places") } else { 1_000 + number };
            let mut life = Life::of((self.door)(person));
            let lived = life.run(&mut client, number, &self.answers).await;
            self.lives.borrow_mut().push(life);
            match lived {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::ResourceBusy => self.outages.set(self.outages.get() + 1),
                Err(error) => {
                    assert!(killed(), "a connection broke by itself: {error}");
                    return;
                }
            }
        }
    }

    /// Holds what was promised against the nodes at `urls`, but for a few lives that go on.
    pub async fn check(&self, urls: &[String]) {
        let mut lives = self.lives.take();
        let kept = lives.len() - lives.len() / 8;
        self.kept.borrow_mut().extend(lives.drain(kept..).filter(|life| matches!(life.doubt, Doubt::None)));
        check_all(&lives, urls).await;
    }

    /// Holds the promises to those who went on against them, too.
    pub async fn check_kept(&self, urls: &[String]) {
        self.check(urls).await;
        check_all(&self.kept.take(), urls).await;
    }
}

async fn wait_for(count: &Cell<usize>, more: usize) {
    let (enough, watch) = (count.get() + more, Stopwatch::start());
    while count.get() < enough {
        assert!(watch.elapsed() < PATIENCE, "{more} more did not come, {} did", more + count.get() - enough);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn check_all(lives: &[Life], urls: &[String]) {
    let share = |place: usize| async move {
        let mut client = Client::of(&urls[place % urls.len()]);
        for life in lives.iter().skip(place).step_by(AT_ONCE) {
            life.check(&mut client).await.expect("an answer");
        }
    };
    join_all((0..AT_ONCE).map(share)).await;
}

/// One session, from its sign-in on.
struct Life {
    door: Door,
    /// What was posted to sign in.
    proof: Value,
    /// The access tokens that were answered.
    tokens: Vec<String>,
    /// The refresh tokens that were answered, in their order.
    refreshes: Vec<String>,
    /// Since the last refresh was asked for.
    asked: Stopwatch,
    /// Since the last refresh was answered.
    answered: Stopwatch,
    signed_out: bool,
    doubt: Doubt,
}

/// What was asked for and never answered: it may have happened or not.
enum Doubt {
    None,
    SignIn,
    Refresh,
    SignOut,
}

impl Life {
    fn of(door: Door) -> Self {
        Self {
            door,
            proof: Value::Null,
            tokens: Vec::new(),
            refreshes: Vec::new(),
            asked: Stopwatch::start(),
            answered: Stopwatch::start(),
            signed_out: false,
            doubt: Doubt::None,
        }
    }

    /// Signs in, refreshes a few times, and, if it is a fourth one, signs out.
    async fn run(&mut self, client: &mut Client, number: u32, answers: &Cell<usize>) -> Result<()> {
        let count = || answers.set(answers.get() + 1);
        let nonce = if (number / 2).is_multiple_of(2) { Nonce::Own } else { Nonce::Free };
        self.proof = self.door.proof(client, nonce).await?;
        self.doubt = Doubt::SignIn;
        let answer = self.door.sign_in(client, &self.proof).await?.or_busy(200)?;
        self.doubt = Doubt::None;
        count();
        self.was_given(&answer);
        for _ in 0..number % self.door.refreshes() {
            (self.doubt, self.asked) = (Doubt::Refresh, Stopwatch::start());
            let answer = self.door.refresh(client, self.last_refresh()).await?.or_busy(200)?;
            (self.doubt, self.answered) = (Doubt::None, Stopwatch::start());
            count();
            self.was_given(&answer);
        }
        if number % 4 == 3 {
            self.doubt = Doubt::SignOut;
            client.call_as(self.last_token(), "POST", self.door.sign_out()).await?.or_busy(204)?;
            (self.doubt, self.signed_out) = (Doubt::None, true);
            count();
        }
        Ok(())
    }

    fn was_given(&mut self, answer: &Answer) {
        let pair = self.door.pair(answer);
        self.tokens.push(pair.access);
        self.refreshes.push(pair.refresh);
    }

    fn last_token(&self) -> &str {
        self.tokens.last().expect("an access token")
    }

    fn last_refresh(&self) -> &str {
        self.refreshes.last().expect("a refresh token")
    }

    /// Holds what was promised against the gateway.
    async fn check(&self, client: &mut Client) -> Result<()> {
        if self.proof.is_null() {
            return Ok(());
        }
        if self.door.proves_once() {
            self.check_proof(client).await?;
        }
        if self.tokens.is_empty() {
            return Ok(());
        }
        match self.doubt {
            Doubt::None if self.signed_out => self.check_ended(client).await,
            Doubt::SignOut => {
                // It happened or it did not, for all of the session's credentials alike.
                if self.reads(client, self.last_token()).await? == 200 {
                    return self.check_alive(client).await;
                }
                self.check_ended(client).await
            }
            Doubt::None | Doubt::SignIn | Doubt::Refresh => self.check_alive(client).await,
        }
    }

    /// The nonce was used, or may be used once if nobody knows.
    async fn check_proof(&self, client: &mut Client) -> Result<()> {
        if matches!(self.doubt, Doubt::SignIn) {
            let status = self.door.sign_in(client, &self.proof).await?.status;
            assert!([200, 401].contains(&status), "{status} to a sign-in that was not answered");
        }
        let again = self.door.sign_in(client, &self.proof).await?;
        // A nonce of a wallet that signed in twice since is not even recognised.
        let code = if again.field("error") == "invalid_signature" { "invalid_signature" } else { "nonce_used" };
        again.refused(401, code);
        Ok(())
    }

    async fn check_ended(&self, client: &mut Client) -> Result<()> {
        for token in &self.tokens {
            assert_eq!(self.reads(client, token).await?, 401, "a session that was ended");
        }
        self.door.refresh(client, self.last_refresh()).await?.refused(401, "session_ended");
        Ok(())
    }

    async fn check_alive(&self, client: &mut Client) -> Result<()> {
        for token in &self.tokens {
            assert_eq!(self.reads(client, token).await?, 200, "a token that was answered");
        }
        if !self.check_used_refresh(client).await? {
            return Ok(());
        }
        let next = self.door.refresh(client, self.last_refresh()).await?;
        if matches!(self.doubt, Doubt::Refresh) && self.asked.elapsed() > SURELY_IN_GRACE && next.status == 401 {
            // It happened, unanswered and too long ago: the session ends, as promised.
            next.refused(401, "refresh_token_reused");
            return Ok(());
        }
        let next = next.ok(200);
        let again = self.door.refresh(client, self.last_refresh()).await?.ok(200);
        assert_eq!(self.door.pair(&again).refresh, self.door.pair(&next).refresh, "the one successor");
        if let [.., used, _] = self.refreshes.as_slice() {
            self.door.refresh(client, used).await?.refused(401, "refresh_token_reused");
            assert_eq!(self.reads(client, self.last_token()).await?, 401, "a session that a used token ended");
        }
        Ok(())
    }

    /// The token before the last: within the grace it gets the same successor, later it ends the session. Tells whether
    /// the session is still there.
    async fn check_used_refresh(&self, client: &mut Client) -> Result<bool> {
        let ([.., used, last], Doubt::None) = (self.refreshes.as_slice(), &self.doubt) else { return Ok(true) };
        let answered = self.answered.elapsed();
        let answer = self.door.refresh(client, used).await?;
        if answer.status == 200 {
            assert_eq!(self.door.pair(&answer).refresh, *last, "the same successor");
            assert!(answered < SURELY_AFTER_GRACE, "a used refresh token works after its grace");
            return Ok(true);
        }
        answer.refused(401, "refresh_token_reused");
        assert!(self.asked.elapsed() > SURELY_IN_GRACE, "a used refresh token ends its session within the grace");
        Ok(false)
    }

    async fn reads(&self, client: &mut Client, token: &str) -> Result<u16> {
        Ok(client.call_as(token, "GET", &self.door.own()).await?.status)
    }
}
