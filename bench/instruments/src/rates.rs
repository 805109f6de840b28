//! Marking a meter.

use std::hint::black_box;

use apptuit_metrics::Registry;
use harness::Table;
use witchcraft_metrics::MetricRegistry;

use crate::names::threads;

pub(crate) fn rows(table: &mut Table) {
    let ours = Registry::new().meter("http.requests");
    let peer = MetricRegistry::new().meter("http.requests");
    for (id, count, goal) in [("I11", 1, 0.10), ("I12", 2, 0.04)] {
        let name = format!("meter mark, {}, against witchcraft-metrics", threads(count));
        table.row(id, &name, goal, |effort| {
            effort.race(count, |_| black_box(&ours).mark(), |_| black_box(&peer).mark(1))
        });
    }
}
