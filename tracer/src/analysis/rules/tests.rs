use super::*;
use crate::analysis::snapshot::{Dependency, Evidence, Held, Lock, Mode};

const RULE: &str = "before = 'A'\nafter = 'B'\nreason = 'r'\nsource = 's'\n";

/// What is said against the last of some files, `1.toml` and so on.
fn refused(files: &[&str]) -> String {
    let mut rules = RuleSet::default();
    for (number, text) in (1..).zip(files) {
        match rules.add(&format!("{number}.toml"), text) {
            Ok(()) => assert!(number < files.len(), "not refused: {text}"),
            Err(error) => return error.to_string(),
        }
    }
    String::new()
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, message) in [
        ("\nhello\n", "1.toml:2: key with no value"),
        ("[rules.x]\n", "1.toml:1: unknown field `rules`"),
        ("[rule.x]\n\nbefor = 'A'\n", "1.toml:3: unknown field `befor`"),
        ("[allow.x]\nlock = ['A']\n", "1.toml:2: unknown field `lock`"),
        ("[allow]\nkind = 'inversion'\n", "1.toml:2: invalid type: string"),
        ("\n[rule.x]\nafter = 'B'\n", "1.toml:2: rule \"x\" has no `before`"),
        ("\n[rule.x]\nbefore = 'B'\n", "1.toml:2: rule \"x\" has no `after`"),
        (
            "[rule.x]\nbefore = 'A'\nafter = 'B'\nsource = 's'\n",
            "1.toml:1: rule \"x\" has no `reason`",
        ),
        (
            "[rule.x]\nbefore = 'A'\nafter = 'B'\nreason = 'r'\n",
            "1.toml:1: rule \"x\" has no `source`",
        ),
        (
            "[rule.x]\nbefore = 'A'\nafter = 'B'\nreason = 'r'\nsource = ' '\n",
            "1.toml:5: `source` is empty",
        ),
        ("[rule.'']\n", "1.toml:1: this rule has an empty name"),
        ("[rule.'a\"b']\n", "1.toml:1: this rule has a quote"),
        ("[allow.' ']\n", "1.toml:1: this allow has an empty name"),
        (
            "[rule.x]\nbefore = 3\nafter = 'B'\nreason = 'r'\nsource = 's'\n",
            "1.toml:2: `before` wants a class, not this integer",
        ),
        (
            "[rule.x]\nbefore = 'A'\nafter = []\nreason = 'r'\nsource = 's'\n",
            "1.toml:3: `after` is empty",
        ),
        (
            "[rule.x]\nbefore = 'A'\nafter = ['B', '*']\nreason = 'r'\nsource = 's'\n",
            "1.toml:3: the name `*` matches everything",
        ),
        (
            "[rule.x]\nbefore = 'a*b'\nafter = 'B'\nreason = 'r'\nsource = 's'\n",
            "1.toml:2: `a*b` has a `*`",
        ),
        (
            "[allow.x]\nkind = 'inversion'\n",
            "1.toml:1: allow entry \"x\" has no `reason`",
        ),
        (
            "[allow.x]\nreason = 'r'\n",
            "1.toml:1: allow entry \"x\" matches everything",
        ),
        (
            "[allow.x]\nreason = 'r'\nlocks = ['*']\n",
            "1.toml:3: the name `*` matches everything",
        ),
        (
            "[allow.x]\nreason = 'r'\nfunction = '**'\n",
            "1.toml:3: the name `**` matches everything",
        ),
        (
            "[allow.x]\nreason = 'r'\nkind = 'inverion'\n",
            "1.toml:3: there is no kind `inverion`",
        ),
        (
            "[allow.x]\nreason = 'r'\nverdict = 'fine'\n",
            "1.toml:3: there is no verdict `fine`",
        ),
        (
            "[allow.x]\nreason = 'r'\nfingerprint = '12'\n",
            "1.toml:3: `12` is no fingerprint",
        ),
        ("[allow.x]\nreason = 3\n", "1.toml:2: invalid type: integer"),
    ] {
        let error = refused(&[text]);
        assert!(error.starts_with(message), "{text}\n{error}");
    }
}

#[test]
fn a_name_is_there_once_whatever_the_file() {
    let (rule, allow) = (
        format!("[rule.x]\n{RULE}"),
        "[allow.x]\nkind = 'inversion'\nreason = 'r'\n",
    );
    assert!(refused(&[&format!("{rule}{rule}")]).starts_with("1.toml:6: duplicate key"));
    assert_eq!(refused(&[&rule, &rule]), "2.toml:1: rule \"x\" is in 1.toml:1 already");
    assert_eq!(
        refused(&[allow, &format!("# again\n{allow}")]),
        "2.toml:2: allow entry \"x\" is in 1.toml:1 already"
    );
    let both = format!("{rule}{allow}");
    assert!(
        RuleSet::default().add("1.toml", &both).is_ok(),
        "a rule and an entry may have one name"
    );
}

