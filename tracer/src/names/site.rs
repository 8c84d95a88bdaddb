//! Which member of which structure a lock is, from the place where it is taken.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use super::{
    facts::Facts,
    flow::Call,
    init_site::{InitSite, InitSites, Search},
    later::Later,
    memory::Memory,
    symbol::Symbols,
    types::{Member, Types},
    value::{Origin, Value},
};

/// A function that gets the lock, or what it is in, from its caller: so many of them are looked through.
const MAX_CALLERS: usize = 4;
/// No more of a stack is looked at.
const MAX_FRAMES: usize = 6;

/// Initialisations that do not look like that of a member, and are looked at if no other is.
const MAX_UNLIKELY: usize = 8;

/// Where the types of modules come from.
pub trait ModuleTypes {
    /// The BTF of a module; none when it has none.
    fn read(&self, module: &str) -> Option<Vec<u8>>;
}

/// What a site tells of a lock.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// The member that the lock is.
    pub member: Member,
    /// What it is initialised with somewhere: `&devlink->lock`.
    pub init: Option<String>,
    /// It is certain as far as so many frames of the stack are.
    pub frames: usize,
}

/// Looks at the places where locks are taken.
pub struct Sites {
    memory: Arc<dyn Memory + Send + Sync>,
    kernel: Later<Types>,
    source: Box<dyn ModuleTypes>,
    modules: HashMap<String, Types>,
    /// Those of them that have none of their own.
    untyped: HashSet<String>,
    /// Functions looked at, by their addresses.
    functions: HashMap<u64, Option<Rc<Facts>>>,
    /// What was told before, by as much of the stack as it took.
    sites: HashMap<Box<[u64]>, Option<Site>>,
    /// In the kernel's own text.
    kernel_sites: Later<InitSites>,
    /// By module.
    module_sites: HashMap<String, Rc<InitSites>>,
    /// By structure and path: what such members are initialised with.
    init_names: HashMap<(String, String), Option<String>>,
}

impl Sites {
    /// With the kernel's memory and types, and the initialisations in its text.
    pub fn new(
        memory: Arc<dyn Memory + Send + Sync>,
        kernel: Later<Types>,
        source: Box<dyn ModuleTypes>,
        kernel_sites: Later<InitSites>,
    ) -> Self {
        Self {
            memory,
            kernel,
            source,
            modules: HashMap::new(),
            untyped: HashSet::new(),
            functions: HashMap::new(),
            sites: HashMap::new(),
            kernel_sites,
            module_sites: HashMap::new(),
            init_names: HashMap::new(),
        }
    }

    /// The kernel's own types.
    pub fn types(&self) -> Option<&Types> {
        self.kernel.get()
    }

    /// The kernel's memory.
    pub fn memory(&self) -> &dyn Memory {
        &*self.memory
    }

    /// What was at a module's addresses is gone.
    pub fn forget_module(&mut self, module: &str, symbols: &Symbols) {
        self.modules.remove(module);
        self.untyped.remove(module);
        self.module_sites.remove(module);
        self.init_names.clear();
        self.sites.clear();
        self.functions
            .retain(|&address, _| symbols.extent(address).is_some_and(|extent| extent.module.is_none()));
    }

    /// The lock that was taken at `stack`: return addresses, innermost first. `lock_functions` are those that take one, as their first argument.
    pub fn site(&mut self, stack: &[u64], lock_functions: &[u64], symbols: &Symbols) -> Option<Site> {
        let stack = &stack[..stack.len().min(MAX_FRAMES)];
        let known = (1..=stack.len()).find_map(|frames| self.sites.get(&stack[..frames]));
        if let Some(known) = known {
            return known.clone();
        }
        let mut places = Vec::new();
        let site = self
            .by_type(stack, lock_functions, symbols, &mut places)
            .or_else(|| self.by_init(&places, symbols));
        let frames = site.as_ref().map_or(stack.len(), |site| site.frames);
        self.sites.insert(stack[..frames].into(), site.clone());
        site
    }

