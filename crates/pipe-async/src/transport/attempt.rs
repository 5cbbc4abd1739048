//! One delivery of a message: what is to become of it and of each of its items.

use super::contract::{Delivery, Message};
use super::frame::{FrameError, FrameLimits, FrameReader, FrameWriter};
use super::letter::Letter;
use super::partition::Route;
use super::schema::{FNV_OFFSET, Schemas, fnv};
use super::taken::Taken;
use super::worker::Worker;
use pipe_core::{Position, RunError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

pub(super) struct Attempt<'d> {
    delivery: &'d Delivery,
    stage: &'d str,
    /// The stream that the stage works on; `delivery` may be of the one for its suspects.
    from: &'d str,
    max_attempts: u32,
    limits: FrameLimits,
    schemas: Schemas,
    letters: Vec<Letter>,
}

pub(super) enum Outcome {
    /// It failed, and has attempts left.
    Again,
    /// Once all of this is safe, the message is done.
    Over(Results),
}

#[derive(Default)]
pub(super) struct Results {
    /// In the order they are to be sent.
    pub(super) outputs: Vec<Output>,
    pub(super) letters: Vec<Letter>,
    /// Messages in the place of this one, each to be taken alone.
    pub(super) suspects: Vec<Message>,
    /// Items that went through.
    pub(super) items: u64,
    /// Which items the outputs are made without: a part of their ids, since frames made of other items are other frames.
    pub(super) without: String,
}

/// A frame for the next stream.
pub(super) struct Output {
    /// Which of the streams that the route leads to.
    pub(super) to: usize,
    pub(super) frame: Vec<u8>,
    pub(super) items: u32,
}

impl<'d> Attempt<'d> {
    pub(super) fn new(delivery: &'d Delivery, worker: &'d Worker, schemas: Schemas) -> Self {
        let Worker { stage, from, settings, .. } = worker;
        let (max_attempts, limits) = (settings.max_attempts, settings.limits);
        Attempt { delivery, stage, from, max_attempts, limits, schemas, letters: Vec::new() }
    }

    pub(super) fn run<In, Out>(
        mut self,
        route: Option<&Route<Out>>,
        work: &mut impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
    ) -> Outcome
    where
        In: Serialize + DeserializeOwned,
        Out: Serialize + DeserializeOwned,
    {
        let mut failed = BTreeSet::new();
        let mut items = match self.items::<In>(&failed) {
            Ok(items) => items,
            // Bytes do not become a frame by waiting.
            Err(why) => return self.all_dead(&why.to_string()),
        };
        let count = items.len();
        if self.delivery.attempt > self.max_attempts {
            return self.silent::<In>(count);
        }
        loop {
            let through = items.len() as u64;
            let taken = Taken::new(items, &self.delivery.message.id, self.delivery.attempt);
            let why = match work(taken) {
                Ok(outputs) => match self.frames(route, &outputs) {
                    Ok(outputs) => {
                        let (letters, without) = (self.letters, without(&failed));
                        let suspects = Vec::new();
                        return Outcome::Over(Results {
                            outputs,
                            letters,
                            suspects,
                            items: through,
                            without,
                        });
                    }
                    Err(why) => (None, why.to_string()),
                },
                Err(error) => (item(&error), error.to_string()),
            };
            match why {
                _ if self.delivery.attempt < self.max_attempts => return Outcome::Again,
                // The others of the message go on without it.
                (Some(index), why) if index < count as u64 && failed.insert(index) => {
                    self.dead_item::<In>(index, why)
                }
                (_, why) => return self.all_dead(&why),
            }
            items = match self.items::<In>(&failed) {
                Ok(items) => items,
                Err(_) => return self.all_dead("its items could be read once and not again"),
            };
        }
    }

    /// The items with their places, without those that failed.
    fn items<In: DeserializeOwned>(&self, failed: &BTreeSet<u64>) -> Result<Vec<(u64, In)>, FrameError> {
        let payload = &self.delivery.message.payload;
        let items = FrameReader::new(payload, self.schemas.taken, self.limits)?.read::<In>()?;
        let placed = (0..).zip(items);
        Ok(placed.filter(|(index, _)| !failed.contains(index)).collect())
    }

