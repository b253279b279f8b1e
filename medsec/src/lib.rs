//! medsec
