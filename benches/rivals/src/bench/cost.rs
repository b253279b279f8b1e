//! What calls cost.

use medsec_sim::flash::Counts;

/// What a number of calls asked of the part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) calls: u64,
    pub(crate) programs: u64,
    pub(crate) programs_max: u64,
    pub(crate) erases: u64,
    pub(crate) erases_max: u64,
    /// Programs and erases of the worst call.
    pub(crate) operations_max: u64,
    pub(crate) written: u64,
    /// Bytes of the cheapest call.
    pub(crate) written_min: u64,
    pub(crate) read: u64,
}

impl Cost {
    pub(crate) const NONE: Self = Self {
        calls: 0,
        programs: 0,
        programs_max: 0,
        erases: 0,
        erases_max: 0,
        operations_max: 0,
        written: 0,
        written_min: u64::MAX,
        read: 0,
    };

    /// Enters a call, by the counts before and after it.
    pub(crate) fn enter(&mut self, before: Counts, after: Counts) {
        let programs = after.programs - before.programs;
        let erases = after.erases - before.erases;
        let written = after.bytes_written - before.bytes_written;
        self.calls += 1;
        self.programs += programs;
        self.programs_max = self.programs_max.max(programs);
        self.erases += erases;
        self.erases_max = self.erases_max.max(erases);
        self.operations_max = self.operations_max.max(programs + erases);
        self.written += written;
        self.written_min = self.written_min.min(written);
        self.read += after.bytes_read - before.bytes_read;
    }
}

/// What a store costs at one size of records and one number of pages.
pub(crate) struct Row {
    pub(crate) store: &'static str,
    pub(crate) record_bytes: u64,
    /// The calls that record, in the running store.
    pub(crate) appends: Cost,
    /// The calls that prepare for them.
    pub(crate) upkeep: Cost,
    /// From power-on until the first record is acknowledged.
    pub(crate) boot: Cost,
    /// Bytes of RAM of the store's object and its cipher on this host, the part's handle left out.
    pub(crate) ram: usize,
}

impl Row {
    /// `count` for each thousand records.
    pub(crate) fn per_mille(&self, count: u64) -> u64 {
        (1000 * count).div_ceil(self.appends.calls.max(1))
    }

    /// Bytes written for each thousand records, upkeep included.
    pub(crate) fn written(&self) -> u64 {
        self.per_mille(self.appends.written + self.upkeep.written)
    }

    /// Bytes that the cheapest record took beyond its own.
    pub(crate) fn overhead(&self) -> u64 {
        self.appends.written_min - self.record_bytes
    }
}
