//! Codes about certificates of erasure.

use super::Code;

/// About certificates of erasure.
impl Code {
    /// Not signed by the device.
    pub const FOREIGN_ERASE: Self = Self {
        id: "E0511",
        title: "erase certificate is not this device's",
        cause: "The certificate names another device or model, its signature is another's, or it was \
                changed.",
        risk: "Nothing says that this device was erased. It may hold every key and every record.",
        fix: "Ask the device, or whoever has its flash, for its certificate again, and pass the \
              device's own with --device.",
    };
    /// Answers another request.
    pub const OTHER_REQUEST: Self = Self {
        id: "E0512",
        title: "erase certificate answers another request",
        cause: "Its nonce is not the one that was given with --nonce.",
        risk: "It may be of an earlier time: the device was in use since, and holds what came then.",
        fix: "Have the device erased for this request, or look for the certificate that belongs to it.",
    };
    /// The log was lost.
    pub const LOG_LOST: Self = Self {
        id: "E0513",
        title: "log was erased that nobody has",
        cause: "Two persons had the device erased without a receipt for all records of its log.",
        risk: "What happened on the device since the last export is known to nobody.",
        fix: "Look for exports and checkpoints of the device, and ask those two for the reason.",
    };
}