#[test]
fn rules_that_contradict_each_other_are_refused() {
    let rule = |name: &str, before: &str, after: &str| {
        format!("[rule.{name}]\nbefore = {before}\nafter = {after}\nreason = 'r'\nsource = 's'\n")
    };
    let refused = |rules: &[String]| {
        let mut set = RuleSet::default();
        let error = set.add("1.toml", &rules.concat()).err();
        error.map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(
        refused(&[rule("x", "'A'", "['B', 'A*']")]),
        "1.toml:1: rule \"x\" wants a class before itself"
    );
    assert_eq!(
        refused(&[rule("x", "'A'", "'B'"), rule("y", "'B'", "'A'")]),
        "1.toml:6: these rules contradict each other: \"x\" (1.toml:1), \"y\" (1.toml:6)"
    );
    let three = [
        rule("x", "'A'", "'B'"),
        rule("y", "'C'", "'A'"),
        rule("z", "'B*'", "'C'"),
    ];
    assert_eq!(
        refused(&three),
        "1.toml:11: these rules contradict each other: \"x\" (1.toml:1), \"z\" (1.toml:11), \"y\" (1.toml:6)"
    );
    let chain = [
        rule("x", "'A'", "'B'"),
        rule("y", "'B'", "'C'"),
        rule("z", "'A'", "'C'"),
    ];
    assert_eq!(refused(&chain), "", "one order for all contradicts nothing");
    assert_eq!(refused(&[rule("x", "'A'", "'B'"), rule("y", "'B#*'", "'A'")]), "");
}

#[test]
fn a_users_rule_may_not_contradict_a_built_in_one() {
    let mut rules = RuleSet::default();
    rules.add_built_in().unwrap();
    let text = "\n[rule.mine]\nbefore = 'rtnl_mutex'\nafter = '&devlink->lock'\nreason = 'r'\nsource = 's'\n";
    let error = rules.add("my.toml", text).unwrap_err();
    assert_eq!(error.place.to_string(), "my.toml:2");
    assert!(
        error.message.contains("\"devlink before rtnl\" (built-in net.toml:"),
        "{error}"
    );
    assert!(error.hint.contains("--rules none"));
}

#[test]
fn there_is_a_limit() {
    let rule =
        |number: usize| format!("[rule.x{number}]\nbefore = 'A{number}'\nafter = 'B'\nreason = 'r'\nsource = 's'\n");
    let most: String = (0..MAX_RULES).map(rule).collect();
    assert!(RuleSet::default().add("1.toml", &most).is_ok());
    let error = refused(&[&most, &rule(MAX_RULES)]);
    assert_eq!(error, "2.toml:1: more than 1000 order rules");
    let list = ["'A'"; 9].join(", ");
    let error = refused(&[&format!("[allow.x]\nlocks = [{list}]\nreason = 'r'\n")]);
    assert_eq!(error, "1.toml:2: `locks` lists 9 classes");
}

#[test]
fn a_file_is_a_text_of_a_megabyte_at_most() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.toml");
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = RuleSet::default().add_file(&path).err();
        error
            .map(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
            .unwrap_or_default()
    };
    assert_eq!(refused(b"[rule.x]\nbefore = '\xff'\n"), "FILE:2: not UTF-8");
    let mut comment = vec![b'#'; 1 << 20];
    assert_eq!(refused(&comment), "");
    comment.push(b'#');
    assert_eq!(refused(&comment), "FILE: larger than 1 MiB");
    let nested = format!("a = {}", "[".repeat(1 << 19));
    assert!(refused(nested.as_bytes()).contains("recurs"));
    let error = RuleSet::default()
        .add_file(&folder.path().join("none.toml"))
        .unwrap_err();
    assert!(error.to_string().contains("none.toml: No such file"), "{error}");
}

fn built_in() -> RuleSet {
    let mut rules = RuleSet::default();
    rules.add_built_in().unwrap();
    rules
}

/// One task that holds a lock of the first class and requests one of the second.
fn nesting(held: &str, requested: &str) -> Snapshot {
    let lock = |id, class: &str| Lock {
        id,
        name: format!("{class} of somebody"),
        class: class.to_string(),
        kind: "mutex".to_string(),
        label: None,
        named_by: None,
        waited: None,
        held_for: None,
        address: None,
    };
    let evidence = Evidence {
        task: "task".to_string(),
        pid: None,
        held: vec![Held {
            lock: 1,
            mode: Mode::Exclusive,
            trylock: false,
        }],
        from_stack: vec!["outer+0x1/0x2".into()],
        to_stack: vec!["inner+0x1/0x2".into()],
        origin: None,
        window: None,
        time_ns: 7,
    };
    Snapshot {
        locks: vec![lock(1, held), lock(2, requested)],
        dependencies: vec![Dependency {
            id: 1,
            from: 1,
            to: 2,
            from_mode: Mode::Exclusive,
            to_mode: Mode::Exclusive,
            trylock: false,
            direct: true,
            count: 1,
            tasks: 1,
            first_ns: 7,
            last_ns: 7,
            evidence: vec![evidence],
        }],
        ..Snapshot::default()
    }
}