    /// Who had it so often said nothing about it: workers ended, by it or by another message that they held. First it becomes a suspect,
    /// of which a worker holds one at a time, so that the count is that of its own deeds; under its id, since it may have left results.
    /// A suspect that goes on is taken apart, and a suspect of one item is guilty.
    fn silent<In: Serialize + DeserializeOwned>(self, count: usize) -> Outcome {
        let guilty = "each worker that had it ended without a word";
        let whole = &self.delivery.message;
        let is_suspect = *self.delivery.stream != *self.from;
        let item =
            |index| Some(Message { id: format!("{}/{index}", whole.id), payload: self.alone::<In>(index)? });
        let suspects = match (is_suspect, count) {
            (false, _) => Some(vec![whole.clone()]),
            (true, 0 | 1) => None,
            (true, count) => (0..count as u64).map(item).collect(),
        };
        match suspects {
            Some(suspects) => Outcome::Over(Results { suspects, ..Results::default() }),
            None => self.all_dead(guilty),
        }
    }

    /// A frame of one item.
    fn alone<In: Serialize + DeserializeOwned>(&self, index: u64) -> Option<Vec<u8>> {
        let items = self.items::<In>(&BTreeSet::new()).ok()?;
        let (_, item) = items.into_iter().nth(usize::try_from(index).ok()?)?;
        let mut writer = FrameWriter::new(self.schemas.taken, self.limits);
        writer.push(&item).ok()?;
        writer.take()
    }

    fn dead_item<In: Serialize + DeserializeOwned>(&mut self, index: u64, why: String) {
        let frame = self.alone::<In>(index).unwrap_or_default();
        let letter = self.letter(u32::try_from(index).ok(), why, frame);
        self.letters.push(letter);
    }

    fn all_dead(&self, why: &str) -> Outcome {
        Outcome::Over(Results { letters: vec![self.dead(why)], ..Results::default() })
    }

    /// A letter of the whole message.
    pub(super) fn dead(&self, why: &str) -> Letter {
        let payload = &self.delivery.message.payload;
        let kept = payload[..payload.len().min(self.limits.max_bytes)].to_vec();
        let mut letter = self.letter(None, why.to_owned(), kept);
        letter.bytes = payload.len() as u64;
        letter
    }

    fn letter(&self, index: Option<u32>, error: String, frame: Vec<u8>) -> Letter {
        Letter {
            stage: self.stage.to_owned(),
            error,
            stream: self.from.to_owned(),
            id: self.delivery.message.id.clone(),
            index,
            attempts: self.delivery.attempt,
            bytes: frame.len() as u64,
            frame,
        }
    }

    /// The outputs in frames: as many as fit, so that the same outputs make the same frames. None where nothing comes behind.
    fn frames<Out: Serialize + DeserializeOwned>(
        &self,
        route: Option<&Route<Out>>,
        outputs: &[Out],
    ) -> Result<Vec<Output>, FrameError> {
        let Some(route) = route else { return Ok(Vec::new()) };
        let streams = route.count();
        let room = self.delivery.message.payload.len() / streams;
        let writer = |_| FrameWriter::new(self.schemas.given, self.limits).expecting(room);
        let mut writers: Vec<FrameWriter> = (0..streams).map(writer).collect();
        let mut frames = Vec::new();
        let mut take = |to: usize, writer: &mut FrameWriter| {
            let items = writer.count();
            frames.extend(writer.take().map(|frame| Output { to, frame, items }));
        };
        for output in outputs {
            let to = route.of(output);
            let writer = &mut writers[to];
            if !writer.push(output)? {
                take(to, writer);
                writer.push(output)?;
            }
            if writer.is_full() {
                take(to, writer);
            }
        }
        writers.iter_mut().enumerate().for_each(|(to, writer)| take(to, writer));
        Ok(frames)
    }
}

/// Empty if none failed.
fn without(failed: &BTreeSet<u64>) -> String {
    if failed.is_empty() {
        return String::new();
    }
    let places: Vec<u8> = failed.iter().flat_map(|place| place.to_le_bytes()).collect();
    format!("~{:016x}", fnv(FNV_OFFSET, &places))
}

/// The item that a run failed at.
fn item(error: &RunError) -> Option<u64> {
    match error {
        RunError::Stage { at, .. } | RunError::Panicked { at, .. } => at.map(Position::place),
        _ => None,
    }
}
