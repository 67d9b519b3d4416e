//! Damage to bytes, by a generator whose seed determines everything.

/// SplitMix64 (Steele, Lea, Flood 2014): small, and different for every seed.
pub(super) struct Random(u64);

/// Numbers at which counting code tends to go wrong.
pub(super) const LIMITS: [u64; 24] = [
    0,
    1,
    2,
    3,
    7,
    31,
    33,
    255,
    256,
    65_535,
    65_536,
    1 << 20,
    (1 << 24) + 1,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    1 << 40,
    (1 << 59) + 1,
    (1 << 61) + 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 31,
    u64::MAX,
];

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True once in `times` on average.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    /// A number that is likely to cause trouble.
    pub(super) fn limit(&mut self) -> u64 {
        match self.below(4) {
            0 => self.next(),
            1 => self.next() % 4096,
            _ => *self.of(&LIMITS),
        }
    }
}

/// Damages `bytes` in one to four steps; `words` are byte sequences that mean something in the
/// format.
pub(super) fn damage(bytes: &mut Vec<u8>, words: &[&[u8]], random: &mut Random) {
    for _ in 0..=random.below(4) {
        step(bytes, words, random);
    }
}

/// Overwrites a few bytes and moves none, so that what follows the damage is still read as what it
/// is.
pub(super) fn overwrite(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(3) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            _ => {
                let wide = random.limit().to_le_bytes();
                let width = (1 << random.below(4)).min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&wide[..width]);
            }
        }
    }
}

fn step(bytes: &mut Vec<u8>, words: &[&[u8]], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let length = random.below(64).min(bytes.len() - at);
    match random.below(10) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..at + length)),
        2 => {
            let copy = bytes[at..at + length].to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, copy);
        }
        // One piece repeated very often, as long as the whole stays small.
        3 => {
            let copy = bytes[at..at + length].to_vec();
            let times = 1 << random.below(9);
            bytes.splice(at..at, copy.repeat(times));
            bytes.truncate(1 << 20);
        }
        4 | 5 if !words.is_empty() => {
            let word = random.of(words).to_vec();
            bytes.splice(at..at, word);
        }
        6 => {
            let wide = random.limit().to_le_bytes();
            let width = (1 << random.below(4)).min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&wide[..width]);
        }
        7 => {
            for _ in 0..=random.below(8) {
                let byte = random.next() as u8;
                bytes.insert(at, byte);
            }
        }
        _ if !bytes.is_empty() => {
            let at = at % bytes.len();
            bytes[at] = match random.below(3) {
                0 => bytes[at] ^ (1 << random.below(8)),
                1 => random.next() as u8,
                _ => *random.of(&[0, b'"', b'\\', b'\n', b'{', b'[', b'<', 0x7F, 0x80, 0xFF]),
            };
        }
        _ => {}
    }
}

#[test]
fn a_number_says_everything() {
    let damaged = |seed| {
        let mut bytes = b"a sound file".repeat(9);
        damage(&mut bytes, &[b"word"], &mut Random::new(seed));
        bytes
    };
    assert_eq!(damaged(5), damaged(5));
    let different = (0..200).filter(|seed| damaged(*seed) != b"a sound file".repeat(9)).count();
    assert!(different > 150, "{different}");
}
