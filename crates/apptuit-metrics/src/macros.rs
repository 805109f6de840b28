//! Instruments by macro, with a handle kept at each place that names one.

/// The [`Counter`](crate::Counter) of a name and tags.
///
/// Of the [`global`](crate::global) registry, or, after `in`, of another. If name and tags are
/// literals, the place in the program keeps a handle for the first registry it meets, and finding it
/// again costs two comparisons.
///
/// ```
/// use apptuit_metrics::{Registry, counter};
///
/// counter!("orders").inc();
/// counter!("orders", "city" => "blr").inc_by(2);
///
/// let registry = Registry::new();
/// let city = String::from("maa");
/// counter!(in &registry, "orders", "city" => city).inc();
/// assert_eq!(registry.counter(("orders", [("city", "maa")])).count(), 1);
/// ```
#[macro_export]
macro_rules! counter {
    ($($arguments:tt)*) => { $crate::__instrument!(Counter counter $($arguments)*) };
}

/// The [`Gauge`](crate::Gauge) of a name and tags; otherwise like [`counter!`](crate::counter).
///
/// ```
/// apptuit_metrics::gauge!("room.celsius", "room" => "lab").set(21.5);
/// ```
#[macro_export]
macro_rules! gauge {
    ($($arguments:tt)*) => { $crate::__instrument!(Gauge gauge $($arguments)*) };
}

/// The [`Meter`](crate::Meter) of a name and tags; otherwise like [`counter!`](crate::counter).
///
/// ```
/// apptuit_metrics::meter!("http.requests", "route" => "/checkout").mark();
/// ```
#[macro_export]
macro_rules! meter {
    ($($arguments:tt)*) => { $crate::__instrument!(Meter meter $($arguments)*) };
}

/// The [`Histogram`](crate::Histogram) of a name and tags; otherwise like
/// [`counter!`](crate::counter).
///
/// ```
/// apptuit_metrics::histogram!("basket.items").record(3);
/// ```
#[macro_export]
macro_rules! histogram {
    ($($arguments:tt)*) => { $crate::__instrument!(Histogram histogram $($arguments)*) };
}

/// The [`Timer`](crate::Timer) of a name and tags; otherwise like [`counter!`](crate::counter).
///
/// ```
/// let answer = apptuit_metrics::timer!("http.latency", "route" => "/checkout").time(|| 6 * 7);
/// assert_eq!(answer, 42);
/// ```
#[macro_export]
macro_rules! timer {
    ($($arguments:tt)*) => { $crate::__instrument!(Timer timer $($arguments)*) };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __instrument {
    ($kind:ident $method:ident in $registry:expr, $name:literal $(,)?) => {{
        static SITE: $crate::site::Site<$crate::$kind> = $crate::site::Site::new();
        SITE.find($registry, |registry| registry.$method($name))
    }};
    ($kind:ident $method:ident
        in $registry:expr, $name:literal, $($key:literal => $value:literal),+ $(,)?) => {{
        static SITE: $crate::site::Site<$crate::$kind> = $crate::site::Site::new();
        SITE.find($registry, |registry| registry.$method(($name, [$(($key, $value)),+])))
    }};
    ($kind:ident $method:ident in $registry:expr, $name:expr $(,)?) => {
        $registry.$method(::core::convert::AsRef::<str>::as_ref(&$name))
    };
    ($kind:ident $method:ident
        in $registry:expr, $name:expr, $($key:expr => $value:expr),+ $(,)?) => {
        $registry.$method((
            ::core::convert::AsRef::<str>::as_ref(&$name),
            [$((
                ::core::convert::AsRef::<str>::as_ref(&$key),
                ::core::convert::AsRef::<str>::as_ref(&$value),
            )),+],
        ))
    };
    ($kind:ident $method:ident $($arguments:tt)+) => {
        $crate::__instrument!($kind $method in $crate::global(), $($arguments)+)
    };
}

/// What the macros are made of; not for use by hand.
#[doc(hidden)]
pub mod site {
    use std::fmt;
    use std::ops::Deref;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use crate::Registry;
    use crate::registry::{Handle, is_overflow};

    /// A place in a program that names an instrument.
    pub struct Site<H> {
        /// The [version](Registry::version) of the registry in which the handle kept is good.
        version: AtomicU64,
        kept: OnceLock<Kept<H>>,
    }

    struct Kept<H> {
        registry: u64,
        handle: H,
    }

    /// A handle kept at a place, or one made for this use.
    ///
    /// Not `Clone`, so that a clone of it is one of the handle.
    #[derive(Debug)]
    pub enum Lent<H: 'static> {
        Kept(&'static H),
        /// In a box, so that this travels in two registers and the way of the others is short.
        Made(Box<H>),
    }

    impl<H> Deref for Lent<H> {
        type Target = H;

        #[inline]
        fn deref(&self) -> &H {
            match self {
                Self::Kept(handle) => handle,
                Self::Made(handle) => handle,
            }
        }
    }

    impl<H> fmt::Debug for Site<H> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Site").finish_non_exhaustive()
        }
    }

    impl<H> Default for Site<H> {
        fn default() -> Self {
            Self::new()
        }
    }

    impl<H> Site<H> {
        pub const fn new() -> Self {
            Self { version: AtomicU64::new(0), kept: OnceLock::new() }
        }
    }

    #[expect(private_bounds, reason = "the five kinds of handles, and no others")]
    impl<H: Handle> Site<H> {
        /// The instrument of this place in a registry.
        #[inline]
        pub fn find(&'static self, registry: &Registry, make: impl Fn(&Registry) -> H) -> Lent<H> {
            match self.kept.get() {
                Some(kept) if self.version.load(Ordering::Relaxed) == registry.version() => {
                    Lent::Kept(&kept.handle)
                }
                _ => self.make(registry, make),
            }
        }

        #[cold]
        #[inline(never)]
        fn make(&'static self, registry: &Registry, make: impl Fn(&Registry) -> H) -> Lent<H> {
            let version = registry.version();
            if self.kept.get().is_none() {
                let handle = make(registry);
                // Not kept: each such call is counted, and there may be room for its own name later.
                if is_overflow(&handle.hold().name) {
                    return Lent::Made(Box::new(handle));
                }
                // If another thread came first, its handle is as good.
                let _ = self.kept.set(Kept { registry: registry.id(), handle });
            }
            match self.kept.get() {
                Some(kept)
                    if kept.registry == registry.id() && !kept.handle.hold().is_removed() =>
                {
                    self.version.store(version, Ordering::Relaxed);
                    Lent::Kept(&kept.handle)
                }
                // Of another registry, or removed: a handle that is of no use here.
                _ => Lent::Made(Box::new(make(registry))),
            }
        }
    }
}
