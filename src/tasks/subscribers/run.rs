//! Works for one subscriber: becomes its owner, reads the feed, hands out events, writes down how far it is.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender as Tell};
use std::time::{Duration, Instant};

use super::crew::{Crew, Job};
use super::{Message, Shared};
use crate::config::subscribers::Subscriber;
use crate::domain::ids::AccountId;
use crate::domain::operator::Visible;
use crate::domain::subscriber::ParkedFor;
use crate::domain::subscriber::course::{Course, Verdict};
use crate::ops::subscribers::send::{Sender, Sent};
use crate::ops::subscribers::{lag, wants};
use crate::store::changes::{self, Question, Read};
use crate::store::subscribers::{self, Kept, Owner};
use crate::store::{StoreError, pool};
use crate::writer::SubmitError;
use crate::writer::now_micros;

/// Most entries of the feed that are read at once.
const PAGE: usize = 500;

/// So many events that are done are written down at once.
const MANY: usize = 100;

/// Longest that nothing at all is looked at.
const LONGEST: Duration = Duration::from_secs(1);

/// A subscriber's thread.
pub(super) struct Run {
    shared: Arc<Shared>,
    subscriber: Arc<Subscriber>,
    messages: Receiver<Message>,
    crew: Crew,
    /// What we call ourselves as an owner.
    name: String,
    /// Accounts of which something is under way, whatever happened since it left.
    flying: HashSet<AccountId>,
    /// Counts how often work began anew: what left before does not count.
    generation: u64,
    post: Post,
    stopping: bool,
}

/// Whether we are the owner.
enum Post {
    /// Somebody else is, or nobody: as it was seen last, and since when it has not moved.
    Elsewhere { seen: Option<(Owner, Instant)>, look: Instant },
    /// We are.
    Here(Box<Work>),
}

/// What an owner has at hand.
struct Work {
    course: Course,
    epoch: i64,
    /// When the database last confirmed that we are the owner.
    confirmed: Instant,
    /// When to show again that we live.
    beat: Instant,
    /// When what is done has to be written down.
    due: Option<Instant>,
    done: usize,
    /// Whether there may be more to read, and when to try.
    more: bool,
    read_at: Instant,
}

/// Why work cannot go on as it is.
enum Broken {
    /// Our database is away.
    Away,
    /// Somebody else is the owner, or an operator changed something.
    Changed,
}

impl Run {
    pub(super) fn new(
        shared: Arc<Shared>,
        subscriber: Arc<Subscriber>,
        messages: Receiver<Message>,
        back: Tell<Message>,
    ) -> Self {
        let crew = Crew::new(shared.clone(), Sender::new(subscriber.clone()), back);
        Self {
            shared,
            subscriber,
            messages,
            crew,
            name: uuid::Uuid::new_v4().to_string(),
            flying: HashSet::new(),
            generation: 0,
            post: Post::Elsewhere { seen: None, look: Instant::now() },
            stopping: false,
        }
    }

    pub(super) fn until_stopped(mut self) {
        while !self.stopping {
            let wait = self.step();
            self.listen(wait);
        }
        self.end();
    }

    /// Waits for messages, for at most so long, and takes in all that are there.
    fn listen(&mut self, wait: Duration) {
        match self.messages.recv_timeout(wait) {
            Ok(message) => self.hear(message),
            Err(RecvTimeoutError::Timeout) => return,
            Err(RecvTimeoutError::Disconnected) => self.stopping = true,
        }
        while let Ok(message) = self.messages.try_recv() {
            self.hear(message);
        }
    }

    fn hear(&mut self, message: Message) {
        match message {
            Message::Stop => self.stopping = true,
            Message::Feed => {
                if let Post::Here(work) = &mut self.post {
                    work.more = true;
                }
            }
            Message::Done { hand, generation, account, sent } => {
                self.crew.is_free(hand);
                self.flying.remove(&account);
                let current = generation == self.generation;
                let Post::Here(work) = &mut self.post else { return };
                if !current {
                    return work.course.freed(account);
                }
                settle(work, &self.subscriber.id, account, sent);
                let flush = Instant::now() + self.shared.tempo.flush;
                work.done += 1;
                work.due = Some(work.due.map_or(flush, |due| due.min(flush)));
            }
        }
    }

