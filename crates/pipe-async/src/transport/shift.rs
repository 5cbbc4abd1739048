//! A worker at work: messages taken, results on their way, acknowledgements.

use super::attempt::{Attempt, Outcome, Output, Results};
use super::contract::{Delivery, Message, Published, Receipt, Transport, Verdict};
use super::error::TransportError;
use super::keeper::Keeper;
use super::letter::{Letter, dead};
use super::partition::Route;
use super::schema::Schemas;
use super::taken::Taken;
use super::worker::{Worked, Worker, is_of_the_message, suspects};
use pipe_core::{Cancel, RunError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// What a worker has in hand, and what it did.
pub(super) struct Shift<'w> {
    worker: &'w Worker,
    /// That of the worker, which gives up when this one is to stop.
    transport: &'w dyn Transport,
    keeper: &'w Keeper,
    schemas: Schemas,
    /// In the order they were taken.
    open: VecDeque<Open>,
    /// Not begun when the worker was stopped, or without the receipts of their results.
    back: Vec<Delivery>,
    worked: Worked,
}

/// A message whose results are on their way.
struct Open {
    delivery: Delivery,
    receipts: Vec<Receipt>,
    items: u64,
    outputs: u64,
}

impl<'w> Shift<'w> {
    pub(super) fn new(
        worker: &'w Worker,
        transport: &'w dyn Transport,
        keeper: &'w Keeper,
        schemas: Schemas,
    ) -> Self {
        let (open, back, worked) = (VecDeque::new(), Vec::new(), Worked::default());
        Shift { worker, transport, keeper, schemas, open, back, worked }
    }

    pub(super) fn worked(&self) -> Worked {
        self.worked
    }

    /// Works on what was fetched at once.
    pub(super) fn take<In, Out>(
        &mut self,
        fetched: Vec<Delivery>,
        stop: &Cancel,
        route: Option<&Route<Out>>,
        work: &mut impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<(), TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let (fresh, mut again): (Vec<_>, Vec<_>) =
            fetched.into_iter().partition(|delivery| delivery.attempt == 1);
        // One of these may have ended the worker that held them all. The others are to get through before it does so again.
        let order = RandomState::new();
        again.sort_by_cached_key(|delivery| order.hash_one(delivery.sequence));
        self.worked.redelivered += again.len() as u64;
        for delivery in fresh.into_iter().chain(again) {
            if stop.is_cancelled() {
                self.back.push(delivery);
                continue;
            }
            if delivery.attempt > 1 {
                self.acknowledge(0)?;
            }
            self.one(delivery, route, work)?;
            self.acknowledge(self.worker.settings.fetch)?;
        }
        Ok(())
    }

    /// Gives back what was not begun, and these.
    pub(super) fn give_back(&mut self, unused: Vec<Delivery>) -> Result<(), TransportError> {
        self.back.extend(unused);
        let back = std::mem::take(&mut self.back);
        back.iter().try_for_each(|delivery| self.settle(delivery, Verdict::Retry(Duration::ZERO)))
    }

    fn one<In, Out>(
        &mut self,
        delivery: Delivery,
        route: Option<&Route<Out>>,
        work: &mut impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Result<(), TransportError>
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let sent = match self.attempt(&delivery).run(route, work) {
            Outcome::Again => return self.again(&delivery),
            Outcome::Over(results) => self.send(&delivery, route, results),
        };
        match sent {
            Ok((receipts, items, outputs)) => {
                self.open.push_back(Open { delivery, receipts, items, outputs });
                Ok(())
            }
            Err(error) => self.refused(&delivery, error),
        }
    }

