//! What this machine is doing, put into instruments.

use std::collections::HashMap;
use std::thread;

use apptuit::TimeSeriesName;
use apptuit::metrics::{Counter, Registry, Timer};
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL, Networks, System};

/// The machine's state, and the registry that is told of it.
#[derive(Debug)]
pub(super) struct Machine {
    registry: Registry,
    system: System,
    disks: Disks,
    networks: Networks,
    counters: HashMap<TimeSeriesName, Counter>,
    look_time: Timer,
}

impl Machine {
    /// Watches this machine through `registry`.
    pub(super) fn watch(registry: &Registry) -> Result<Self, sysinfo::Error> {
        let mut system = System::new()?;
        // Usage is what happened between two looks: this is the first.
        system.refresh_cpu_usage();
        thread::sleep(MINIMUM_CPU_UPDATE_INTERVAL);
        Ok(Self {
            registry: registry.clone(),
            system,
            disks: Disks::new_with_refreshed_list()?,
            networks: Networks::new_with_refreshed_list()?,
            counters: HashMap::new(),
            look_time: registry.timer("demo.look.time"),
        })
    }

    /// Looks once: gauges are set, counters go up by what happened since the last look.
    pub(super) fn look(&mut self) {
        let running = self.look_time.start_owned();
        self.processor();
        self.memory();
        self.disks();
        self.network();
        drop(running);
    }

    fn processor(&mut self) {
        self.system.refresh_cpu_usage();
        for (n, cpu) in self.system.cpus().iter().enumerate() {
            let name = ("node.cpu.percent", [("cpu", n.to_string())]);
            self.registry.gauge(name).set(cpu.usage().into());
        }
        // Not every system has one.
        let Ok(load) = System::load_average() else { return };
        for (minutes, value) in [("1", load.one), ("5", load.five), ("15", load.fifteen)] {
            self.registry.gauge(("node.load", [("minutes", minutes)])).set(value);
        }
    }

    fn memory(&mut self) {
        self.system.refresh_memory();
        let states = [
            ("total", self.system.total_memory()),
            ("used", self.system.used_memory()),
            ("available", self.system.available_memory()),
        ];
        for (state, bytes) in states {
            self.registry.gauge(("node.memory.bytes", [("state", state)])).set(bytes as f64);
        }
    }

    fn disks(&mut self) {
        self.disks.refresh(true);
        let mut usage = Vec::new();
        for disk in &self.disks {
            let mount = disk.mount_point().display().to_string();
            for (state, bytes) in
                [("total", disk.total_space()), ("available", disk.available_space())]
            {
                let name = ("node.disk.bytes", [("mount", mount.as_str()), ("state", state)]);
                self.registry.gauge(name).set(bytes as f64);
            }
            let done = disk.usage();
            let device = disk.name().to_string_lossy().into_owned();
            usage.push((device.clone(), "read", done.read_bytes));
            usage.push((device, "write", done.written_bytes));
        }
        // A device that is mounted twice does its work once.
        usage.sort_unstable();
        usage.dedup_by(|a, b| (&a.0, a.1) == (&b.0, b.1));
        for (device, direction, bytes) in usage {
            let name =
                ("node.disk.io.bytes", [("device", device.as_str()), ("direction", direction)]);
            self.count(name.into(), bytes);
        }
    }

    fn network(&mut self) {
        self.networks.refresh(true);
        let mut moved = Vec::new();
        for (interface, data) in &self.networks {
            moved.push((interface.to_string_lossy().into_owned(), "in", data.received()));
            moved.push((interface.to_string_lossy().into_owned(), "out", data.transmitted()));
        }
        for (interface, direction, bytes) in moved {
            let tags = [("interface", interface.as_str()), ("direction", direction)];
            self.count(("node.network.bytes", tags).into(), bytes);
        }
    }

    fn count(&mut self, name: TimeSeriesName, more: u64) {
        let registry = &self.registry;
        let counter = self.counters.entry(name).or_insert_with_key(|name| registry.counter(name));
        counter.inc_by(i64::try_from(more).unwrap_or(i64::MAX));
    }
}