    /// By the types of what it is in. `places` gets those that no type tells it at.
    fn by_type(
        &mut self,
        stack: &[u64],
        lock_functions: &[u64],
        symbols: &Symbols,
        places: &mut Vec<Place>,
    ) -> Option<Site> {
        let mut entered: Option<u64> = None;
        let (mut argument, mut offset) = (0, 0);
        let mut callers = 0;
        for (index, &address) in stack.iter().enumerate() {
            let Some(facts) = self.function(address, symbols) else {
                // The frame of the lock function itself, in a trampoline, or something that cannot be read.
                if entered.is_some() {
                    return None;
                }
                continue;
            };
            let call = facts.call(address);
            let is_entered = |target: u64| match entered {
                None => lock_functions.contains(&target),
                Some(function) => function == target,
            };
            let Some(call) = call.filter(|call| call.target.is_some_and(is_entered)) else {
                if entered.is_some() {
                    return None;
                }
                continue;
            };
            let value = call.arguments.get(argument)?.plus(offset);
            if let Some(member) = facts.lock(value) {
                let frames = index + 1;
                let module = symbols.extent(address).and_then(|extent| extent.module);
                let init = self.init_name(&member, module, symbols);
                return Some(Site { member, init, frames });
            }
            let Value::At(origin, behind) = value else {
                return None;
            };
            places.push(Place {
                frames: index + 1,
                call: address,
                offset: behind,
            });
            let Origin::Argument(number) = origin else {
                return None;
            };
            callers += 1;
            if callers == MAX_CALLERS {
                return None;
            }
            (argument, offset) = (usize::from(number), behind);
            entered = symbols.extent(address).map(|extent| extent.start);
        }
        None
    }

    /// By the only initialisation, in a module without types, of a lock that is as far behind the pointer that the code has.
    fn by_init(&mut self, places: &[Place], symbols: &Symbols) -> Option<Site> {
        let (taken, _) = self.call(places.first()?.call, symbols)?;
        let is_rwsem = takes_rwsem(symbols.function(taken.target?)?);
        let mut found: Option<Site> = None;
        for place in places {
            let module = symbols.extent(place.call)?.module;
            let Some(module) = module.filter(|module| place.offset > 0 && self.untyped.contains(*module)) else {
                continue;
            };
            for InitSite { back, name, .. } in self.module_sites(module, symbols).all() {
                let Some((init, lock)) = self.call(*back, symbols) else {
                    continue;
                };
                let function = init.target.and_then(|target| symbols.function(target));
                let is_it = lock.is_none()
                    && matches!(init.arguments[0], Value::At(_, offset) if offset == place.offset)
                    && function.is_some_and(|function| takes_rwsem(function) == is_rwsem);
                if !is_it {
                    continue;
                }
                match &found {
                    None => {
                        found = Some(Site {
                            member: Member::untyped(name),
                            init: Some(name.clone()),
                            frames: place.frames,
                        });
                    }
                    Some(site) if site.init.as_ref() == Some(name) => {}
                    Some(_) => return None,
                }
            }
        }
        found
    }

    /// A call by its return address, and the lock that its first argument is.
    fn call(&mut self, address: u64, symbols: &Symbols) -> Option<(Call, Option<Member>)> {
        let facts = self.function(address, symbols)?;
        let call = facts.call(address)?;
        Some((call, facts.lock(call.arguments[0])))
    }

    /// The name that such a member is initialised with in the kernel or the module that takes it. Of several it is the first in the alphabet.
    fn init_name(&mut self, member: &Member, module: Option<&str>, symbols: &Symbols) -> Option<String> {
        let key = (member.structure.clone(), member.path.clone());
        if let Some(known) = self.init_names.get(&key) {
            return known.clone();
        }
        let mut sites = self
            .kernel_sites
            .get()
            .map_or_else(Vec::new, |sites| sites.of(&member.path).to_vec());
        if let Some(module) = module {
            sites.extend_from_slice(self.module_sites(module, symbols).of(&member.path));
        }
        // Many locks are called `lock`, and a function takes a while: those that look like it come first, and few of the others are looked at.
        let looks_like_it = |site: &InitSite| {
            let mut offsets = member.holders.iter().map(|(_, offset)| *offset as i64);
            offsets.any(|offset| site.hint == Some(offset))
        };
        let (likely, others): (Vec<_>, Vec<_>) = sites.into_iter().partition(looks_like_it);
        let name = self
            .first_name(member, likely.iter(), symbols)
            .or_else(|| self.first_name(member, others.iter().take(MAX_UNLIKELY), symbols));
        self.init_names.insert(key, name.clone());
        name
    }

