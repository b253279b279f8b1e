//! Secrets and personal values are wiped when dropped, and a secret prints its type name only.

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use medsec_core::{Purpose, Secret, Sensitive};
    use subtle::ConstantTimeEq;
    use zeroize::{Zeroize, ZeroizeOnDrop};

    /// Notes that it was wiped, since a test without `unsafe` cannot look at freed memory.
    struct Probe<'a>(&'a Cell<u32>);

    impl Zeroize for Probe<'_> {
        fn zeroize(&mut self) {
            self.0.set(self.0.get().wrapping_add(1));
        }
    }

    #[test]
    fn a_personal_value_is_wiped_once_on_drop() {
        let wipes = Cell::new(0);
        let value = Sensitive::new(Probe(&wipes));
        let _probe: &Probe<'_> = value.expose(&Purpose::TREATMENT);
        assert_eq!(wipes.get(), 0);
        drop(value);
        assert_eq!(wipes.get(), 1);
    }

    #[test]
    fn a_wiped_value_reads_as_zeros() {
        let mut key = Secret::new([7; 32]);
        key.zeroize();
        assert_eq!(key.expose(), &[0; 32]);
        let mut value = Sensitive::new([7_u8; 16]);
        value.zeroize();
        assert_eq!(value.expose(&Purpose::DISCLOSURE), &[0; 16]);
    }

    #[test]
    fn both_promise_to_wipe_on_drop() {
        fn promises<T: ZeroizeOnDrop>(_: &T) {}
        promises(&Secret::new([0; 32]));
        promises(&Sensitive::new([0_u8; 16]));
    }

    #[test]
    fn a_secret_prints_neither_bytes_nor_length() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret");
        assert_eq!(format!("{:#?}", Secret::new([9; 16])), "Secret");
    }

    #[test]
    fn secrets_compare_by_content() {
        let key = Secret::new([7; 32]);
        let mut other = key.duplicate();
        assert!(bool::from(key.ct_eq(&other)));
        other.expose_mut()[31] ^= 1;
        assert!(!bool::from(key.ct_eq(&other)));
    }
}
