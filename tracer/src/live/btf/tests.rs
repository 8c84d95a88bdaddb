use super::{kind::*, *};

/// `void mutex_lock(struct mutex *)`, a mutex whose `owner` is in an anonymous union behind a bit field, a typedef for a tracepoint.
fn kernel() -> Vec<u8> {
    let mut strings = vec![0_u8];
    let mut name = |text: &str| {
        let at = strings.len() as u32;
        strings.extend(text.bytes().chain([0]));
        at
    };
    let (int, mutex, owner, flags) = (name("int"), name("mutex"), name("owner"), name("flags"));
    let (lock, free, other) = (name("mutex_lock"), name("btf_trace_sched_process_free"), name("other"));
    let types: &[&[u32]] = &[
        &[int, INT << 24, 4, 32],
        &[0, UNION << 24 | 1, 8, owner, 1, 0],
        // Bit fields: the upper byte of an offset is the width.
        &[mutex, 1 << 31 | STRUCT << 24 | 2, 16, flags, 1, 4 << 24, 0, 2, 64],
        &[0, PTR << 24, 3],
        &[0, FUNC_PROTO << 24 | 1, 0, 0, 4],
        &[lock, FUNC << 24, 5],
        &[free, TYPEDEF << 24, 4],
        &[other, FUNC << 24, 5],
    ];
    let types: Vec<u8> = types.concat().into_iter().flat_map(u32::to_le_bytes).collect();
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    for number in [24, 0, types.len(), types.len(), strings.len()] {
        bytes.extend((number as u32).to_le_bytes());
    }
    bytes.extend(types);
    bytes.extend(strings);
    bytes
}

#[test]
fn members_are_found_through_anonymous_unions_and_beside_bit_fields() {
    let types = Types::parse(kernel()).unwrap();
    assert_eq!(types.offset("mutex", "owner"), Some(8));
    assert_eq!(types.offset("mutex", "flags"), Some(0));
    assert_eq!(types.offset("mutex", "dep_map"), None);
    assert_eq!(types.offset("no_such", "owner"), None);
}

#[test]
fn a_function_is_checked_by_its_prototype() {
    let types = Types::parse(kernel()).unwrap();
    let probe = |function: &str| PROBES.iter().find(|probe| probe.function == function).unwrap();
    assert_eq!(types.check(probe("mutex_lock")), Ok(()));
    assert_eq!(types.check(probe("sched_process_free")), Ok(()));
    assert_eq!(types.check(probe("down_read")), Err("not on this kernel".to_owned()));
    assert_eq!(types.prototypes("mutex_lock"), ["void (struct mutex *)"]);
    let other = Probe {
        prototypes: &["int (struct mutex *)"],
        ..*probe("mutex_lock")
    };
    assert_eq!(
        types.check(&other),
        Err("its prototype here is `void (struct mutex *)`".to_owned())
    );
}

#[test]
fn what_is_hooked_keeps_its_number_and_all_else_loses_its_name() {
    let types = Types::parse(kernel()).unwrap();
    let only = types
        .raw
        .only(&HashMap::from([(6, "mutex_lock"), (7, "btf_trace_sched_process_free")]));
    let again = Types::parse(only).unwrap();
    assert_eq!(again.raw.named("mutex_lock"), [6]);
    assert_eq!(again.raw.named("btf_trace_sched_process_free"), [7]);
    assert!(again.raw.named("mutex").is_empty());
}

#[test]
fn what_is_cut_short_or_something_else_is_refused() {
    let whole = kernel();
    assert!(Types::parse(b"\x7fELF and so on, long enough".to_vec()).is_err());
    for length in 0..whole.len() {
        assert!(Types::parse(whole[..length].to_vec()).is_err(), "{length}");
    }
}
