//! Where names come from that only the data has.

/// Looks up the names of stored series, to complete and to correct what people write.
///
/// Nobody's answer depends on it: a source that fails, or does not know, gives no names.
pub trait Names {
    /// Metrics that begin with `prefix`, at most `max`, sorted.
    fn metrics(&self, prefix: &str, max: usize) -> Vec<String>;

    /// Keys of tags that begin with `prefix`, at most `max`, sorted: of the series of `metric`, or
    /// of all.
    fn tag_keys(&self, metric: Option<&str>, prefix: &str, max: usize) -> Vec<String>;

    /// Values of the tag `key` that begin with `prefix`, at most `max`, sorted: of the series of
    /// `metric`, or of all.
    fn tag_values(&self, metric: Option<&str>, key: &str, prefix: &str, max: usize) -> Vec<String>;
}
