//! The deepest the stack can get: frames from the compiler, calls from the disassembly.
//!
//! A call through a pointer is taken to reach every function whose address is anywhere in the image but the vector
//! table. A cycle has no bound and is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::elf::{Elf, word};
use super::image::Product;

/// A function of the image.
#[derive(Default)]
struct Function {
    name: String,
    frame: u32,
    calls: BTreeSet<u32>,
    indirect: bool,
}

/// The call graph of an image.
pub(crate) struct Graph {
    functions: BTreeMap<u32, Function>,
    pointed_at: BTreeSet<u32>,
}

/// The bound of an image and how it comes about.
pub(crate) struct Bound {
    /// From reset, with all levels of interrupts on top.
    pub(crate) bytes: u32,
    /// Of that, the interrupts.
    pub(crate) interrupts: u32,
    /// Functions in the graph.
    pub(crate) functions: usize,
    /// The deepest chain of calls from reset.
    pub(crate) chain: Vec<String>,
}

impl Function {
    /// Whether it is what `cortex-m-rt` makes of the function marked as the entry.
    fn is_main(&self) -> bool {
        self.name.ends_with("::__cortex_m_rt_main")
    }
}

impl Graph {
    /// Reads the graph from an image and its disassembly by `llvm-objdump -d --demangle --no-show-raw-insn`.
    pub(crate) fn read(elf: &Elf, disassembly: &str) -> Result<Self, String> {
        let mut functions = functions(disassembly);
        for (address, size) in elf.stack_sizes()? {
            if let Some(function) = functions.get_mut(&address) {
                function.frame = function.frame.max(size);
            }
        }
        // The reset handler lies so low that its address is also a common number, and the core alone enters it. It alone calls
        // `main`, whose address reads like the end of a word in some layouts.
        let reset = elf.section(".vector_table").and_then(|vectors| word(&vectors.bytes, 4));
        let reset = reset.map(|entry| entry & !1);
        let pointed_at = pointed_at(elf, disassembly)
            .into_iter()
            .filter(|address| Some(*address) != reset)
            .filter(|address| functions.get(address).is_some_and(|found| !found.is_main()))
            .collect();
        Ok(Self { functions, pointed_at })
    }

    /// The bound from the vector table on.
    pub(crate) fn bound(&self, elf: &Elf, product: &Product) -> Result<Bound, String> {
        let vectors = elf.section(".vector_table").ok_or("the image has no vector table")?;
        let entry = |index: usize| word(&vectors.bytes, 4 * index).map(|entry| entry & !1);
        let reset = entry(1).ok_or("the image has no reset vector")?;
        let mut known = BTreeMap::new();
        let main = self.depth(reset, &mut known, &mut Vec::new())?;
        let handlers: BTreeSet<u32> = (2..vectors.bytes.len() / 4)
            .filter_map(entry)
            .filter(|address| *address != 0)
            .collect();
        let mut deepest = 0;
        for handler in handlers {
            deepest = deepest.max(self.depth(handler, &mut known, &mut Vec::new())?);
        }
        let interrupts = product.exception_levels * (deepest + product.core.exception_bytes);
        Ok(Bound {
            bytes: main + interrupts,
            interrupts,
            functions: self.functions.len(),
            chain: self.chain(reset, &known),
        })
    }

    fn callees(&self, function: &Function) -> BTreeSet<u32> {
        let pointed_at = self.pointed_at.iter().filter(|_| function.indirect);
        function.calls.iter().chain(pointed_at).copied().collect()
    }

    fn depth(
        &self,
        address: u32,
        known: &mut BTreeMap<u32, u32>,
        above: &mut Vec<u32>,
    ) -> Result<u32, String> {
        if let Some(depth) = known.get(&address) {
            return Ok(*depth);
        }
        let Some(function) = self.functions.get(&address) else {
            return Err(format!("a call goes to {address:#x}, where no function is"));
        };
        if let Some(start) = above.iter().position(|caller| *caller == address) {
            let cycle = above.iter().skip(start).filter_map(|caller| self.functions.get(caller));
            let names: Vec<&str> = cycle.map(|function| function.name.as_str()).collect();
            return Err(format!("the stack has no bound: {} call in a circle", names.join(" → ")));
        }
        above.push(address);
        let mut below = 0;
        for callee in self.callees(function) {
            below = below.max(self.depth(callee, known, above)?);
        }
        above.pop();
        let depth = function.frame + below;
        known.insert(address, depth);
        Ok(depth)
    }

