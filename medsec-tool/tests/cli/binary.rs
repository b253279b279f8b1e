//! The built program: exit codes reach the shell, and it needs neither a home nor a terminal.

use std::process::Command;

fn medsec(args: &[&str]) -> (Option<i32>, String) {
    let output =
        Command::new(env!("CARGO_BIN_EXE_medsec")).args(args).env_clear().output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn exit_codes_reach_the_shell() {
    for (args, code) in [
        (&["--version"][..], 0),
        (&["explain", "E0101"], 0),
        (&["log", "verify", "/dev/null"], 2),
        (&["log", "verify", "/dev/null", "--device-key", "/dev/null"], 4),
        (&["frobnicate"], 64),
    ] {
        assert_eq!(medsec(args).0, Some(code), "{args:?}");
    }
    assert!(medsec(&["--help"]).1.contains("Exit codes: 0 ok; 1 negative verdict"));
}
