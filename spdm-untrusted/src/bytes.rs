//! Slices and arrays: lengths are known to the receiver, contents are not.

use core::ops::Range;

use crate::Untrusted;

impl<'a, T> Untrusted<&'a [T]> {
    /// The number of elements. It is public: the transport counted them.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the peer sent nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The elements of `range`, still unproved; `None` where the peer sent fewer.
    #[must_use]
    pub fn get(self, range: Range<usize>) -> Option<Self> {
        self.0.get(range).map(Untrusted)
    }

    /// Splits behind the first `at` elements; `None` where the peer sent fewer.
    #[must_use]
    pub fn split_at(self, at: usize) -> Option<(Self, Self)> {
        self.0.split_at_checked(at).map(|(a, b)| (Untrusted(a), Untrusted(b)))
    }

    /// The first `N` elements as an array, and the rest.
    #[must_use]
    pub fn split_first_chunk<const N: usize>(self) -> Option<(Untrusted<&'a [T; N]>, Self)> {
        self.0.split_first_chunk().map(|(a, b)| (Untrusted(a), Untrusted(b)))
    }

    /// A slice of unproved values as unproved values, one by one.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Untrusted<&'a T>> {
        self.0.iter().map(Untrusted)
    }
}

impl<'a, T> Untrusted<&'a mut [T]> {
    /// The elements of `range`, still unproved and exclusively borrowed.
    #[must_use]
    pub fn get_mut(self, range: Range<usize>) -> Option<Self> {
        self.0.get_mut(range).map(Untrusted)
    }

    /// The same bytes, shared.
    #[must_use]
    pub fn into_shared(self) -> Untrusted<&'a [T]> {
        Untrusted(self.0)
    }
}

impl<T, const N: usize> Untrusted<[T; N]> {
    /// An unproved array as an array of unproved values.
    #[must_use]
    pub fn transpose(self) -> [Untrusted<T>; N] {
        self.0.map(Untrusted)
    }

    /// The array as an unproved slice.
    #[must_use]
    pub const fn as_slice(&self) -> Untrusted<&[T]> {
        Untrusted(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Untrusted, Validate};

    struct Header([u8; 2]);

    impl<'a> Validate<Untrusted<&'a [u8]>> for Header {
        type Context = u8;
        type Error = &'static str;
        fn validate(raw: Untrusted<&'a [u8]>, version: u8) -> Result<Self, Self::Error> {
            let (head, _) = raw.split_first_chunk::<2>().ok_or("short")?;
            head.validate_with(|h| if h[0] == version { Ok(Self(*h)) } else { Err("version") })
        }
    }

    #[test]
    fn validation_with_a_context_accepts_or_names_the_reason() {
        let raw = Untrusted::new(&[0x12, 0x84, 0][..]);
        assert!(raw.validate::<Header>(0x12).is_ok_and(|h| h.0 == [0x12, 0x84]));
        assert_eq!(raw.validate::<Header>(0x13).err(), Some("version"));
        assert_eq!(Untrusted::new(&[0x12][..]).validate::<Header>(0x12).err(), Some("short"));
    }

    #[test]
    fn ranges_outside_are_none() {
        let raw = Untrusted::new(&[1, 2, 3][..]);
        assert!(raw.get(1..4).is_none());
        assert!(raw.split_at(4).is_none());
        assert!(raw.split_first_chunk::<4>().is_none());
        assert_eq!(raw.get(1..3).map(|r| r.len()), Some(2));
        assert_eq!(raw.iter().len(), 3);
    }

    #[test]
    fn at_most_bounds_every_width() {
        assert_eq!(Untrusted::new(7_u8).at_most(7, ()), Ok(7));
        assert_eq!(Untrusted::new(u64::MAX).at_most(usize::MAX - 1, ()), Err(()));
        assert_eq!(Untrusted::new(-1_i32).at_most(9, "negative"), Err("negative"));
    }

    #[test]
    fn debug_shows_no_content() {
        assert_eq!(format!("{:?}", Untrusted::new([0xAA_u8; 4])), "Untrusted { .. }");
    }

    #[test]
    fn transposed_values_stay_marked() {
        let [a, b] = Untrusted::new([4_u16, 900]).transpose();
        assert_eq!(a.at_most(10, ()), Ok(4));
        assert_eq!(b.at_most(10, ()), Err(()));
    }

    #[test]
    fn validation_in_place() {
        struct Cleared;
        impl Validate<&mut Untrusted<[u8; 2]>> for Cleared {
            type Context = ();
            type Error = ();
            fn validate(raw: &mut Untrusted<[u8; 2]>, (): ()) -> Result<Self, ()> {
                raw.as_mut().validate_with(|b| {
                    b[1] = 0;
                    if b[0] == 1 { Ok(Self) } else { Err(()) }
                })
            }
        }
        let mut raw = Untrusted::new([1, 9]);
        assert!(raw.validate_mut::<Cleared>(()).is_ok());
        assert_eq!(raw.into_inner_less_safe(), [1, 0]);
    }

    extern crate std;
    use std::format;
}