    fn chain(&self, from: u32, known: &BTreeMap<u32, u32>) -> Vec<String> {
        let mut chain = Vec::new();
        let mut next = Some(from);
        while let Some(function) = next.and_then(|address| self.functions.get(&address)) {
            chain.push(format!("{} {}", function.frame, function.name));
            let callees = self.callees(function);
            next = callees.into_iter().max_by_key(|callee| known.get(callee).copied().unwrap_or(0));
        }
        chain
    }
}

/// What the linker fills gaps between functions with reads as this branch.
const FILLER: &str = "bmi";

/// A line of the disassembly.
enum Line<'a> {
    Function { address: u32, name: &'a str },
    Instruction { mnemonic: &'a str, operands: &'a str },
    Word(u32),
}

fn line(text: &str) -> Option<Line<'_>> {
    if let Some((address, name)) = text.strip_suffix(">:").and_then(|text| text.split_once(" <")) {
        // `$d` and `$t` only mark where data and code begin within a function.
        let address = u32::from_str_radix(address, 16).ok().filter(|_| !name.starts_with('$'))?;
        return Some(Line::Function { address, name });
    }
    let mut columns = text.split('\t').skip(1);
    let (first, second) = (columns.next()?, columns.next().unwrap_or_default());
    if second == ".word" || first == ".word" {
        let value = text.rsplit('\t').next()?.trim().strip_prefix("0x")?;
        return u32::from_str_radix(value, 16).ok().map(Line::Word);
    }
    let operands = second.split('@').next().unwrap_or_default().trim();
    Some(Line::Instruction { mnemonic: first.trim(), operands })
}

fn functions(disassembly: &str) -> BTreeMap<u32, Function> {
    let mut functions: BTreeMap<u32, Function> = BTreeMap::new();
    let mut present = None;
    let mut lines = disassembly.lines().filter_map(line).peekable();
    while let Some(line) = lines.next() {
        match line {
            Line::Instruction { mnemonic: FILLER, .. }
                if matches!(lines.peek(), None | Some(Line::Function { .. })) => {}
            Line::Function { address, name } => {
                present = Some(address);
                let function = functions.entry(address).or_default();
                function.name = name.to_owned();
            }
            Line::Instruction { mnemonic, operands } => {
                if let Some(function) = present.and_then(|address| functions.get_mut(&address)) {
                    function.frame += pushed(mnemonic, operands);
                    function.calls.extend(target(mnemonic, operands));
                    function.indirect |= is_indirect(mnemonic, operands);
                }
            }
            Line::Word(_) => {}
        }
    }
    // Branches to within the function itself are no calls.
    let starts: Vec<u32> = functions.keys().copied().collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(u32::MAX);
        if let Some(function) = functions.get_mut(start) {
            function.calls.retain(|target| !(start + 1..end).contains(target));
            function.calls = function.calls.iter().map(|target| within(&starts, *target)).collect();
        }
    }
    functions
}

/// The start of the function that `address` lies in: a tail call may go past a prologue.
fn within(starts: &[u32], address: u32) -> u32 {
    starts.iter().rev().find(|start| **start <= address).copied().unwrap_or(address)
}

/// Bytes by which an instruction lowers the stack pointer.
fn pushed(mnemonic: &str, operands: &str) -> u32 {
    let registers = u32::try_from(operands.split(',').count()).unwrap_or(u32::MAX);
    let number = || -> u32 {
        let digits = operands.rsplit('#').next().unwrap_or_default().trim_matches(['-', ']', '!']);
        digits.parse().unwrap_or(0)
    };
    let stored = mnemonic.starts_with("str") && operands.contains("[sp, #-");
    let lowers = (mnemonic.starts_with("sub") && operands.starts_with("sp"))
        || (stored && operands.ends_with('!'));
    if mnemonic.starts_with("push") {
        4 * registers
    } else if mnemonic.starts_with("vpush") {
        8 * registers
    } else if lowers {
        number()
    } else {
        0
    }
}

