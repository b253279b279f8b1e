//! The 64-bit multiplication of a core without one, in every image: it must not branch on what it multiplies.
//!
//! Poly1305, GHASH and the curve's field multiply secrets by it. The compiler's own runtime is free of branches; the C
//! compiler's (libgcc) branches on a carry, and a maker who links that one makes the ciphers' time depend on the key.

use std::path::Path;

use super::image::disassembly;
use crate::shell::Shell;

/// Names of the routine (Arm RTABI §4.2; libgcc's own).
const NAMES: [&str; 2] = ["__aeabi_lmul", "__muldi3"];

/// A routine that branches, as the control.
const BRANCHING: &str = "examples/pump-firmware/weakened/branching-multiply.s";

/// Checks the routine of an image: instructions in it.
pub(crate) fn check(shell: &Shell, image: &Path) -> Result<usize, String> {
    branch_free(&disassembly(shell, image)?)
        .map_err(|why| format!("64-bit multiplication of {}: {why}", image.display()))
}

/// The check refuses a routine that branches: ours, and libgcc's where it is installed. Returns how many were refused.
pub(crate) fn controls(shell: &Shell) -> Result<usize, String> {
    let folder = shell.target().join("firmware").join("multiply");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let object = folder.join("branching.o").display().to_string();
    shell.run(&[
        "llvm-mc",
        "--triple=thumbv6m-none-eabi",
        "--filetype=obj",
        "-o",
        &object,
        BRANCHING,
    ])?;
    refused(shell, Path::new(&object))?;
    let Ok(library) =
        shell.read(&["arm-none-eabi-gcc", "-mcpu=cortex-m0", "-print-libgcc-file-name"])
    else {
        return Ok(1);
    };
    let archive = Shell::at(folder.clone());
    archive.run(&["llvm-ar", "x", library.trim(), "_muldi3.o"])?;
    refused(shell, &folder.join("_muldi3.o"))?;
    Ok(2)
}

fn refused(shell: &Shell, object: &Path) -> Result<(), String> {
    match branch_free(&disassembly(shell, object)?) {
        Err(Branches::Conditional(_)) => Ok(()),
        other => Err(format!("control {}: {other:?}", object.display())),
    }
}

/// What is wrong with a routine.
#[derive(PartialEq, Eq, Debug)]
enum Branches {
    /// It branches, calls or skips, by this instruction.
    Conditional(String),
    /// It is not in the image, so nothing was looked at.
    Absent,
}

impl core::fmt::Display for Branches {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Conditional(instruction) => write!(f, "it branches: {instruction}"),
            Self::Absent => f.write_str("not found"),
        }
    }
}

/// The instructions of the routine, if none of them can go anywhere but on or back.
fn branch_free(disassembly: &str) -> Result<usize, Branches> {
    let mut inside = false;
    let mut count = 0;
    for line in disassembly.lines() {
        if let Some((_, name)) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
            inside = NAMES.contains(&name);
            continue;
        }
        let mut columns = line.split('\t').skip(1).map(str::trim);
        let (Some(mnemonic), true) = (columns.next(), inside) else { continue };
        let operands = columns.next().unwrap_or_default();
        let returns = mnemonic == "bx" && operands == "lr";
        let bits = ["bic", "bics"].contains(&mnemonic);
        let leaves =
            mnemonic.starts_with('b') || mnemonic.starts_with("cb") || mnemonic.starts_with("it");
        if leaves && !returns && !bits {
            return Err(Branches::Conditional(format!("{mnemonic} {operands}")));
        }
        count += 1;
    }
    if count == 0 { Err(Branches::Absent) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRAIGHT: &str = "
00000100 <__aeabi_lmul>:
     100:      \tpush\t{r4, lr}
     102:      \tmuls\tr0, r1, r0
     104:      \tbics\tr0, r1
     106:      \tbx\tlr

00000200 <other>:
     200:      \tbeq\t0x200 <other> @ imm = #1
";

    #[test]
    fn only_the_routine_is_looked_at() {
        assert_eq!(branch_free(STRAIGHT), Ok(4));
        assert_eq!(
            branch_free("00000200 <other>:\n     200:      \tbx\tlr\n"),
            Err(Branches::Absent)
        );
    }

    #[test]
    fn every_way_to_branch_is_found() {
        for instruction in [
            "bls\t0x108 <x>",
            "b\t0x108 <x>",
            "bl\t0x200 <other>",
            "cbz\tr0, 0x108",
            "it\teq",
            "bx\tr3",
        ] {
            let text = STRAIGHT.replace("muls\tr0, r1, r0", instruction);
            assert!(matches!(branch_free(&text), Err(Branches::Conditional(_))), "{instruction}");
        }
    }
}
