//! Follows the arguments of a function through its code to the calls that it makes.
//!
//! A forward interpretation of what registers and stack slots hold. Where paths meet, what differs becomes unknown; an instruction that is not
//! modelled makes unknown what it writes. Stores through other pointers than the stack's are taken not to reach a spilled register, as
//! the compiler does.

use iced_x86::{
    Code as Op, Instruction, InstructionInfoFactory, InstructionInfoOptions, Mnemonic, OpAccess, OpKind, Register,
};
use rustc_hash::FxHashMap;

use super::{
    code::{self, Code},
    value::{Origin, State, Value},
};

/// `rdi`, `rsi`, `rdx`, `rcx`, `r8`, `r9`: the System V ABI.
const ARGUMENTS: [usize; 6] = [7, 6, 2, 1, 8, 9];
/// `rax`, `rcx`, `rdx`, `rsi`, `rdi`, `r8` to `r11`: a call may change them.
const CLOBBERED: [usize; 9] = [0, 1, 2, 6, 7, 8, 9, 10, 11];
const RAX: usize = 0;
const RSP: usize = 4;
const RBP: usize = 5;

/// A call, as it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Address of the instruction.
    pub ip: u64,
    /// The function; none when it is called through a pointer.
    pub target: Option<u64>,
    /// What it is given.
    pub arguments: [Value; 6],
}

/// What was found out about a function.
#[derive(Debug, Default)]
pub struct Flow {
    /// Its calls by their return addresses.
    pub calls: FxHashMap<u64, Call>,
    /// By the address of a load: from where it reads.
    pub loads: FxHashMap<u64, Value>,
}

/// Follows a function; `current` are addresses of the per-CPU variable that has the running task.
pub fn follow(code: &Code, current: &[u64]) -> Flow {
    let mut walk = Walk {
        code,
        current,
        info: InstructionInfoFactory::new(),
        states: FxHashMap::from_iter([(code.entry, State::at_entry(&ARGUMENTS, RSP))]),
        todo: vec![code.entry],
        flow: Flow::default(),
    };
    while let Some(ip) = walk.todo.pop() {
        if let Some(state) = walk.states.get(&ip).cloned() {
            walk.path(ip, state);
        }
    }
    walk.flow
}

struct Walk<'a> {
    code: &'a Code,
    current: &'a [u64],
    info: InstructionInfoFactory,
    /// What is true whenever a leader is reached.
    states: FxHashMap<u64, State>,
    todo: Vec<u64>,
    flow: Flow,
}

