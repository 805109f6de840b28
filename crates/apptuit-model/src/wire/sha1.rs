//! SHA-1 (FIPS 180-4) in base64: the digest an answer carries of its query. A label, no protection.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 of the SHA-1 of `text`.
pub(super) fn sha1_base64(text: &str) -> String {
    let digest: Vec<u8> =
        sha1(text.as_bytes()).iter().flat_map(|word| word.to_be_bytes()).collect();
    base64(&digest)
}

fn sha1(message: &[u8]) -> [u32; 5] {
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let (blocks, _) = padded.as_chunks::<64>();
    for block in blocks {
        absorb(&mut state, block);
    }
    state
}

#[expect(clippy::many_single_char_names, reason = "the names of the standard")]
fn absorb(state: &mut [u32; 5], block: &[u8; 64]) {
    let mut schedule = [0_u32; 80];
    let (words, _) = block.as_chunks::<4>();
    for (slot, word) in schedule.iter_mut().zip(words) {
        *slot = u32::from_be_bytes(*word);
    }
    for t in 16..80 {
        let mixed = schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16];
        schedule[t] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (t, word) in schedule.iter().enumerate() {
        let (f, k) = match t {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let sum = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k);
        (a, b, c, d, e) = (sum.wrapping_add(*word), a, b.rotate_left(30), c, d);
    }
    for (slot, word) in state.iter_mut().zip([a, b, c, d, e]) {
        *slot = slot.wrapping_add(word);
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |n: usize| u32::from(group.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let six = (bits >> (18 - 6 * n)) & 63;
            out.push(if n > group.len() { '=' } else { char::from(BASE64[six as usize]) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_a_recorded_query_is_the_recorded_one() {
        assert_eq!(sha1_base64("fetch('nyc.taxi.rides')"), "Mdt8e+HDjnGByMMJdEnTnNdUxKo=");
    }

    #[test]
    fn the_standard_vectors_hold() {
        assert_eq!(sha1(b"abc"), [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d]);
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(
            sha1(two_blocks),
            [0x8498_3e44, 0x1c3b_d26e, 0xbaae_4aa1, 0xf951_29e5, 0xe546_70f1]
        );
    }
}