    fn attempt<'d>(&self, delivery: &'d Delivery) -> Attempt<'d>
    where
        Self: 'd,
    {
        Attempt::new(delivery, self.worker, self.schemas)
    }

    fn again(&mut self, delivery: &Delivery) -> Result<(), TransportError> {
        self.worked.retried += 1;
        let after = self.worker.settings.backoff.wait(delivery.attempt, delivery.sequence);
        self.settle(delivery, Verdict::Retry(after))
    }

    /// Sends what became of a message. The letters are safe before the first output leaves: were it the other way round, a worker killed
    /// in between would leave outputs without the items of the letters, and nothing that tells of these.
    fn send<Out>(
        &mut self,
        delivery: &Delivery,
        route: Option<&Route<Out>>,
        results: Results,
    ) -> Result<(Vec<Receipt>, u64, u64), TransportError> {
        let (transport, Worker { stage, from, .. }) = (self.transport, self.worker);
        let Results { outputs, letters, suspects, items, without } = results;
        for letter in letters {
            self.write(letter)?;
        }
        let (mut receipts, mut sent) = (Vec::new(), 0);
        self.worked.suspects += suspects.len() as u64;
        for message in suspects {
            receipts.push(transport.publish(&self::suspects(from), message)?);
        }
        let Some(route) = route else { return Ok((receipts, items, 0)) };
        let mut before = BTreeMap::new();
        for (n, Output { to, frame, items }) in outputs.into_iter().enumerate() {
            let id = format!("{}>{stage}{without}.{n}", delivery.message.id);
            if let Some(receipt) = before.remove(&to) {
                // A frame that is tried again must not be overtaken by the next one of its partition.
                self.worked.duplicates += u64::from(Receipt::wait(receipt)? == Published::Duplicate);
            }
            let receipt = transport.publish(&route.streams()[to], Message { id, payload: frame })?;
            if route.is_keyed() {
                before.insert(to, receipt);
            } else {
                receipts.push(receipt);
            }
            sent += u64::from(items);
        }
        receipts.extend(before.into_values());
        Ok((receipts, items, sent))
    }

    /// Results that no stream would take at any time are a failure of their message, and what was given up because the worker is to stop goes
    /// to another. Whatever else went wrong ends the worker.
    fn refused(&mut self, delivery: &Delivery, error: TransportError) -> Result<(), TransportError> {
        if matches!(error, TransportError::Stopped) {
            self.back.push(delivery.clone());
            return Ok(());
        }
        if !is_of_the_message(&error) {
            return Err(error);
        }
        if delivery.attempt < self.worker.settings.max_attempts {
            return self.again(delivery);
        }
        let letter = self.attempt(delivery).dead(&error.to_string());
        match self.write(letter) {
            Err(stopped @ TransportError::Stopped) => return self.refused(delivery, stopped),
            written => written?,
        }
        self.settle(delivery, Verdict::Ack)?;
        self.worked.messages += 1;
        Ok(())
    }

    /// Writes a letter, and waits until it is safe. One that is too large loses what it can do without.
    fn write(&mut self, mut letter: Letter) -> Result<(), TransportError> {
        let stream = dead(&self.worker.from);
        loop {
            let message = letter.message(self.worker.settings.limits);
            let written = message
                .map_err(|source| TransportError::Frame { stream: stream.clone(), source })
                .and_then(|message| self.transport.publish(&stream, message)?.wait());
            match written {
                Err(error) if is_of_the_message(&error) && letter.shorten() => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        self.worked.letters += 1;
        Ok(())
    }

    /// Acknowledges messages whose results have arrived, until no more than `most` are left.
    pub(super) fn acknowledge(&mut self, most: usize) -> Result<(), TransportError> {
        while self.open.len() > most
            && let Some(Open { delivery, receipts, items, outputs }) = self.open.pop_front()
        {
            let arrived: Result<Vec<Published>, _> = receipts.into_iter().map(Receipt::wait).collect();
            match arrived {
                Ok(arrived) => {
                    self.settle(&delivery, Verdict::Ack)?;
                    let duplicates = arrived.iter().filter(|published| **published == Published::Duplicate);
                    self.worked.duplicates += duplicates.count() as u64;
                    self.worked.items += items;
                    self.worked.outputs += outputs;
                    self.worked.messages += 1;
                }
                Err(error) => self.refused(&delivery, error)?,
            }
        }
        Ok(())
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.keeper.release(delivery);
        match self.transport.settle(delivery, verdict) {
            // Not told is no harm: it is delivered again after its lease.
            Err(TransportError::Stopped) => Ok(()),
            settled => settled,
        }
    }
}