impl Walk<'_> {
    /// From one leader to the next.
    fn path(&mut self, begin: u64, mut state: State) {
        let code = self.code;
        let mut ip = begin;
        while let Some(instruction) = code.at(ip) {
            if ip != begin && code.is_leader(ip) {
                self.meet(ip, &state);
                return;
            }
            if !code.is_hook(instruction) {
                if instruction.code() != Op::Call_rel32_64 && instruction.is_jmp_near_indirect() {
                    self.indirect_jump(&state);
                } else if let Some(target) = code::branch(instruction) {
                    self.meet(target, &state);
                } else {
                    self.step(instruction, &mut state);
                }
            }
            if code.ends_path(instruction) {
                return;
            }
            ip = instruction.next_ip();
        }
    }

    fn meet(&mut self, target: u64, state: &State) {
        // A jump into another function leaves this one.
        if !self.code.is_leader(target) {
            return;
        }
        let is_new = match self.states.get_mut(&target) {
            Some(known) => known.join(state),
            None => {
                self.states.insert(target, state.clone());
                true
            }
        };
        if is_new && !self.todo.contains(&target) {
            self.todo.push(target);
        }
    }

    /// A jump through a table can lead anywhere in the function. With the stack as it was at the entry it is a call at the end of it.
    fn indirect_jump(&mut self, state: &State) {
        if state.registers[RSP] != Value::At(Origin::Stack, 0) {
            for leader in self.code.leaders() {
                self.meet(leader, state);
            }
        }
    }

    fn step(&mut self, instruction: &Instruction, state: &mut State) {
        match instruction.mnemonic() {
            Mnemonic::Call => self.call(instruction, state),
            Mnemonic::Mov => self.copy(instruction, state),
            Mnemonic::Lea => {
                let value = address(instruction, state);
                self.write(instruction, value, state);
            }
            Mnemonic::Add | Mnemonic::Sub => {
                let bytes = immediate(instruction, 1).map(|number| {
                    if instruction.mnemonic() == Mnemonic::Add {
                        number
                    } else {
                        number.wrapping_neg()
                    }
                });
                let value = match (register(instruction, 0), bytes) {
                    (Some(register), Some(bytes)) => state.registers[register].plus(bytes),
                    _ => Value::Unknown,
                };
                self.write(instruction, value, state);
            }
            Mnemonic::Xor if instruction.op0_kind() == OpKind::Register && same_registers(instruction) => {
                self.forget_written(instruction, state);
                state.registers[instruction.op0_register().number()] = Value::Constant(0);
            }
            Mnemonic::Push => {
                let value = register(instruction, 0).map_or(Value::Unknown, |register| state.registers[register]);
                state.registers[RSP] = state.registers[RSP].plus(-8);
                store(state.registers[RSP], 8, value, state);
            }
            Mnemonic::Pop => {
                let value = load(state.registers[RSP], state);
                state.registers[RSP] = state.registers[RSP].plus(8);
                match register(instruction, 0) {
                    Some(register) => state.registers[register] = value,
                    None => self.forget_written(instruction, state),
                }
            }
            Mnemonic::Leave => {
                let frame = state.registers[RBP];
                state.registers[RBP] = load(frame, state);
                state.registers[RSP] = frame.plus(8);
            }
            _ if instruction.is_cmovcc_like() => {
                let moved = register(instruction, 1).map_or(Value::Unknown, |register| state.registers[register]);
                let kept = register(instruction, 0).map_or(Value::Unknown, |register| state.registers[register]);
                self.write(instruction, kept.join(moved), state);
            }
            _ => self.forget_written(instruction, state),
        }
    }

    fn call(&mut self, instruction: &Instruction, state: &mut State) {
        let target = (instruction.code() == Op::Call_rel32_64).then(|| instruction.near_branch_target());
        let arguments = ARGUMENTS.map(|register| state.registers[register]);
        let call = Call {
            ip: instruction.ip(),
            target,
            arguments,
        };
        self.flow.calls.insert(instruction.next_ip(), call);
        for argument in arguments {
            // What is on the stack from there on may be the callee's to change.
            if let Value::At(Origin::Stack, offset) = argument {
                state.forget(offset, i64::MAX);
            }
        }
        for register in CLOBBERED {
            state.registers[register] = Value::Unknown;
        }
        state.registers[RAX] = Value::At(Origin::Result(instruction.ip()), 0);
    }

    fn copy(&mut self, instruction: &Instruction, state: &mut State) {
        if let (OpKind::Memory, size) = (instruction.op0_kind(), instruction.memory_size().size()) {
            let value = match register(instruction, 1) {
                Some(register) if size == 8 => state.registers[register],
                _ => Value::Unknown,
            };
            store(address(instruction, state), size as i64, value, state);
            return;
        }
        let value = match instruction.op1_kind() {
            OpKind::Memory => self.load(instruction, state),
            OpKind::Register => register(instruction, 1).map_or(Value::Unknown, |register| state.registers[register]),
            _ => immediate(instruction, 1).map_or(Value::Unknown, |number| Value::Constant(number as u64)),
        };
        self.write(instruction, value, state);
    }

    fn load(&mut self, instruction: &Instruction, state: &State) -> Value {
        let from = address(instruction, state);
        if instruction.segment_prefix() == Register::GS {
            return match from {
                Value::Constant(address) if self.current.contains(&address) => Value::At(Origin::Current, 0),
                _ => Value::Unknown,
            };
        }
        if let Value::At(Origin::Stack, offset) = from {
            return state.slot(offset);
        }
        self.flow.loads.insert(instruction.ip(), from);
        Value::At(Origin::Load(instruction.ip()), 0)
    }

    /// The first operand becomes `value`, if it is a register of 64 bits; else what is written is unknown.
    fn write(&mut self, instruction: &Instruction, value: Value, state: &mut State) {
        self.forget_written(instruction, state);
        if let Some(register) = register(instruction, 0) {
            state.registers[register] = value;
        }
    }

    fn forget_written(&mut self, instruction: &Instruction, state: &mut State) {
        let writes = |access| {
            matches!(
                access,
                OpAccess::Write | OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite
            )
        };
        let info = self.info.info_options(instruction, InstructionInfoOptions::NONE);
        for used in info.used_memory().iter().filter(|used| writes(used.access())) {
            let base = used.base();
            if base.is_gpr()
                && let Value::At(Origin::Stack, offset) = state.registers[base.number()]
            {
                let is_exact = used.index() == Register::None && !instruction.has_rep_prefix();
                let size = used.memory_size().size() as i64;
                if is_exact && size > 0 {
                    state.forget(offset.wrapping_add(used.displacement() as i64), size);
                } else {
                    state.forget(i64::MIN, i64::MAX);
                    state.forget(0, i64::MAX);
                }
            }
        }
        for used in info.used_registers().iter().filter(|used| writes(used.access())) {
            if used.register().is_gpr() {
                state.registers[used.register().full_register().number()] = Value::Unknown;
            }
        }
    }
}