    /// The first name in the alphabet that one of these calls initialises such a member with.
    fn first_name<'a>(
        &mut self,
        member: &Member,
        sites: impl Iterator<Item = &'a InitSite>,
        symbols: &Symbols,
    ) -> Option<String> {
        sites
            .filter(|site| {
                let lock = self.call(site.back, symbols).and_then(|(_, lock)| lock);
                lock.is_some_and(|lock| (&lock.structure, &lock.path) == (&member.structure, &member.path))
            })
            .map(|site| &site.name)
            .min()
            .cloned()
    }

    fn module_sites(&mut self, module: &str, symbols: &Symbols) -> Rc<InitSites> {
        let memory = &*self.memory;
        let search = || Rc::new(Search::of(module, symbols).sites(memory));
        self.module_sites
            .entry(module.to_owned())
            .or_insert_with(search)
            .clone()
    }

    /// The function that an address is in.
    pub fn function(&mut self, address: u64, symbols: &Symbols) -> Option<Rc<Facts>> {
        let entry = entry(address, symbols)?;
        if let Some(known) = self.functions.get(&entry) {
            return known.clone();
        }
        let facts = self
            .types_of(symbols.extent(entry)?.module)
            .and_then(|types| Facts::of(entry, types, &*self.memory, symbols))
            .map(Rc::new);
        self.functions.insert(entry, facts.clone());
        facts
    }

    fn types_of(&mut self, module: Option<&str>) -> Option<Types> {
        let Some(module) = module else {
            return self.kernel.get().cloned();
        };
        if let Some(known) = self.modules.get(module) {
            return Some(known.clone());
        }
        let kernel = self.kernel.get()?;
        let own = self.source.read(module).and_then(|bytes| kernel.of_module(bytes));
        if own.is_none() {
            self.untyped.insert(module.to_owned());
        }
        // Without types of its own a module can still be read by those of the kernel's functions that it calls.
        let types = own.unwrap_or_else(|| kernel.clone());
        self.modules.insert(module.to_owned(), types.clone());
        Some(types)
    }
}

/// A place where the lock is passed on.
struct Place {
    /// So much of the stack it takes to be here.
    frames: usize,
    /// Return address of the call that it is passed to.
    call: u64,
    /// So far behind some pointer it is.
    offset: i64,
}

/// Whether a function is one of rwsems, and not of mutexes.
fn takes_rwsem(function: &str) -> bool {
    function.contains("rwsem") || function.contains("down_")
}

