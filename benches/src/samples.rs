//! One response of each kind, as large as real ones are.

/// VERSION with three entries. Its version byte is always 0x10.
pub fn version() -> Vec<u8> {
    vec![0x10, 0x04, 0, 0, 0, 3, 0, 0x10, 0, 0x11, 0, 0x12]
}

/// CAPABILITIES.
pub fn capabilities() -> Vec<u8> {
    vec![0x12, 0x61, 0, 0, 0, 14, 0, 0, 0x16, 0, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0]
}

/// ALGORITHMS without tables.
pub fn algorithms() -> Vec<u8> {
    let mut bytes = vec![0x12, 0x63, 0, 0, 36, 0, 1, 2, 4, 0, 0, 0, 0x80, 0, 0, 0, 2];
    bytes.resize(36, 0);
    bytes
}

/// DIGESTS of two slots.
pub fn digests() -> Vec<u8> {
    [&[0x12, 0x01, 0, 0x03][..], &[0xD1; 96]].concat()
}

/// CERTIFICATE with a portion of 1024 bytes.
pub fn certificate() -> Vec<u8> {
    [&[0x12, 0x02, 0, 0, 0, 4, 0, 0][..], &[0x30; 1024]].concat()
}

/// CHALLENGE_AUTH without opaque data.
pub fn challenge_auth() -> Vec<u8> {
    let mut bytes = [&[0x12, 0x03, 0, 1][..], &[0xC1; 48], &[7; 32]].concat();
    bytes.extend([0, 0]);
    bytes.extend([0xAB; 96]);
    bytes
}

/// MEASUREMENTS with eight digests and a table of opaque data.
pub fn measurements() -> Vec<u8> {
    let mut record = Vec::new();
    for index in 1..=8 {
        record.extend([index, 1, 51, 0, 1, 48, 0]);
        record.extend([0x5A; 48]);
    }
    let [low, high] = u16::try_from(record.len()).expect("short").to_le_bytes();
    let mut bytes = vec![0x12, 0x60, 0, 0, 8, low, high, 0];
    bytes.extend(record);
    bytes.extend([7; 32]);
    bytes.extend([16, 0, 1, 0, 0, 0, 0, 0, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    bytes.extend([0xAB; 96]);
    bytes
}

/// ERROR with ResponseNotReady.
pub fn error() -> Vec<u8> {
    vec![0x12, 0x7F, 0x42, 0, 10, 0x83, 5, 2]
}
