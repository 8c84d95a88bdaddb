//! What a register or a stack slot holds at a place of a function, as far as it can be told without running it.

/// Where a pointer comes from. An instruction stands for whatever it gives, in each round of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// An argument of the function, by its register in the order of the System V ABI.
    Argument(u8),
    /// What the call at this address returned.
    Result(u64),
    /// What the load at this address read.
    Load(u64),
    /// The task that runs.
    Current,
    /// The function's stack: offset 0 is its return address.
    Stack,
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything.
    Unknown,
    /// A number.
    Constant(u64),
    /// Some bytes behind an origin.
    At(Origin, i64),
}

impl Value {
    /// What is true of both.
    pub fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }

    /// Moved by some bytes.
    pub fn plus(self, bytes: i64) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            Self::Constant(number) => Self::Constant(number.wrapping_add_signed(bytes)),
            Self::At(origin, offset) => Self::At(origin, offset.wrapping_add(bytes)),
        }
    }
}

/// How many general registers there are.
pub const REGISTERS: usize = 16;

/// Registers and stack slots at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// In the order of their numbers in machine code.
    pub registers: [Value; REGISTERS],
    /// Eight-byte slots by their offset, sorted. What is not here is unknown.
    slots: Vec<(i64, Value)>,
}

impl State {
    /// At the entry of a function, whose arguments and stack pointer are in `arguments` and `stack`.
    pub fn at_entry(arguments: &[usize; 6], stack: usize) -> Self {
        let mut registers = [Value::Unknown; REGISTERS];
        for (number, &register) in (0u8..).zip(arguments) {
            registers[register] = Value::At(Origin::Argument(number), 0);
        }
        registers[stack] = Value::At(Origin::Stack, 0);
        Self {
            registers,
            slots: Vec::new(),
        }
    }

    /// What a slot holds.
    pub fn slot(&self, offset: i64) -> Value {
        self.slots
            .iter()
            .find(|(at, _)| *at == offset)
            .map_or(Value::Unknown, |(_, value)| *value)
    }

    /// Eight bytes are written.
    pub fn store(&mut self, offset: i64, value: Value) {
        self.forget(offset, 8);
        if value != Value::Unknown {
            let place = self.slots.partition_point(|(at, _)| *at < offset);
            self.slots.insert(place, (offset, value));
        }
    }

    /// Something is written.
    pub fn forget(&mut self, offset: i64, bytes: i64) {
        self.slots
            .retain(|(at, _)| at + 8 <= offset || *at >= offset.saturating_add(bytes));
    }

    /// Keeps what is true of both; whether anything was lost.
    pub fn join(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (value, other) in self.registers.iter_mut().zip(other.registers) {
            *value = value.join(other);
        }
        self.slots.retain(|(offset, value)| other.slot(*offset) == *value);
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGUMENTS: [usize; 6] = [7, 6, 2, 1, 8, 9];

    #[test]
    fn a_join_keeps_what_both_say() {
        let mut state = State::at_entry(&ARGUMENTS, 4);
        state.store(-8, Value::Constant(1));
        state.store(-16, Value::Constant(2));
        let mut other = state.clone();
        assert!(!state.join(&other));
        other.registers[7] = Value::Unknown;
        other.store(-16, Value::Constant(3));
        assert!(state.join(&other));
        assert_eq!(state.registers[7], Value::Unknown);
        assert_eq!(state.registers[6], Value::At(Origin::Argument(1), 0));
        assert_eq!(state.slot(-8), Value::Constant(1));
        assert_eq!(state.slot(-16), Value::Unknown);
    }

    #[test]
    fn a_write_forgets_what_it_overlaps() {
        let mut state = State::at_entry(&ARGUMENTS, 4);
        for offset in [-24, -16, -8] {
            state.store(offset, Value::Constant(1));
        }
        state.forget(-12, 4);
        assert_eq!(state.slot(-16), Value::Unknown);
        assert_eq!(state.slot(-8), Value::Constant(1));
        state.store(-20, Value::Constant(2));
        assert_eq!(state.slot(-24), Value::Unknown);
        assert_eq!(state.slot(-20), Value::Constant(2));
        assert_eq!(state.slot(-16), Value::Unknown);
        state.forget(-100, i64::MAX);
        assert_eq!(state.slot(-8), Value::Unknown);
    }
}
