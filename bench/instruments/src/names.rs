//! Names and values that both sides get, and how rows are named.

/// The name of the `number`th instrument: 40 bytes.
pub(crate) fn name(number: usize) -> String {
    format!("checkout.orders.accepted.region-{number:08}")
}

/// Names that live as long as the program, which is what serves the peers best.
pub(crate) fn names(count: usize) -> Vec<&'static str> {
    (0..count).map(|number| &*name(number).leak()).collect()
}

/// As many of these as a program uses all the time, in an order that no prefetcher guesses.
pub(crate) fn shuffled<const N: usize>(names: &[&'static str]) -> Box<[&'static str; N]> {
    let mut random = fastrand::Rng::with_seed(1);
    let picked: Vec<_> = (0..N).map(|_| names[random.usize(..names.len())]).collect();
    picked.try_into().expect("`N` were picked")
}

/// Values between zero and [`GREATEST`], each as likely as the other.
pub(crate) fn values<const N: usize>(seed: u64) -> Box<[u32; N]> {
    let mut random = fastrand::Rng::with_seed(seed);
    let drawn: Vec<_> = (0..N).map(|_| random.u32(..GREATEST)).collect();
    drawn.try_into().expect("`N` were drawn")
}

/// Values are below this.
pub(crate) const GREATEST: u32 = 1_000_000;

/// `1 thread`, `2 threads`.
pub(crate) fn threads(count: usize) -> String {
    format!("{count} thread{}", if count == 1 { "" } else { "s" })
}