/// What an instruction's memory operand points to.
fn address(instruction: &Instruction, state: &State) -> Value {
    let displacement = instruction.memory_displacement64();
    if instruction.memory_index() != Register::None {
        return Value::Unknown;
    }
    match instruction.memory_base() {
        // With RIP the decoder has added it already.
        Register::RIP | Register::None => Value::Constant(displacement),
        base if base.is_gpr64() => state.registers[base.number()].plus(displacement as i64),
        _ => Value::Unknown,
    }
}

fn load(from: Value, state: &State) -> Value {
    match from {
        Value::At(Origin::Stack, offset) => state.slot(offset),
        _ => Value::Unknown,
    }
}

fn store(to: Value, size: i64, value: Value, state: &mut State) {
    if let Value::At(Origin::Stack, offset) = to {
        if size == 8 {
            state.store(offset, value);
        } else {
            state.forget(offset, size);
        }
    }
}

/// Number of the 64-bit register that an operand is.
fn register(instruction: &Instruction, operand: u32) -> Option<usize> {
    let register = instruction.op_register(operand);
    (instruction.op_count() > operand && instruction.op_kind(operand) == OpKind::Register && register.is_gpr64())
        .then(|| register.number())
}

/// The number that an operand is, sign-extended as the instruction says.
fn immediate(instruction: &Instruction, operand: u32) -> Option<i64> {
    instruction.try_immediate(operand).ok().map(|number| number as i64)
}

fn same_registers(instruction: &Instruction) -> bool {
    instruction.op1_kind() == OpKind::Register
        && instruction.op0_register() == instruction.op1_register()
        && (instruction.op0_register().is_gpr32() || instruction.op0_register().is_gpr64())
}

/// A conditional move, which iced knows by its condition alone.
trait Conditional {
    fn is_cmovcc_like(&self) -> bool;
}

impl Conditional for Instruction {
    fn is_cmovcc_like(&self) -> bool {
        use Mnemonic::{
            Cmova, Cmovae, Cmovb, Cmovbe, Cmove, Cmovg, Cmovge, Cmovl, Cmovle, Cmovne, Cmovno, Cmovnp, Cmovns, Cmovo,
            Cmovp, Cmovs,
        };
        matches!(
            self.mnemonic(),
            Cmova
                | Cmovae
                | Cmovb
                | Cmovbe
                | Cmove
                | Cmovg
                | Cmovge
                | Cmovl
                | Cmovle
                | Cmovne
                | Cmovno
                | Cmovnp
                | Cmovns
                | Cmovo
                | Cmovp
                | Cmovs
        )
    }
}
