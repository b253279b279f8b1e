//! What a program tells valgrind's memcheck, and what it asks it: the client requests of `valgrind.h` and `memcheck.h`.
//!
//! To memcheck, a secret is memory that was never written: it follows such bits through every copy and calculation, and
//! reports when a branch or an address depends on one (Langley's ctgrind, 2010).
#![expect(
    unsafe_code,
    reason = "a client request is a sequence of instructions with a meaning to valgrind alone"
)]

use core::arch::asm;
use core::mem::size_of_val;

const RUNNING_ON_VALGRIND: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
/// `VG_USERREQ_TOOL_BASE('M','C')`, from which memcheck's own requests count.
const MEMCHECK: usize = 0x4d43_0000;
const MAKE_MEM_UNDEFINED: usize = MEMCHECK + 1;
const MAKE_MEM_DEFINED: usize = MEMCHECK + 2;
const GET_VBITS: usize = MEMCHECK + 8;

/// Sends a request; 0 comes back where valgrind is not there.
#[inline(never)]
fn request(code: usize, arguments: [usize; 5]) -> usize {
    let [first, second, third, fourth, fifth] = arguments;
    let block = [code, first, second, third, fourth, fifth];
    let mut answer = 0;
    // SAFETY: outside valgrind the four rotations add up to whole turns and the exchange is with itself, so nothing
    // happens. Under valgrind the request writes only to where its arguments point, which the callers below lend.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") block.as_ptr(),
            inout("rdx") answer,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!(
            "rol edi, 3",
            "rol edi, 13",
            "rol edi, 29",
            "rol edi, 19",
            "xchg ebx, ebx",
            in("eax") block.as_ptr(),
            inout("edx") answer,
        );
    }
    answer
}

/// Whether valgrind is watching.
pub(crate) fn is_watching() -> bool {
    request(RUNNING_ON_VALGRIND, [0; 5]) != 0
}

/// Reports up to now, those suppressed left out.
pub(crate) fn reports() -> usize {
    request(COUNT_ERRORS, [0; 5])
}

/// Makes a value secret.
pub(crate) fn poison<T: ?Sized>(value: &mut T) {
    let size = size_of_val(value);
    request(MAKE_MEM_UNDEFINED, [core::ptr::from_mut(value).cast::<u8>() as usize, size, 0, 0, 0]);
}

/// Makes a value public.
pub(crate) fn declassify<T: ?Sized>(value: &mut T) {
    let size = size_of_val(value);
    request(MAKE_MEM_DEFINED, [core::ptr::from_mut(value).cast::<u8>() as usize, size, 0, 0, 0]);
}

/// How many bytes of `value` hold something that depends on a secret.
pub(crate) fn secret_bytes(value: &[u8]) -> usize {
    let mut bits = vec![0_u8; value.len()];
    let addresses = [value.as_ptr() as usize, bits.as_mut_ptr() as usize];
    request(GET_VBITS, [addresses[0], addresses[1], value.len(), 0, 0]);
    bits.iter().filter(|bits| **bits != 0).count()
}