/// Where the function begins that an address is in: that of `NAME.cold` is `NAME`.
fn entry(address: u64, symbols: &Symbols) -> Option<u64> {
    let extent = symbols.extent(address)?;
    match extent.name.split_once(".cold") {
        None => Some(extent.start),
        Some((whole, _)) => symbols.only(whole, extent.module),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{blob, memory::Image},
        *,
    };

    const CODE: u64 = 0xffff_ffff_8100_0000;
    /// Functions of 256 bytes, one after the other.
    const FUNCTIONS: &[&str] = &[
        "devl_lock",
        "mutex_lock",
        "devlink_get",
        "devlink_put",
        "unknown",
        "unknown.cold",
        "lock_it",
        "outer",
        "__mutex_init",
        "__init_rwsem",
        "dlock_probe",
        "dlock_load",
        "end",
    ];
    /// Behind all of them and what is read with them.
    const END: u64 = CODE + 0x2000;
    /// The name that locks are initialised with in `dlock_probe()`, where `mov rsi, imm32` can name it.
    const NAME: u64 = 0xffff_ffff_8200_0000;

    struct None_;

    impl ModuleTypes for None_ {
        fn read(&self, _module: &str) -> Option<Vec<u8>> {
            None
        }
    }

    fn start(function: &str) -> u64 {
        CODE + 256 * FUNCTIONS.iter().position(|name| *name == function).unwrap() as u64
    }

    /// Machine code; `call NAME` and `jmp NAME` are calls and jumps to a function.
    fn assemble(function: &str, parts: &[&str]) -> Vec<u8> {
        let mut bytes: Vec<u8> = Vec::new();
        for part in parts {
            let (opcode, target) = match part.split_once(' ') {
                Some(("call", target)) => (0xe8, target),
                Some(("jmp", target)) => (0xe9, target),
                _ => {
                    let hex: String = part.split_whitespace().collect();
                    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                    bytes.extend((0..hex.len()).step_by(2).map(digits));
                    continue;
                }
            };
            let next = start(function) + bytes.len() as u64 + 5;
            bytes.push(opcode);
            bytes.extend((start(target).wrapping_sub(next) as u32).to_le_bytes());
        }
        bytes.resize(256, 0xcc);
        bytes
    }

    /// What the first call of `mutex_lock()` in the functions tells; `path` are those that the stack goes through, innermost first.
    fn told(functions: &[(&str, &[&str])], path: &[&str]) -> Option<String> {
        let symbols: String = FUNCTIONS
            .iter()
            .map(|name| {
                let module = if name.starts_with("dlock_") { "\t[dlock]" } else { "" };
                format!("{:x} T {name}{module}\n", start(name))
            })
            .collect();
        let symbols = Symbols::parse(&symbols);
        let mut code = vec![0xcc; (END - CODE) as usize];
        for (name, parts) in functions {
            let at = (start(name) - CODE) as usize;
            code[at..at + 256].copy_from_slice(&assemble(name, parts));
        }
        let mut name = b"&dlock_dev->lock\0".to_vec();
        name.resize(64, 0);
        let mut stack = vec![start("mutex_lock") + 5];
        let mut called = "mutex_lock";
        for name in path {
            let parts = functions.iter().find(|(function, _)| function == name)?.1;
            let place = parts.iter().position(|part| *part == format!("call {called}"))?;
            let before = assemble(name, &parts[..=place]);
            let length = before.iter().rposition(|&byte| byte != 0xcc)? + 1;
            stack.push(start(name) + length as u64);
            called = name;
        }
        let mut sites = Sites::new(
            Arc::new(Image(vec![(CODE, code), (NAME, name)])),
            Later::now(blob::devlink()),
            Box::new(None_),
            Later::now(InitSites::default()),
        );
        let site = sites.site(&stack, &[start("mutex_lock")], &symbols)?;
        Some(format!(
            "{}->{} {}",
            site.member.structure, site.member.path, site.frames
        ))
        .map(|told| told.trim_start_matches("->").to_owned())
    }

    fn in_devl_lock(parts: &[&str]) -> Option<String> {
        told(&[("devl_lock", parts)], &["devl_lock"])
    }

    #[test]
    fn an_argument_and_an_offset() {
        // endbr64; call unknown (ftrace); lea rdi, [rdi+8]
        let hooked = ["f30f1efa", "call unknown", "488d7f08", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&hooked).as_deref(), Some("devlink->lock 2"));
        // add rdi, 8
        assert_eq!(
            in_devl_lock(&["4883c708", "call mutex_lock", "c3"]).as_deref(),
            Some("devlink->lock 2")
        );
        // add rdi, 16: no lock there
        assert_eq!(in_devl_lock(&["4883c710", "call mutex_lock", "c3"]), None);
    }

    #[test]
    fn a_saved_register_survives_a_call_and_an_argument_does_not() {
        // push rbx; mov rbx, rdi; call; lea rdi, [rbx+8]
        let saved = ["53", "4889fb", "call unknown", "488d7b08", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&saved).as_deref(), Some("devlink->lock 2"));
        // mov rax, rdi; call unknown, further on than ftrace's; lea rdi, [rdi+8]
        let lost = [
            "53",
            "4889fb",
            "9090",
            "call unknown",
            "488d7f08",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(in_devl_lock(&lost), None);
    }

    #[test]
    fn a_member_that_is_a_pointer_is_followed() {
        // mov rdi, [rdi+40]; add rdi, 8
        let loaded = ["488b7f28", "4883c708", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&loaded).as_deref(), Some("device->mutex 2"));
        // mov edi, [rdi+40]: half a pointer
        assert_eq!(in_devl_lock(&["8b7f28", "4883c708", "call mutex_lock", "c3"]), None);
    }

    #[test]
    fn a_stack_slot_keeps_what_is_stored_until_it_is_overwritten() {
        // sub rsp, 16; mov [rsp+8], rdi; call unknown; mov rdi, [rsp+8]; add rdi, 8
        let kept = [
            "4883ec10",
            "48897c2408",
            "call unknown",
            "488b7c2408",
            "4883c708",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(in_devl_lock(&kept).as_deref(), Some("devlink->lock 2"));
        // mov dword [rsp+8], 0
        let overwritten = [
            "4883ec10",
            "48897c2408",
            "c744240800000000",
            "488b7c2408",
            "4883c708",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(in_devl_lock(&overwritten), None);
    }

    #[test]
    fn where_paths_meet_only_what_is_the_same_is_known() {
        // test esi, esi; je +3; mov rdx, rax; add rdi, 8
        let same = ["85f6", "7403", "4889c2", "4883c708", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&same).as_deref(), Some("devlink->lock 2"));
        // test esi, esi; je +3; mov rdi, rax; add rdi, 8
        let other = ["85f6", "7403", "4889c7", "4883c708", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&other), None);
    }

    #[test]
    fn a_loop_is_followed_to_its_end() {
        // mov rbx, rdi; lea rdi, [rbx+8]; call mutex_lock; add rbx, 8; jmp to the lea
        let moved = ["4889fb", "488d7b08", "call mutex_lock", "4883c308", "ebf1"];
        assert_eq!(in_devl_lock(&moved), None, "another place in each round");
        let still = ["4889fb", "488d7b08", "call mutex_lock", "4883c600", "ebf1"];
        assert_eq!(in_devl_lock(&still).as_deref(), Some("devlink->lock 2"));
    }

    #[test]
    fn a_jump_through_a_table_can_lead_anywhere() {
        // push rbx; mov rbx, rdi; je +4; mov rbx, rax...; jmp rdx; lea rdi, [rbx+8]
        let table = [
            "53",
            "4889fb",
            "7405",
            "4889c3",
            "ffe2",
            "488d7b08",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(in_devl_lock(&table), None);
        let end_of_it = ["7405", "4889c7", "ffe2", "488d7f08", "call mutex_lock", "c3"];
        assert_eq!(in_devl_lock(&end_of_it).as_deref(), Some("devlink->lock 2"));
    }

    #[test]
    fn the_unlikely_part_is_part_of_the_function() {
        // mov rbx, rdi; test esi, esi; jne .cold; lea rdi, [rbx+8]: the cold part changes rbx and comes back
        let back = |cold: &'static str| -> Option<String> {
            let jump = (start("unknown.cold") - (start("devl_lock") + 11)) as u32;
            let jump: String = jump.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
            let jump: &'static str = Box::leak(format!("0f85{jump}").into_boxed_str());
            let _ = cold;
            told(
                &[(
                    "devl_lock",
                    &["4889fb", "85f6", jump, "488d7b08", "call mutex_lock", "c3"],
                )],
                &["devl_lock"],
            )
        };
        assert_eq!(
            back("4831db").as_deref(),
            Some("devlink->lock 2"),
            "another function's part is left"
        );
    }

    #[test]
    fn what_a_function_returns_and_is_given_is_of_its_types() {
        // call devlink_get; lea rdi, [rax+8]
        let returned: &[&str] = &[
            "90909090",
            "90",
            "call devlink_get",
            "488d7808",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(
            told(&[("unknown", returned)], &["unknown"]).as_deref(),
            Some("devlink->lock 2")
        );
        // call unknown, allocates; mov rbx, rax; lea rdi, [rbx+8]; call mutex_lock; mov rdi, rbx; call devlink_put
        let given: &[&str] = &[
            "90909090",
            "90",
            "call unknown",
            "4889c3",
            "488d7b08",
            "call mutex_lock",
            "4889df",
            "call devlink_put",
            "c3",
        ];
        assert_eq!(
            told(&[("outer", given)], &["outer"]).as_deref(),
            Some("devlink->lock 2")
        );
        let nothing: &[&str] = &[
            "90909090",
            "90",
            "call unknown",
            "4889c3",
            "488d7b08",
            "call mutex_lock",
            "c3",
        ];
        assert_eq!(told(&[("outer", nothing)], &["outer"]), None);
    }

    #[test]
    fn a_function_that_is_given_the_lock_is_looked_through() {
        // lock_it(number, mutex): mov rdi, rsi; devl_lock calls it with rsi = rdi + 8
        let inner: &[&str] = &["4889f7", "call mutex_lock", "c3"];
        let outer: &[&str] = &["90909090", "90", "488d7708", "call lock_it", "c3"];
        let both = [("lock_it", inner), ("devl_lock", outer)];
        assert_eq!(
            told(&both, &["lock_it", "devl_lock"]).as_deref(),
            Some("devlink->lock 3")
        );
        assert_eq!(told(&both, &["lock_it"]), None, "nobody says who called");
    }

    #[test]
    fn without_types_the_only_initialisation_so_far_behind_a_pointer_tells() {
        // call unknown, allocates; mov rbx, rax; mov rsi, NAME; lea rdi, [rbx+16]
        let probe = |init: &'static str| {
            [
                "90909090",
                "90",
                "call unknown",
                "4889c3",
                "48c7c600000082",
                "488d7b10",
                init,
                "c3",
            ]
        };
        // lea rdi, [rdi+16]; lea rdi, [rdi+24]
        let (load, other) = (
            ["488d7f10", "call mutex_lock", "c3"],
            ["488d7f18", "call mutex_lock", "c3"],
        );
        let in_load = |probe: &[&str], load: &[&str]| {
            let functions = [("dlock_probe", probe), ("dlock_load", load)];
            told(&functions, &["dlock_load"])
        };
        let mutex = probe("call __mutex_init");
        assert_eq!(in_load(&mutex, &load).as_deref(), Some("&dlock_dev->lock 2"));
        assert_eq!(in_load(&mutex, &other), None, "somewhere else");
        assert_eq!(in_load(&probe("call __init_rwsem"), &load), None, "a rwsem");
        assert_eq!(
            told(&[("dlock_probe", &mutex), ("unknown", &load)], &["unknown"]),
            None,
            "taken by the kernel, which has types"
        );
    }
}