    /// Does what can be done now, and says how long nothing more can.
    fn step(&mut self) -> Duration {
        match self.post {
            Post::Elsewhere { look, .. } => {
                let now = Instant::now();
                if look > now {
                    return (look - now).min(LONGEST);
                }
                if self.apply() {
                    return Duration::ZERO;
                }
                Duration::from_millis(1)
            }
            Post::Here(_) => self.work(),
        }
    }

    /// Becomes the owner if nobody else is.
    fn apply(&mut self) -> bool {
        let tempo = self.shared.tempo;
        let next = Instant::now() + tempo.beat.min(tempo.lease / 4);
        let kept = match self.kept() {
            Ok(kept) => kept,
            Err(error) => {
                log::debug!("subscriber {}: {error}", self.subscriber.id);
                self.post = Post::Elsewhere { seen: None, look: Instant::now() + tempo.retry };
                return false;
            }
        };
        let since = match &self.post {
            Post::Elsewhere { seen: Some((owner, since)), .. } if *owner == kept.owner => *since,
            _ => Instant::now(),
        };
        let free = kept.owner.name.is_empty() || since.elapsed() >= tempo.lease;
        if free && self.claim(&kept) {
            return true;
        }
        self.post = Post::Elsewhere { seen: Some((kept.owner, since)), look: next };
        false
    }

    /// The subscriber as it is kept; it begins to be kept at the end of the feed.
    fn kept(&self) -> Result<Kept, StoreError> {
        let id = &self.subscriber.id;
        let found = subscribers::find(&mut *pool::get(&self.shared.pool)?, id)?;
        if let Some(kept) = found {
            self.report(&kept)?;
            return Ok(kept);
        }
        let id = id.clone();
        let registered = self.shared.writer.work_blocking(move |connection| {
            let end = changes::end(connection)?;
            subscribers::register(connection, &id, end, now_micros())?;
            subscribers::find(connection, &id)
        });
        match registered {
            Ok(Some(kept)) => Ok(kept),
            Ok(None) => Err(StoreError::Failed("what was written is not there".to_owned())),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        }
    }

    /// Tells the metrics.
    fn report(&self, kept: &Kept) -> Result<(), StoreError> {
        let lag = lag(&mut *pool::get(&self.shared.pool)?, kept, now_micros())?;
        self.shared.observer.stands(&self.subscriber.id, &lag, kept.standing.parked.is_some());
        Ok(())
    }

    fn claim(&mut self, kept: &Kept) -> bool {
        let (seen, name) = (kept.clone(), self.name.clone());
        let began = Instant::now();
        let claimed = self
            .shared
            .writer
            .work_blocking(move |connection| subscribers::claim(connection, &seen, &name, now_micros()));
        if !matches!(claimed, Ok(true)) {
            return false;
        }
        log::info!("subscriber {}: sent to from here, behind position {}", self.subscriber.id, kept.standing.position);
        self.begin(began)
    }

    /// Takes up what is kept, as the owner. False where we are not.
    fn begin(&mut self, confirmed: Instant) -> bool {
        let id = &self.subscriber.id;
        let loaded = pool::get(&self.shared.pool).and_then(|mut connection| {
            let kept = subscribers::find(&mut connection, id)?;
            Ok((kept, subscribers::held(&mut connection, id)?))
        });
        let (kept, held) = match loaded {
            Ok((Some(kept), held)) if kept.owner.name == self.name => (kept, held),
            Ok(_) => {
                log::info!("subscriber {id}: another receiver sends to it");
                self.post = Post::Elsewhere { seen: None, look: Instant::now() };
                return false;
            }
            Err(error) => {
                log::debug!("subscriber {id}: {error}");
                // Our own name stands there: nobody else is in the way once the database is back.
                self.post = Post::Elsewhere { seen: None, look: Instant::now() + self.shared.tempo.retry };
                return false;
            }
        };
        self.generation += 1;
        let (tempo, now) = (self.shared.tempo, Instant::now());
        let busy = self.flying.clone();
        self.post = Post::Here(Box::new(Work {
            course: Course::restore(tempo.pace, self.subscriber.parallel, kept.standing, held, busy),
            epoch: kept.epoch,
            confirmed,
            beat: now + tempo.beat,
            due: None,
            done: 0,
            more: true,
            read_at: now,
        }));
        true
    }

