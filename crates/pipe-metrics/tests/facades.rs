//! An ordinary recorder and an ordinary subscriber receive what a run does.
#![cfg(all(feature = "metrics", feature = "tracing"))]

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use pipe_core::{FromIter, Inline, Source};
use pipe_metrics::{Counters, Facade, Kind, METRICS, Spans, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

fn run(counters: &Counters) {
    let numbers = FromIter::new(0..20_000u32).pipeline().map(|n| n).named("same").for_each(drop);
    numbers.observe(counters.of("numbers")).run_on(&Inline).expect("nothing fails");
}

#[test]
fn a_recorder_gets_the_values_units_and_labels_of_the_contract() {
    let (recorder, counters) = (DebuggingRecorder::new(), Counters::new());
    let facade = Facade::of(&counters);
    let received = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        run(&counters);
        facade.publish();
        run(&counters);
        facade.publish();
    });
    let mut got = 0;
    for (key, unit, help, value) in received.snapshot().into_vec() {
        let name = key.key().name();
        let metric = METRICS.iter().find(|metric| metric.name == name).expect("it is in the contract");
        assert_eq!(unit.map(|unit| format!("{unit:?}")), Some(format!("{:?}", metric.unit)));
        assert_eq!(help.as_deref(), Some(metric.help));
        let labels: Vec<_> = key.key().labels().map(|label| label.key().to_owned()).collect();
        assert_eq!(labels, metric.labels);
        let values: Vec<_> = key.key().labels().map(|label| label.value().to_owned()).collect();
        let samples = counters.read();
        let ours = samples.iter().find(|sample| sample.metric.name == name && sample.labels == values);
        match (&ours.expect("it came from there").value, value) {
            (Value::Count(count), DebugValue::Counter(received)) => {
                assert_eq!((*count, metric.kind), (received, Kind::Counter));
            }
            (Value::Count(count), DebugValue::Gauge(received)) => {
                assert_eq!((*count as f64, metric.kind), (received.0, Kind::Gauge));
            }
            (Value::Distribution(seen), DebugValue::Histogram(received)) => {
                assert_eq!(seen.count(), received.len() as u64, "each time once, over two publications");
                let (sum, exact) =
                    (received.iter().map(|value| value.0).sum::<f64>(), seen.sum().as_secs_f64());
                assert!((sum / exact - 1.0).abs() < 0.0626, "{sum} and {exact}");
            }
            (ours, received) => panic!("{name}: {ours:?} became {received:?}"),
        }
        got += 1;
    }
    assert_eq!(got, counters.read().len());
}

/// The fields of what was closed or said, by the name of the span or event.
#[derive(Clone, Default)]
struct Diary {
    lines: Arc<Mutex<Vec<Fields>>>,
}

#[derive(Clone, Default, Debug)]
struct Fields {
    name: String,
    inside_of: Option<String>,
    values: BTreeMap<&'static str, String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.values.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Diary {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields { name: attributes.metadata().name().to_owned(), ..Fields::default() };
        attributes.record(&mut fields);
        let span = context.span(id).expect("it is new");
        let part = |span: tracing_subscriber::registry::SpanRef<'_, S>| {
            span.extensions().get::<Fields>().map(|fields| fields.values["part"].clone())
        };
        fields.inside_of = span.parent().and_then(part);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).expect("it is open");
        values.record(span.extensions_mut().get_mut::<Fields>().expect("it was new once"));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).expect("it closes now");
        let fields = span.extensions().get::<Fields>().cloned();
        self.lines.lock().unwrap().extend(fields);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.name = fields.values.get("message").cloned().unwrap_or_default();
        let inside = context.event_span(event);
        fields.inside_of =
            inside.and_then(|span| Some(span.extensions().get::<Fields>()?.values["part"].clone()));
        self.lines.lock().unwrap().push(fields);
    }
}

#[test]
fn a_subscriber_gets_a_span_per_slice_and_what_closures_log_is_inside_of_it() {
    let diary = Diary::default();
    let subscriber = tracing_subscriber::registry().with(diary.clone());
    let report = tracing::subscriber::with_default(subscriber, || {
        let numbers = FromIter::new(0..20_000u32).pipeline().inspect(|n| {
            if *n == 7 {
                tracing::info!("seven");
            }
        });
        let whole = numbers.named("look").edge().map(|n| n).for_each(drop);
        whole.observe(Spans::of("numbers")).run_on(&Inline).expect("nothing fails")
    });
    let lines = diary.lines.lock().unwrap();
    let slices = |part: &'static str| {
        lines.iter().filter(move |line| line.name == "slice" && line.values["part"] == part)
    };
    let sum = |part, field: &'static str| {
        slices(part).map(|line| line.values[field].parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!((sum("segment 0", "items"), sum("sink", "items")), (20_000, 20_000));
    assert_eq!(sum("source", "bytes"), report.bytes);
    assert!(
        slices("segment 0")
            .all(|line| line.values["stages"] == "look" && line.values["pipeline"] == "numbers")
    );
    let named = |name: &str| {
        lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no {name}")).clone()
    };
    assert_eq!(named("seven").inside_of.as_deref(), Some("segment 0"));
    assert_eq!(named("began").values["executor"], "Inline");
    let ended = named("ended");
    assert_eq!((&*ended.values["taken"], &*ended.values["written"]), ("20000", "20000"));
    assert_eq!(ended.inside_of, None, "all spans are closed");
}
