//! The verbs, one module each. A verb takes its arguments and hands back an outcome; it prints nothing.

pub(crate) mod ca;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod device;
pub(crate) mod device_enroll;
pub(crate) mod device_show;
pub(crate) mod erase;
pub(crate) mod explain;
pub(crate) mod export_open;
pub(crate) mod log_checkpoint;
pub(crate) mod log_export;
pub(crate) mod log_fetch;
pub(crate) mod log_pseudonym;
pub(crate) mod log_report;
pub(crate) mod log_verify;
pub(crate) mod man;
pub(crate) mod peer;
pub(crate) mod permit;
pub(crate) mod registry;
pub(crate) mod schema;
pub(crate) mod sim_export;
pub(crate) mod sim_line;
pub(crate) mod sim_run;
pub(crate) mod subject;