    /// An owner's round: read, hand out, write down.
    fn work(&mut self) -> Duration {
        let tempo = self.shared.tempo;
        let Post::Here(work) = &mut self.post else { return Duration::ZERO };
        if work.more
            && work.course.room() > 0
            && work.read_at <= Instant::now()
            && let Err(error) = read(work, &self.shared, &self.subscriber)
        {
            log::debug!("subscriber {}: {error}", self.subscriber.id);
            work.read_at = Instant::now() + tempo.retry;
        }
        // Whoever could not show for long that it lives may have been replaced.
        let now = now_micros();
        while work.confirmed.elapsed() < tempo.lease * 2 / 3 {
            let Some((position, account)) = work.course.next(now) else { break };
            let job = Job { position, account, generation: self.generation };
            if self.crew.take(job) {
                self.flying.insert(account);
            } else {
                work.course.done(account, Verdict::Untried, now, 0.0);
            }
        }
        work.course.park_if_stuck(now);
        let instant = Instant::now();
        let beats = work.beat <= instant;
        if beats || work.due.is_some_and(|due| due <= instant) || work.done >= MANY {
            match write(work, &self.shared, &self.subscriber.id, &self.name) {
                Ok(()) => {}
                Err(Broken::Away) => work.due = Some(Instant::now() + tempo.retry),
                Err(Broken::Changed) => {
                    // An operator's change is taken up; where another receiver took over, it is left alone.
                    self.begin(Instant::now());
                    return Duration::ZERO;
                }
            }
        }
        if beats {
            let told = pool::get(&self.shared.pool)
                .and_then(|mut connection| subscribers::find(&mut connection, &self.subscriber.id))
                .and_then(|kept| kept.map_or(Ok(()), |kept| self.report(&kept)));
            if let Err(error) = told {
                log::debug!("subscriber {}: {error}", self.subscriber.id);
            }
        }
        self.wait()
    }

    /// How long nothing can be done.
    fn wait(&self) -> Duration {
        let Post::Here(work) = &self.post else { return Duration::ZERO };
        let now = Instant::now();
        let until = |at: Instant| at.saturating_duration_since(now);
        let mut wait = until(work.beat).min(LONGEST);
        if let Some(due) = work.due {
            wait = wait.min(until(due));
        }
        if work.more && work.course.room() > 0 {
            wait = wait.min(until(work.read_at));
        }
        let micros = now_micros();
        if let Some(at) = work.course.wakes(micros) {
            let micros = u64::try_from(at.saturating_sub(micros)).unwrap_or(0);
            // Never none: who may not hand out for want of a confirmation would ask again and again.
            wait = wait.min(Duration::from_micros(micros).max(Duration::from_millis(1)));
        }
        wait
    }

    /// Waits a moment for what is under way, writes down how far it is, and lets others take over.
    fn end(&mut self) {
        let deadline = Instant::now() + self.shared.tempo.grace;
        while !self.flying.is_empty() && Instant::now() < deadline {
            self.listen(deadline.saturating_duration_since(Instant::now()));
        }
        let Post::Here(work) = &mut self.post else { return };
        if write(work, &self.shared, &self.subscriber.id, &self.name).is_err() {
            log::debug!("subscriber {}: what was sent last is sent again by the next receiver", self.subscriber.id);
        }
        if !self.flying.is_empty() {
            // It may still arrive: whoever takes over waits as after a crash.
            return;
        }
        let (id, name) = (self.subscriber.id.clone(), self.name.clone());
        let released = self
            .shared
            .writer
            .work_blocking(move |connection| subscribers::release(connection, &id, &name, now_micros()));
        if let Err(error) = released {
            log::debug!("subscriber {} was not given back: {error}", self.subscriber.id);
        }
    }
}

