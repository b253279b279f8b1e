//! medsec-sim
