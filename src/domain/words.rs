//! Closed vocabularies: an enum whose variants have one stable lower_snake name, shared by schemas, files and policies.

/// A closed vocabulary. The position of a word is its Avro enum ordinal, so words are only ever appended.
pub trait Word: Copy + Eq + Sized + 'static {
    /// Every word, in schema order.
    const ALL: &'static [Self];
    /// The stable name of each word, in the same order.
    const NAMES: &'static [&'static str];
    /// The position of this word in [`Word::ALL`].
    fn ordinal(self) -> usize;
    /// The stable name.
    fn name(self) -> &'static str {
        Self::NAMES[self.ordinal()]
    }
    /// The word at a position, if there is one.
    fn at(ordinal: usize) -> Option<Self> {
        Self::ALL.get(ordinal).copied()
    }
    /// The word of that name, if there is one.
    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().position(|n| *n == name).and_then(Self::at)
    }
}

/// Declares a vocabulary: `words! { /// docs  pub enum Payer { /// docs  Customer = "customer", … } }`.
#[macro_export]
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $text)] $variant),+ }
        impl $crate::domain::words::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            const NAMES: &'static [&'static str] = &[$($text),+];
            fn ordinal(self) -> usize { self as usize }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str($crate::domain::words::Word::name(*self))
            }
        }
    };
}
