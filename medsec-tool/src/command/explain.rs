//! `medsec explain CODE`.

use serde_json::json;

use crate::code::Code;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::Outcome;
use crate::untrusted::Untrusted;

pub(crate) fn run(id: &str) -> Result<Outcome, Error> {
    let code = Code::find(id).ok_or_else(|| Error::UnknownCode { code: Untrusted::new(id) })?;
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: format!("{}: {}", code.id, code.title),
        text: vec![
            format!("  cause: {}", code.cause),
            format!("  risk:  {}", code.risk),
            format!("  fix:   {}", code.fix),
        ],
        payload: None,
        findings: Vec::new(),
        data: json!({
            "code": code.id,
            "title": code.title,
            "cause": code.cause,
            "risk": code.risk,
            "fix": code.fix,
        }),
    })
}
