//! A column of whole numbers that starts at 0, in the coding that suits it.

use std::fmt::Display;

use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

use super::{bits, varint};
use crate::embedded::bytes::{Damage, Reader};

/// Each number is as far from the one before: a step follows.
const EVEN: u8 = 0;
/// Pairs of a step and how often it is taken.
const RUNS: u8 = 1;
/// The numbers, in frames of bits.
const PACKED: u8 = 2;
/// The steps between them, in frames of bits.
const PACKED_STEPS: u8 = 3;
/// The numbers, as the library `pco` writes them.
const PCO: u8 = 4;
/// The steps between them, as the library `pco` writes them.
const PCO_STEPS: u8 = 5;

/// From so many numbers on what `pco` tells of their distribution is less than it saves.
const FEW: usize = 200;
/// More costs time and saves nothing on what instruments measure.
const PCO_LEVEL: usize = 4;

/// Writes a column whose first number is 0. Differences of numbers may overflow; they wrap.
pub(super) fn encode(column: &[i64], out: &mut Vec<u8>) {
    let rest = column.get(1..).unwrap_or_default();
    let steps: Vec<i64> = column.iter().zip(rest).map(|(a, b)| b.wrapping_sub(*a)).collect();
    let runs = || steps.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len())));
    // Counted no further than it takes to know better.
    let most = if column.len() < FEW { column.len() } else { column.len() / 8 };
    let bytes = runs().try_fold(0, |bytes, (step, _)| {
        let bytes = bytes + varint::signed_len(step) as usize + 1;
        (bytes <= most).then_some(bytes)
    });
    match (runs().next(), bytes) {
        (None, _) => {
            out.push(EVEN);
            varint::put_signed(out, 0);
        }
        (Some((step, length)), _) if length == steps.len() => {
            out.push(EVEN);
            varint::put_signed(out, step);
        }
        (_, runs_len) if column.len() < FEW => {
            let (plain, stepped) = (bits::packed_len(rest), bits::packed_len(&steps));
            match runs_len {
                Some(bytes) if bytes <= plain.min(stepped) => put_runs(runs(), out),
                _ if plain < stepped => {
                    out.push(PACKED);
                    bits::pack(rest, out);
                }
                _ => {
                    out.push(PACKED_STEPS);
                    bits::pack(&steps, out);
                }
            }
        }
        (_, Some(_)) => put_runs(runs(), out),
        (_, None) if spread(rest) < spread(&steps) => {
            out.push(PCO);
            compress(rest, out);
        }
        (_, None) => {
            out.push(PCO_STEPS);
            compress(&steps, out);
        }
    }
}

fn put_runs(runs: impl Iterator<Item = (i64, usize)>, out: &mut Vec<u8>) {
    out.push(RUNS);
    for (step, length) in runs {
        varint::put_signed(out, step);
        varint::put(out, length as u64);
    }
}

/// Appends the `count` numbers of a column to `out`, each after it went through `make`; of these the
/// first `wanted` at the least.
pub(super) fn decode<T>(
    reader: &mut Reader<'_>,
    (count, wanted): (usize, usize),
    out: &mut Vec<T>,
    make: impl Fn(i64) -> T,
) -> Result<(), Damage> {
    let Some(rest) = count.checked_sub(1) else { return Ok(()) };
    // The library reads by so many.
    let some = wanted.saturating_sub(1).next_multiple_of(pco::FULL_BATCH_N).min(rest);
    out.reserve(count);
    out.push(make(0));
    let mut last = 0_i64;
    let mut step_on = |step: i64| {
        last = last.wrapping_add(step);
        make(last)
    };
    match reader.u8()? {
        EVEN => {
            let step = varint::get_signed(reader)?;
            out.extend((0..rest).map(|_| step_on(step)));
        }
        RUNS => {
            let mut left = rest;
            while left > 0 {
                let (step, length) = (varint::get_signed(reader)?, varint::get(reader)?);
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if length == 0 || length > left {
                    let what = format!("a run of `{length}` steps, expected 1 to {left}");
                    return Err(reader.damage(what));
                }
                out.extend((0..length).map(|_| step_on(step)));
                left -= length;
            }
        }
        PACKED => bits::unpack(reader, rest, |number| out.push(make(number)))?,
        PACKED_STEPS => bits::unpack(reader, rest, |step| out.push(step_on(step)))?,
        PCO => out.extend(decompress(reader, rest, some)?.into_iter().map(make)),
        PCO_STEPS => out.extend(decompress(reader, rest, some)?.into_iter().map(step_on)),
        other => {
            let what = format!("coding `{other}` is unknown, expected 0 to {PCO_STEPS}");
            return Err(reader.damage(what));
        }
    }
    Ok(())
}

/// About how many bits numbers need: those of their distances from the middle of their range.
fn spread(numbers: &[i64]) -> u64 {
    let least = numbers.iter().min().copied().unwrap_or_default();
    let greatest = numbers.iter().max().copied().unwrap_or_default();
    let middle = i64::midpoint(least, greatest);
    let bits = |n: &i64| u64::from(u64::BITS - n.abs_diff(middle).leading_zeros());
    numbers.iter().map(bits).sum()
}

fn compress(numbers: &[i64], out: &mut Vec<u8>) {
    let config = ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp)
        .with_paging_spec(PagingSpec::EqualPagesUpTo(numbers.len()));
    let written = || {
        let file = FileCompressor::default();
        let mut chunk = file.chunk_compressor(numbers, &config)?;
        let written = chunk.write_meta(file.write_header(Vec::new())?)?;
        chunk.write_page(0, written)
    };
    let mut written = written().expect("memory takes what is written, and the settings are good");
    varint::put(out, written.len() as u64);
    out.append(&mut written);
}

/// The first `some` of `count` numbers.
fn decompress(reader: &mut Reader<'_>, count: usize, some: usize) -> Result<Vec<i64>, Damage> {
    let length = varint::get(reader)?;
    let bytes = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
    let damaged = |error: &dyn Display| reader.damage(format!("pco cannot read it: {error}"));
    let mut numbers = vec![0; some];
    let mut read = || {
        let (file, rest) = FileDecompressor::new(bytes)?;
        let (mut chunk, rest) = file.chunk_decompressor::<i64, _>(rest)?;
        let mut page = chunk.page_decompressor(rest, count)?;
        page.read(&mut numbers)
    };
    match read() {
        Ok(progress) if progress.n_processed == some => Ok(numbers),
        Ok(progress) => Err(damaged(&format!("`{}` numbers", progress.n_processed))),
        Err(error) => Err(damaged(&error)),
    }
}
