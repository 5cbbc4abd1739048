//! What a source has to say stands in the report, whatever stands between it and the run; and a batch that was not what it seemed ends the run.

use pipe_core::{
    Batch, BoxError, Event, Flow, Inline, Items, Own, Report, RunError, Source, Want, concat, from_source,
    merge, zip,
};

/// Has one batch, and says something at the first pull and at the end.
struct Says {
    name: &'static str,
    pulls: usize,
    said: usize,
}

fn says(name: &'static str) -> Says {
    Says { name, pulls: 0, said: 0 }
}

impl Source for Says {
    type Item = Own<u32>;
    type Batch = Items<u32>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u32>>, BoxError> {
        self.pulls += 1;
        Ok((self.pulls == 1).then(|| Items::new(0, vec![1, 2, 3])))
    }

    fn take_events(&mut self) -> Vec<Event> {
        let new = self.said..self.pulls;
        self.said = self.pulls;
        let event = |at: usize| Event::Fallback {
            wanted: self.name.to_owned(),
            got: ["first", "end"][at].to_owned(),
            why: "a test".to_owned(),
        };
        new.map(event).collect()
    }
}

fn said(report: &Report<Vec<impl Send>>) -> Vec<String> {
    let mut all: Vec<_> = report.events.iter().map(Event::to_string).collect();
    all.sort();
    all
}

#[test]
fn what_sources_say_is_in_the_report_also_if_they_have_ended_in_a_fan_in() {
    let both = [
        "end instead of a: a test",
        "end instead of b: a test",
        "first instead of a: a test",
        "first instead of b: a test",
    ];
    let alone = from_source(Box::new(says("a"))).collect().run_on(&Inline).unwrap();
    assert_eq!(said(&alone), ["end instead of a: a test", "first instead of a: a test"]);
    let sources = || [says("a"), says("b")];
    assert_eq!(said(&from_source(concat(sources())).collect().run_on(&Inline).unwrap()), both);
    assert_eq!(said(&from_source(merge(sources())).collect().run_on(&Inline).unwrap()), both);
    let zipped = from_source(zip(says("a"), says("b"))).collect().run_on(&Inline).unwrap();
    assert!(
        ["first instead of a: a test", "first instead of b: a test"]
            .iter()
            .all(|one| said(&zipped).iter().any(|said| said == one))
    );
}

/// Its items were not what they seemed.
struct Spoiled(Items<u32>);

impl Batch for Spoiled {
    type Item<'a> = u32;

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn check(&self) -> Result<(), BoxError> {
        Err("spoiled".into())
    }

    fn drive(&mut self, limit: usize, each: impl for<'a> FnMut(u64, u32) -> Flow) -> usize {
        self.0.drive(limit, each)
    }

    fn position(&self) -> u64 {
        Batch::position(&self.0)
    }
}

struct Spoils;

impl Source for Spoils {
    type Item = Own<u32>;
    type Batch = Spoiled;

    fn pull(&mut self, _: Want) -> Result<Option<Spoiled>, BoxError> {
        Ok(Some(Spoiled(Items::new(0, vec![1, 2, 3]))))
    }
}

#[test]
fn what_became_of_a_spoiled_batch_is_not_handed_on_and_what_failed_because_of_it_is_not_blamed() {
    let mut seen = Vec::new();
    let failed = from_source(Spoils).map(|n| n + 1).for_each(|n| seen.push(n)).run_on(&Inline).unwrap_err();
    assert_eq!((failed.to_string().as_str(), seen.len()), ("source: spoiled", 0));
    let panics =
        from_source(Spoils).map(|n| if n == 2 { panic!("two") } else { n }).collect().run_on(&Inline);
    assert!(matches!(panics, Err(RunError::Source { .. })));
}
