//! Every form of the macros, and what a place in the program remembers.

use std::borrow::Cow;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use apptuit_metrics::{Counter, Registry, counter, gauge, global, histogram, meter, timer};

#[test]
fn every_kind_has_a_macro_for_the_global_registry() {
    counter!("global").inc();
    counter!("global",).inc();
    counter!("global", "a" => "1").inc();
    counter!("global", "a" => "1", "b" => "2",).inc();
    gauge!("global").set(1.5);
    meter!("global").mark();
    histogram!("global").record(2);
    timer!("global").record(Duration::from_secs(3));
    assert_eq!(global().counter("global").count(), 2);
    assert_eq!(global().counter(("global", [("a", "1")])).count(), 1);
    assert_eq!(global().counter(("global", [("b", "2"), ("a", "1")])).count(), 1);
    assert_eq!(global().gauge("global").value(), 1.5);
    assert_eq!(global().meter("global").count(), 1);
    assert_eq!(global().histogram("global").max(), 2.0);
    assert_eq!(global().timer("global").max(), 3.0);
}

#[test]
fn names_keys_and_values_may_be_any_text() {
    let registry = Registry::new();
    let (owned, shared) = (String::from("m"), Arc::<str>::from("k"));
    let borrowed = Cow::Borrowed("v");
    counter!(in &registry, owned, shared => borrowed).inc();
    counter!(in &registry, &owned, "k" => "v").inc();
    counter!(in &registry, "m", "k" => &*borrowed).inc();
    counter!(in &registry, format!("{}", 'm'), shared => "v",).inc();
    counter!(in &registry, ["m"][0], "k" => if owned.is_empty() { "" } else { "v" }).inc();
    counter!(in &registry, "m", "k" => "v").inc();
    assert_eq!(registry.counter(("m", [("k", "v")])).count(), 6);
    counter!(in &registry, owned).inc();
    counter!(in &registry, owned,).inc();
    assert_eq!((registry.counter("m").count(), registry.len()), (2, 2));
    // They were borrowed.
    assert_eq!((owned.as_str(), &*shared), ("m", "k"));
}

#[test]
fn the_registry_may_be_any_expression() {
    struct Program {
        registry: Arc<Registry>,
    }
    let program = Program { registry: Arc::new(Registry::new()) };
    let registry: &Registry = &program.registry;
    for _ in 0..3 {
        meter!(in registry, "m").mark();
        meter!(in &program.registry, "m").mark();
        meter!(in &*program.registry, "m", ).mark();
        meter!(in { &program.registry }, "m").mark();
        let name = "m";
        meter!(in program.registry, name).mark();
    }
    assert_eq!((registry.meter("m").count(), registry.len()), (15, 1));
}

#[test]
fn of_two_tags_with_one_key_the_later_counts() {
    let registry = Registry::new();
    counter!(in &registry, "m", "k" => "1", "k" => "2").inc();
    assert_eq!(registry.counter(("m", [("k", "2")])).count(), 1);
}

#[test]
fn a_handle_of_a_macro_can_be_kept() {
    let registry = Registry::new();
    let kept: Counter = counter!(in &registry, "m").clone();
    let name = String::from("m");
    let made = counter!(in &registry, name);
    kept.inc();
    made.inc();
    assert_eq!(registry.counter("m").count(), 2);
}

fn at_one_place(registry: &Registry) {
    counter!(in registry, "m").inc();
    counter!(in registry, "m", "k" => "v").inc_by(2);
    gauge!(in registry, "m").add(1.0);
    meter!(in registry, "m").mark();
    histogram!(in registry, "m").record(1);
    timer!(in registry, "m").record(Duration::from_secs(1));
}

#[track_caller]
fn assert_recorded(registry: &Registry, times: u32) {
    assert_eq!(registry.counter("m").count(), i64::from(times));
    assert_eq!(registry.counter(("m", [("k", "v")])).count(), 2 * i64::from(times));
    assert_eq!(registry.gauge("m").value(), f64::from(times));
    assert_eq!(registry.meter("m").count(), u64::from(times));
    assert_eq!(registry.histogram("m").count(), u64::from(times));
    assert_eq!(registry.timer("m").count(), u64::from(times));
    assert_eq!(registry.len(), 6);
}

/// One test, because one place remembers from one to the next.
#[test]
fn a_place_serves_many_registries_and_survives_their_end() {
    let (first, second) = (Registry::new(), Registry::new());
    for times in 1..4 {
        at_one_place(&first);
        at_one_place(&second);
        assert_recorded(&first, times);
        assert_recorded(&second, times);
    }
    first.clear();
    second.remove("m");
    assert!(first.is_empty());
    at_one_place(&first);
    assert_recorded(&first, 1);
    assert_eq!(second.counter(("m", [("k", "v")])).count(), 6);
    drop(first);
    for _ in 0..10 {
        let later = Registry::new();
        at_one_place(&later);
        at_one_place(&later);
        assert_recorded(&later, 2);
    }
}

#[test]
fn after_each_removal_a_place_finds_the_instrument_of_today() {
    let registry = Registry::new();
    for times in 1..4 {
        for _ in 0..times {
            counter!(in &registry, "removed").inc();
        }
        assert_eq!(registry.counter("removed").count(), times);
        assert!(registry.remove("removed"));
        // What is removed elsewhere does not matter here.
        counter!(in &registry, "stays").inc();
        assert_eq!(registry.counter("stays").count(), times);
    }
}

/// Whichever thread comes first to a place, with whichever registry.
#[test]
fn threads_that_meet_at_a_place_count_each_in_its_own_registry() {
    let registries: [Registry; 4] = std::array::from_fn(|_| Registry::new());
    thread::scope(|scope| {
        for n in 0..16 {
            let registry = &registries[n % 4];
            scope.spawn(move || {
                for _ in 0..500 {
                    counter!(in registry, "met").inc();
                }
            });
        }
    });
    for registry in &registries {
        assert_eq!(registry.counter("met").count(), 2000);
    }
}
