//! Which structures the pointers in a function lead to: by its prototype, by those of the functions it calls, by the members it loads.

use std::collections::HashMap;

use super::{
    code::Code,
    flow::{self, Call, Flow},
    memory::Memory,
    symbol::Symbols,
    types::{Member, Prototype, StructId, Types},
    value::{Origin, Value},
};

/// Pointers to pointers are followed as far as this.
const MAX_LOADS: usize = 12;

/// Per-CPU variables that begin with a pointer to the running task (`arch/x86/include/asm/current.h`, 5.10 to 7.2).
const CURRENT: &[&str] = &["current_task", "pcpu_hot", "const_pcpu_hot", "const_current_task"];

/// A function with all that is known of its pointers.
pub struct Facts {
    types: Types,
    flow: Flow,
    /// By origin: so many bytes behind it begins such a structure.
    known: HashMap<Origin, Vec<(i64, StructId)>>,
}

impl Facts {
    /// Looks at the function at `entry`; none when it cannot be read.
    pub fn of(entry: u64, types: Types, memory: &dyn Memory, symbols: &Symbols) -> Option<Self> {
        let code = Code::read(entry, memory, symbols)?;
        let current: Vec<u64> = CURRENT.iter().filter_map(|name| symbols.address(name)).collect();
        let mut facts = Self {
            flow: flow::follow(&code, &current),
            types,
            known: HashMap::new(),
        };
        if let Some(task) = facts.types.structure("task_struct") {
            facts.add(Value::At(Origin::Current, 0), task);
        }
        if let Some(own) = facts.prototype(entry, symbols) {
            for (number, structure) in (0u8..).zip(own.arguments) {
                if let Some(structure) = structure {
                    facts.add(Value::At(Origin::Argument(number), 0), structure);
                }
            }
        }
        let calls: Vec<Call> = facts.flow.calls.values().copied().collect();
        for call in calls {
            facts.learn(&call, symbols);
        }
        Some(facts)
    }

    /// Whoever is passed a pointer to a structure is passed one.
    fn learn(&mut self, call: &Call, symbols: &Symbols) {
        let Some(prototype) = call.target.and_then(|target| self.prototype(target, symbols)) else {
            return;
        };
        for (value, structure) in call.arguments.into_iter().zip(prototype.arguments) {
            if let Some(structure) = structure {
                self.add(value, structure);
            }
        }
        if let Some(structure) = prototype.result {
            self.add(Value::At(Origin::Result(call.ip), 0), structure);
        }
    }

    fn prototype(&self, function: u64, symbols: &Symbols) -> Option<Prototype> {
        let module = symbols.extent(function)?.module;
        symbols
            .names_at(function)
            .filter(|name| symbols.only(name, module).is_some())
            .find_map(|name| self.types.prototype(name))
    }

    fn add(&mut self, value: Value, structure: StructId) {
        if let Value::At(origin, offset) = value
            && origin != Origin::Stack
        {
            let known = self.known.entry(origin).or_default();
            if !known.contains(&(offset, structure)) {
                known.push((offset, structure));
            }
        }
    }

    /// The call that returns to an address.
    pub fn call(&self, address: u64) -> Option<Call> {
        self.flow.calls.get(&address).copied()
    }

    /// All calls of the function.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.flow.calls.values()
    }

    /// The lock that a value points to; none when nothing tells, or what tells disagrees.
    pub fn lock(&self, value: Value) -> Option<Member> {
        let Value::At(origin, offset) = value else { return None };
        let mut found: Option<Member> = None;
        for (start, structure) in self.structures(origin, MAX_LOADS) {
            let Some(member) = u64::try_from(offset.wrapping_sub(start))
                .ok()
                .and_then(|offset| self.types.lock_at(structure, offset))
            else {
                continue;
            };
            match &mut found {
                None => found = Some(member),
                // The one that knows more of what is around it.
                Some(known) if (&known.structure, &known.path) == (&member.structure, &member.path) => {
                    if member.holders.len() > known.holders.len() {
                        *known = member;
                    }
                }
                Some(_) => return None,
            }
        }
        found
    }

    fn structures(&self, origin: Origin, depth: usize) -> Vec<(i64, StructId)> {
        let mut found = self.known.get(&origin).cloned().unwrap_or_default();
        if let Origin::Load(ip) = origin
            && depth > 0
            && let Some(&Value::At(from, offset)) = self.flow.loads.get(&ip)
            && from != origin
        {
            for (start, structure) in self.structures(from, depth - 1) {
                let member = u64::try_from(offset.wrapping_sub(start)).ok();
                if let Some(target) = member.and_then(|member| self.types.pointer_at(structure, member))
                    && !found.contains(&(0, target))
                {
                    found.push((0, target));
                }
            }
        }
        found
    }
}
