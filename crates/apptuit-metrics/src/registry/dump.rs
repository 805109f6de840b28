//! What the instruments of a registry say, all of them at once.

use std::collections::HashSet;
use std::sync::Mutex;

use apptuit_model::TimeSeriesName;

use super::Registry;
use super::idle::{Idle, Use};
use super::instrument::Instrument;
use crate::Metric;
use crate::instruments::lock;
use crate::lane::{LANES, Sums};

impl Registry {
    /// What every instrument says now. Nothing is changed by asking.
    ///
    /// The set of instruments is that of one instant, and the numbers of each belong together.
    /// Order: counters, histograms, meters, timers, gauges, each as they were created. Functions of
    /// gauges run in the calling thread, and no lock is held meanwhile.
    #[doc(alias = "dump_metrics")]
    pub fn dump(&self) -> Vec<Metric> {
        let sums = LANES.sums();
        self.instruments().iter().map(|it| it.read(&sums)).collect()
    }

    /// What every instrument says in a report: a [`dump`](Self::dump) that ends intervals.
    ///
    /// Histograms and timers that are sampled [per report](crate::Sampling::per_report) begin anew, so
    /// one reporter should ask. Instruments that were not used for the
    /// [idle timeout](super::RegistryBuilder::idle_timeout) are left out.
    pub fn report(&self) -> Vec<Metric> {
        self.ask(Instrument::report)
    }

    /// What every instrument says to one of many scrapers: a report that ends no interval.
    #[cfg(feature = "open-metrics")]
    pub(crate) fn scrape(&self) -> Vec<Metric> {
        self.ask(Instrument::read)
    }

    /// What the instruments say that are in use; those that are idle and without handles are
    /// forgotten.
    fn ask(&self, say: impl Fn(&Instrument, &Sums) -> Metric) -> Vec<Metric> {
        let (sums, instruments) = (LANES.sums(), self.instruments());
        let Some(idle) = &self.shared.idle else {
            return instruments.iter().map(|it| say(it, &sums)).collect();
        };
        let now = self.shared.clock.now();
        let (mut said, mut unused) = (Vec::with_capacity(instruments.len()), Vec::new());
        for instrument in &instruments {
            let activity = instrument.activity(&sums);
            match lock(idle).look(instrument.number(), activity, now) {
                Use::Used => said.push(say(instrument, &sums)),
                Use::NewlyIdle => {}
                Use::Idle => unused.push(instrument.name().clone()),
            }
        }
        drop(instruments);
        self.forget_unused(&unused, idle);
        said
    }

    /// All instruments, in the order of a dump.
    fn instruments(&self) -> Vec<Instrument> {
        // Kind, then number: in one word, which is compared at once, and at hand.
        let place = |it: &Instrument| ((it.kind() as u64) << 60) | it.number();
        let mut instruments: Vec<_> =
            self.read().iter().map(|it| (place(it), it.clone())).collect();
        instruments.sort_unstable_by_key(|(place, _)| *place);
        instruments.into_iter().map(|(_, instrument)| instrument).collect()
    }

    /// Forgets the instruments of these names that are idle and that nobody has a handle of.
    fn forget_unused(&self, unused: &[TimeSeriesName], idle: &Mutex<Idle>) {
        let mut forgotten = Vec::new();
        let mut idle = lock(idle);
        {
            let mut table = self.write();
            // The table alone holds it; and nobody gets a handle while the table is locked. What was
            // done with the last handle before is seen now.
            let sums = LANES.sums();
            let is_unused = |it: &Instrument| it.holders() == 1 && idle.is_still_idle(it, &sums);
            for name in unused {
                forgotten.extend(table.take(name, is_unused));
            }
            let there: HashSet<u64> = table.iter().map(Instrument::number).collect();
            idle.retain(|number| there.contains(&number));
        }
        drop(idle);
        drop(forgotten);
    }
}