/// Where a branch or call goes.
fn target(mnemonic: &str, operands: &str) -> Option<u32> {
    if !(mnemonic.starts_with('b') || mnemonic.starts_with("cb")) {
        return None;
    }
    let address = operands.split(" <").next()?.rsplit("0x").next()?;
    operands.contains(" <").then(|| u32::from_str_radix(address, 16).ok()).flatten()
}

fn is_indirect(mnemonic: &str, operands: &str) -> bool {
    let through_register = mnemonic.starts_with("blx") || mnemonic.starts_with("bx");
    // `mov pc` is how ARMv6-M goes through a table within a function; what leaves one does so by `bx`.
    let into_pc = mnemonic.starts_with("ldr") && operands.starts_with("pc");
    (through_register && operands.starts_with('r')) || into_pc
}

/// Functions whose address is a word of the data, of a literal pool, or is put together by two instructions.
fn pointed_at(elf: &Elf, disassembly: &str) -> BTreeSet<u32> {
    let mut words = BTreeSet::new();
    let data = |name: &str| [".rodata", ".data"].contains(&name);
    for section in elf.sections.iter().filter(|section| data(&section.name)) {
        words.extend((0..section.bytes.len()).step_by(4).filter_map(|at| word(&section.bytes, at)));
    }
    let mut low = BTreeMap::new();
    for line in disassembly.lines().filter_map(line) {
        match line {
            Line::Function { .. } => low.clear(),
            Line::Word(value) => {
                words.insert(value);
            }
            Line::Instruction { mnemonic, operands } => {
                let half = operands.split_once(", #");
                let half = half.and_then(|(to, half)| Some((to, half.parse::<u32>().ok()?)));
                match (mnemonic, half) {
                    ("movw", Some((to, half))) => {
                        low.insert(to.to_owned(), half);
                    }
                    ("movt", Some((to, half))) => {
                        words.extend(low.get(to).map(|low| half << 16 | low));
                    }
                    _ => {}
                }
            }
        }
    }
    words.into_iter().filter(|word| word & 1 == 1).map(|word| word & !1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
00000100 <a>:
     100:      \tpush\t{r4, lr}
     102:      \tsub\tsp, #16
     104:      \tbl\t0x200 <x::b<T>> @ imm = #1
     108:      \tb\t0x102 <a+0x2>      @ imm = #1
     10a:      \tmovw\tr3, #769
     10e:      \tmovt\tr3, #0
     112:      \tblx\tr3

00000200 <x::b<T>>:
     200:      \tvpush\t{d8, d9}
     204:      \tbx\tlr

00000300 <c>:
     300:      \tsub.w\tsp, sp, #100
     304:      \tbx\tlr
";

    fn graph(text: &str) -> Graph {
        let elf = Elf { sections: Vec::new() };
        let functions = functions(text);
        Graph { functions, pointed_at: pointed_at(&elf, text) }
    }

    #[test]
    fn frames_calls_and_pointers_are_read() {
        let graph = graph(TEXT);
        let depth = graph.depth(0x100, &mut BTreeMap::new(), &mut Vec::new());
        assert_eq!(depth, Ok(24 + 100));
        let depth = graph.depth(0x200, &mut BTreeMap::new(), &mut Vec::new());
        assert_eq!(depth, Ok(16));
    }

    #[test]
    fn a_filler_behind_a_function_is_no_call() {
        let graph =
            graph("00000100 <a>:\n     100:      \tbx\tlr\n     102:      \tbmi\t0x80 <b> @ imm\n");
        assert_eq!(graph.depth(0x100, &mut BTreeMap::new(), &mut Vec::new()), Ok(0));
    }

    #[test]
    fn a_circle_is_refused() {
        let graph = graph("00000100 <a>:\n     100:      \tbl\t0x100 <a> @ imm\n");
        let depth = graph.depth(0x100, &mut BTreeMap::new(), &mut Vec::new());
        assert_eq!(depth, Err("the stack has no bound: a call in a circle".to_owned()));
    }
}
