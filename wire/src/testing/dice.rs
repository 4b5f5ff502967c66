//! Chance that can be had again.

/// Throws numbers by which an application of a test decides what to answer: the same ones
/// whenever it begins from the same seed.
///
/// ```
/// use mailwire::testing::Dice;
///
/// let mut dice = Dice::from(7);
/// let mut again = dice.clone();
/// assert!(dice.roll() < 16);
/// again.roll();
/// assert_eq!(dice.roll(), again.roll());
/// ```
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl From<u64> for Dice {
    fn from(seed: u64) -> Self {
        Self(seed)
    }
}

impl Dice {
    /// A number below 16.
    pub fn roll(&mut self) -> u64 {
        // Splitmix64: any mixing would do.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % 16
    }
}