/// Takes in what became of an event, and says so where it matters.
fn settle(work: &mut Work, id: &str, account: AccountId, sent: Sent) {
    let failing = work.course.standing().health.failing_since.is_some();
    let was_parked = work.course.parked().is_some();
    work.course.done(account, sent.verdict, now_micros(), rand::random());
    let standing = work.course.standing();
    let why = standing.health.last_error.as_ref().map_or("", |(_, why)| why.as_str());
    match (standing.parked, standing.health.failing_since) {
        (Some((_, ParkedFor::Gone)), _) if !was_parked => {
            log::warn!("subscriber {id} is parked: {why}; resume it with `tiersync subscribers resume {id}`");
        }
        (Some(_), _) if !was_parked => {
            log::warn!(
                "subscriber {id} is parked, since it took nothing for too long: {why}; resume it with `tiersync \
                 subscribers resume {id}`"
            );
        }
        (None, Some(_)) if !failing => log::warn!("subscriber {id} did not take an event: {why}"),
        (None, None) if failing => log::info!("subscriber {id} takes events again"),
        _ => {}
    }
}

/// Reads on in the feed.
fn read(work: &mut Work, shared: &Shared, subscriber: &Subscriber) -> Result<(), StoreError> {
    let (after, up_to) = (work.course.read_to(), shared.writer.feed().readable());
    let limit = i64::try_from(work.course.room().min(PAGE)).unwrap_or(1);
    let question = Question { after, up_to, limit, kinds: Vec::new() };
    // Told of before it is read, so that what comes meanwhile is not missed.
    work.more = false;
    let read = pool::get(&shared.pool)
        .and_then(|mut connection| changes::after(&mut connection, &Visible::All, &question))
        .inspect_err(|_| work.more = true)?;
    match read {
        Read::Entries(reading) => {
            work.more = !reading.at_end;
            let wanted = reading.items.iter().filter(|change| wants(subscriber, change));
            work.course.read(reading.next, wanted.map(|change| (change.position, change.entry.account)));
        }
        Read::Pruned { pruned_to } => {
            log::error!(
                "subscriber {} missed the changes {} to {pruned_to}, which are kept no longer; it goes on behind them",
                subscriber.id,
                after + 1
            );
            work.course.read(pruned_to, []);
            work.more = true;
        }
        Read::Ahead { end } => {
            log::error!(
                "subscriber {} stands at position {after}, but the feed ends at {end}; set it back with `tiersync subscribers \
                 replay {} --after {end}`",
                subscriber.id,
                subscriber.id
            );
        }
    }
    let flush = Instant::now() + shared.tempo.flush;
    work.due = Some(work.due.map_or(flush, |due| due.min(flush)));
    Ok(())
}

/// Writes down how far it is, or at least that we live.
fn write(work: &mut Work, shared: &Shared, id: &str, name: &str) -> Result<(), Broken> {
    let (id, name, epoch, began) = (id.to_owned(), name.to_owned(), work.epoch, Instant::now());
    (work.due, work.done) = (None, 0);
    let before = work.course.saved().clone();
    let written = match work.course.unsaved() {
        Some(unsaved) => {
            let saving = unsaved.clone();
            let written = shared.writer.work_blocking(move |connection| {
                subscribers::save(connection, &id, &name, epoch, &saving, now_micros())
            });
            if written.is_err() {
                work.course.not_saved(unsaved, before);
            }
            written
        }
        None if work.beat > began => return Ok(()),
        None => shared
            .writer
            .work_blocking(move |connection| subscribers::beat(connection, &id, &name, epoch, now_micros())),
    };
    match written {
        Ok(true) => {
            (work.confirmed, work.beat) = (began, began + shared.tempo.beat);
            Ok(())
        }
        Ok(false) => Err(Broken::Changed),
        Err(SubmitError::Failed | SubmitError::Full | SubmitError::Unavailable | SubmitError::ShuttingDown) => {
            work.beat = Instant::now() + shared.tempo.retry;
            Err(Broken::Away)
        }
    }
}
