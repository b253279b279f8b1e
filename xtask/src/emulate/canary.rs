//! Secrets in the RAM image that a run leaves behind.

/// Bytes of a secret that count as found: half of a 256-bit key is worth finding.
const PART_BYTES: usize = 16;

/// How many parts of `secret` are anywhere in `ram`.
pub(crate) fn found(ram: &[u8], secret: &[u8]) -> usize {
    secret
        .chunks_exact(PART_BYTES)
        .filter(|part| ram.windows(PART_BYTES).any(|window| window == *part))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_is_found_wherever_it_lies() {
        let secret: Vec<u8> = (0..32).collect();
        let mut ram = vec![0xC5; 100];
        assert_eq!(found(&ram, &secret), 0);
        ram.splice(33..49, 16..32);
        assert_eq!(found(&ram, &secret), 1);
        ram.splice(50..66, 0..16);
        assert_eq!(found(&ram, &secret), 2);
    }
}
