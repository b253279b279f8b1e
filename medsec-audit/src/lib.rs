//! medsec-audit
