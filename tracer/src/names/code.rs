//! The instructions of a function: those that can be reached from its entry, and where branches lead.

use iced_x86::{Code as Op, Decoder, DecoderOptions, FlowControl, Instruction};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{memory::Memory, symbol::Symbols};

/// Longer functions are not looked at.
const MAX_BYTES: u64 = 256 << 10;
/// More instructions neither.
const MAX_INSTRUCTIONS: usize = 20_000;
/// The call into ftrace stands at the entry, or behind an `endbr64` of so many bytes.
const ENDBR_BYTES: u64 = 4;

/// Code of one function, with the part that the compiler moved away as unlikely.
pub struct Code {
    /// Its first instruction.
    pub entry: u64,
    instructions: FxHashMap<u64, Instruction>,
    /// Where branches lead, and the entry.
    leaders: FxHashSet<u64>,
}

impl Code {
    /// Reads and decodes the function at `entry`; none when it cannot be read or is too long.
    pub fn read(entry: u64, memory: &dyn Memory, symbols: &Symbols) -> Option<Self> {
        let mut code = Self {
            entry,
            instructions: FxHashMap::default(),
            leaders: FxHashSet::from_iter([entry]),
        };
        let mut chunks = vec![Chunk::read(entry, memory, symbols)?];
        let name = symbols.extent(entry)?.name;
        let mut todo = vec![entry];
        while let Some(mut ip) = todo.pop() {
            while !code.instructions.contains_key(&ip) {
                if code.instructions.len() == MAX_INSTRUCTIONS {
                    return None;
                }
                let Some(instruction) = chunks.iter().find_map(|chunk| chunk.decode(ip)) else {
                    break;
                };
                code.instructions.insert(ip, instruction);
                if let Some(target) = branch(&instruction)
                    && !code.is_hook(&instruction)
                {
                    if !chunks.iter().any(|chunk| chunk.contains(target)) && is_cold_part(target, name, symbols) {
                        chunks.extend(Chunk::read(target, memory, symbols));
                    }
                    if chunks.iter().any(|chunk| chunk.contains(target)) && code.leaders.insert(target) {
                        todo.push(target);
                    }
                }
                if code.ends_path(&instruction) {
                    break;
                }
                ip = instruction.next_ip();
            }
        }
        Some(code)
    }

    /// The instruction at an address, if it can be reached.
    pub fn at(&self, ip: u64) -> Option<&Instruction> {
        self.instructions.get(&ip)
    }

    /// Whether branches lead here.
    pub fn is_leader(&self, ip: u64) -> bool {
        self.leaders.contains(&ip)
    }

    /// All places that branches lead to.
    pub fn leaders(&self) -> impl Iterator<Item = u64> {
        self.leaders.iter().copied()
    }

    /// The call or jump into ftrace or a trampoline at the entry: for the function it does nothing.
    pub fn is_hook(&self, instruction: &Instruction) -> bool {
        let is_first = match instruction.ip().wrapping_sub(self.entry) {
            0 => true,
            ENDBR_BYTES => self.at(self.entry).is_some_and(|first| first.code() == Op::Endbr64),
            _ => false,
        };
        is_first
            && matches!(instruction.code(), Op::Call_rel32_64 | Op::Jmp_rel32_64)
            && !self.leaders.contains(&instruction.near_branch_target())
    }

    /// Nothing is executed behind it.
    pub fn ends_path(&self, instruction: &Instruction) -> bool {
        match instruction.flow_control() {
            FlowControl::UnconditionalBranch => !self.is_hook(instruction),
            FlowControl::Return | FlowControl::IndirectBranch => true,
            // `ud2` is a warning or the end, `int3` is neither code of the function nor this program's business.
            FlowControl::Interrupt | FlowControl::Exception => instruction.code() != Op::Ud2,
            _ => instruction.is_invalid(),
        }
    }
}

/// Where a direct jump leads.
pub fn branch(instruction: &Instruction) -> Option<u64> {
    matches!(
        instruction.flow_control(),
        FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch
    )
    .then(|| instruction.near_branch_target())
    .filter(|&target| target != 0)
}

/// Whether an address is in `NAME.cold`, which is a part of `NAME`.
fn is_cold_part(address: u64, name: &str, symbols: &Symbols) -> bool {
    symbols.extent(address).is_some_and(|extent| {
        extent
            .name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(".cold"))
    })
}

struct Chunk {
    start: u64,
    bytes: Vec<u8>,
}

impl Chunk {
    /// The bytes of the function that an address is in.
    fn read(address: u64, memory: &dyn Memory, symbols: &Symbols) -> Option<Self> {
        let extent = symbols.extent(address)?;
        let size = extent.end.checked_sub(extent.start).filter(|&size| size <= MAX_BYTES)?;
        let mut bytes = vec![0; size as usize];
        memory.read(extent.start, &mut bytes).then_some(Self {
            start: extent.start,
            bytes,
        })
    }

    fn contains(&self, address: u64) -> bool {
        address
            .checked_sub(self.start)
            .is_some_and(|offset| offset < self.bytes.len() as u64)
    }

    fn decode(&self, ip: u64) -> Option<Instruction> {
        let bytes = self.bytes.get(usize::try_from(ip.checked_sub(self.start)?).ok()?..)?;
        let instruction = Decoder::with_ip(64, bytes, ip, DecoderOptions::NONE).iter().next()?;
        (!instruction.is_invalid()).then_some(instruction)
    }
}