fn broken(held: &str, requested: &str) -> Vec<String> {
    let mut snapshot = nesting(held, requested);
    apply(&mut snapshot, &built_in());
    let findings = snapshot.findings.iter();
    findings.filter_map(check::rule_of).map(str::to_string).collect()
}

/// A name that a pattern means.
fn name(pattern: &Pattern) -> String {
    pattern.to_string().replace('*', "#2")
}

#[test]
fn every_built_in_rule_is_broken_by_its_reverse_and_by_nothing_else() {
    let rules = built_in();
    assert!(rules.allows.is_empty(), "nothing is allowed by default");
    for rule in &rules.orders {
        for (before, after) in rule
            .before
            .iter()
            .flat_map(|before| rule.after.iter().map(move |after| (before, after)))
        {
            let (before, after) = (name(before), name(after));
            assert_eq!(broken(&after, &before), [rule.name.as_str()]);
            assert_eq!(broken(&before, &after), Vec::<String>::new());
        }
    }
}

#[test]
fn locks_that_only_share_a_part_of_a_name_break_no_rule() {
    for (held, requested) in [
        ("rtnl_mutex", "&dev->lock"),
        ("&dev->lock", "rtnl_mutex"),
        ("&dev->mutex", "&devlink->lock"),
        ("&devlink->lock", "&dev->mutex"),
        ("rtnl_mutex", "&devlink->lockdep"),
        ("my_rtnl_mutex", "&devlink->lock"),
        ("rtnl_mutex", "mutex in devl_lock"),
    ] {
        assert_eq!(broken(held, requested), Vec::<String>::new(), "{held} -> {requested}");
    }
}

#[test]
fn a_finding_tells_the_classes_and_its_scenario_the_locks() {
    let mut snapshot = nesting("rtnl_mutex", "&devlink->lock_key#2");
    apply(&mut snapshot, &built_in());
    let finding = &snapshot.findings[0];
    assert_eq!(finding.title, "order rule broken: rtnl_mutex -> &devlink->lock_key#2");
    assert_eq!(finding.locks, ["&devlink->lock_key#2", "rtnl_mutex"]);
    let steps: Vec<_> = finding.scenario[0]
        .steps
        .iter()
        .map(|step| (step.lock.as_str(), step.state.as_str()))
        .collect();
    assert_eq!(
        steps,
        [
            ("rtnl_mutex of somebody", "held"),
            ("&devlink->lock_key#2 of somebody", "waits")
        ]
    );
    assert_eq!((finding.first_ns, finding.count, finding.id), (7, 1, 1));
}

#[test]
fn a_dependency_without_evidence_breaks_a_rule_too() {
    let mut snapshot = nesting("rtnl_mutex", "&devlink->lock");
    snapshot.dependencies[0].evidence.clear();
    apply(&mut snapshot, &built_in());
    assert_eq!(snapshot.findings.len(), 1);
    assert!(snapshot.findings[0].scenario.is_empty());
}

#[test]
fn what_an_entry_gives_must_all_match() {
    let whole =
        "kind = 'order-rule'\nlocks = ['rtnl_mutex', '&devlink*']\nrule = 'devlink before rtnl'\nfunction = 'inner'\n";
    for (entry, allowed) in [
        (whole.to_string(), true),
        (whole.replace("'order-rule'", "'inversion'"), false),
        (whole.replace("'rtnl_mutex'", "'rtnl'"), false),
        (whole.replace("'rtnl_mutex', ", ""), false),
        (whole.replace("'rtnl_mutex'", "'rtnl_mutex', 'ovs_mutex'"), false),
        (whole.replace("'devlink before", "'wiphy before"), false),
        (whole.replace("'inner'", "'out*'"), true),
        (whole.replace("'inner'", "'inne'"), false),
        (whole.replace("'inner'", "'task'"), false),
        (format!("{whole}verdict = 'guarded'\n"), false),
        (format!("{whole}fingerprint = '0123456789abcdef'\n"), false),
        ("rule = 'devlink before rtnl'\n".to_string(), true),
        ("locks = ['*lock', 'rtnl_mutex']\n".to_string(), true),
    ] {
        let mut rules = built_in();
        rules
            .add("my.toml", &format!("[allow.x]\nreason = 'r'\n{entry}"))
            .unwrap();
        let mut snapshot = nesting("rtnl_mutex", "&devlink->lock");
        apply(&mut snapshot, &rules);
        assert_eq!(
            (snapshot.suppressed.len(), snapshot.findings.is_empty()),
            (usize::from(allowed), allowed),
            "{entry}"
        );
        assert_eq!(rules.unused(&snapshot).count(), usize::from(!allowed), "{entry}");
    }
}
