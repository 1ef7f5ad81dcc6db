//! Which of several outcomes happens: by a seed, or each in turn.

/// Picks one of several outcomes.
pub trait Choose {
    /// A number below `options`, which is at least 1.
    fn below(&mut self, options: usize) -> usize;
}

/// Choices from a seed.
#[derive(Clone, Debug)]
pub struct Seed(pub u64);

impl Choose for Seed {
    fn below(&mut self, options: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let options = u64::try_from(options).unwrap_or(u64::MAX).max(1);
        usize::try_from(mixed % options).unwrap_or(0)
    }
}

/// All choices one after another, like the digits of a counter.
#[derive(Clone, Debug, Default)]
pub struct Every {
    /// Choice and number of options, in the order in which they were asked.
    digits: Vec<(usize, usize)>,
    at: usize,
}

impl Every {
    /// Goes on to the next row of choices; false once all were there.
    pub fn advance(&mut self) -> bool {
        self.at = 0;
        while let Some((choice, options)) = self.digits.pop() {
            if choice + 1 < options {
                self.digits.push((choice + 1, options));
                return true;
            }
        }
        false
    }
}

impl Choose for Every {
    fn below(&mut self, options: usize) -> usize {
        if self.at == self.digits.len() {
            self.digits.push((0, options));
        }
        let choice = self.digits.get(self.at).map_or(0, |(choice, _)| *choice);
        self.at += 1;
        choice
    }
}
