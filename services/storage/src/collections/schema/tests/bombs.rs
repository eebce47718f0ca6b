//! Schemas and data that are small, and would take for ever.

use super::*;

/// Two references to the next, so many times; each with what `around` adds.
fn doubled(keyword: &str, times: usize, around: &str, leaf: &str) -> String {
    let each =
        |i| format!(r##""{i}":{{"{keyword}":[{{"$ref":"#/$defs/{0}"}},{{"$ref":"#/$defs/{0}"}}]{around}}}"##, i + 1);
    let chain: Vec<_> = (0..times).map(each).collect();
    format!(r##"{{"$ref":"#/$defs/0","$defs":{{{},"{times}":{leaf}}}}}"##, chain.join(","))
}

fn deep(levels: usize, leaf: &str) -> String {
    format!("{}{leaf}{}", r#"{"a":"#.repeat(levels), "}".repeat(levels))
}

#[test]
fn schemas_that_explode_are_refused_or_bounded() {
    for keyword in ["allOf", "anyOf", "oneOf"] {
        for leaf in ["true", "{}", "false", r#"{"type":"string"}"#, r##"{"properties":{"a":{"$ref":"#"}}}"##] {
            for around in ["", r#","unevaluatedProperties":false"#, r#","unevaluatedItems":{"type":"null"}"#] {
                let schema = compiled(doubled(keyword, 8, around, leaf));
                for data in [deep(32, "1"), deep(3, "[1,2,3]")] {
                    check(&schema, &data);
                }
                assert!(refused(doubled(keyword, 30, around, leaf)).starts_with("/schema/$defs/"));
            }
        }
    }
    let wide = format!(
        r#"{{"$defs":{{"a":{{"allOf":[{0}]}},"b":{{}}}},"items":{{"allOf":[{1}]}}}}"#,
        vec![r##"{"$ref":"#/$defs/b"}"##; 1000].join(","),
        vec![r##"{"$ref":"#/$defs/a"}"##; 1000].join(",")
    );
    assert_eq!(refused(wide), "/schema/items");
    let patterns: Vec<_> = (0..200).map(|i| format!(r#""[ab]{{900}}{i}":{{}}"#)).collect();
    assert!(
        refused(format!(r#"{{"patternProperties":{{{}}}}}"#, patterns.join(",")))
            .starts_with("/schema/patternProperties/")
    );
}

#[test]
fn data_that_explodes_is_bounded() {
    let branches = |count: usize| {
        let branch =
            |i| format!(r##"{{"properties":{{"a":{{"$ref":"#"}},"b":{{"const":{i}}}}},"contains":{{"minimum":2}}}}"##);
        (0..count).map(branch).collect::<Vec<_>>().join(",")
    };
    let numbers = |from: &str| {
        format!(r#"{{"a":[{}1]}}"#, (0..30_000).map(|i| format!("{from}{i:06},")).collect::<Vec<_>>().concat())
    };
    // Bits without a pattern: an automaton meets ever new states.
    let mut state = 88_172_645_463_325_252_u64;
    let mut bit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if state & 1 == 0 { 'a' } else { 'b' }
    };
    let text = format!(r#"{{"a":"{}"}}"#, (0..500_000).map(|_| bit()).collect::<String>());
    let names = (0..60_000).map(|i| format!(r#""k{i:05}":1,"#)).collect::<Vec<_>>().concat();
    let items = |schema: &str| format!(r#"{{"properties":{{"a":{{"items":{schema}}}}}}}"#);
    let each = |schemas: Vec<String>| format!(r#"{{"properties":{{"a":{{"allOf":[{}]}}}}}}"#, schemas.join(","));
    let names_like = (0..300).map(|i| format!(r#""[a-z]+{i}[xy]":false"#)).collect::<Vec<_>>().join(",");
    let options = (0..250).map(|i| format!("[{}{i}]", "1,".repeat(100))).collect::<Vec<_>>().join(",");
    for (schema, data, fits) in [
        (items(r#"{"type":"integer","minimum":0,"maximum":5}"#), list("1", 500_000), Some(true)),
        (items(r#"{"type":"number","minimum":0,"maximum":5}"#), list("0.1", 250_000), Some(true)),
        (format!(r#"{{"oneOf":[{}]}}"#, branches(8)), deep(31, &list("1", 400_000)), None),
        (format!(r#"{{"not":{{}},"oneOf":[{}]}}"#, branches(8)), deep(31, &list("1", 400_000)), None),
        (
            format!(
                r#"{{"anyOf":[{{"type":"string"}},{}]}}"#,
                [r##"{"type":"object","properties":{"a":{"$ref":"#"}}}"##; 8].join(",")
            ),
            deep(31, &list("1", 400_000)),
            Some(false),
        ),
        (each(vec![r#"{"uniqueItems":true}"#.into()]), numbers("900000000000000000000000"), Some(true)),
        (each(vec![r#"{"uniqueItems":true}"#.into(); 2500]), numbers("900000000000000000000000"), None),
        (each(vec![r#"{"not":{"contains":{"const":5}}}"#.into(); 1800]), list("1", 500_000), None),
        (each(vec![r#"{"not":{"pattern":"[ab]*a[ab]{12}[^ab]"}}"#.into(); 100]), text.clone(), None),
        (each(vec![r#"{"not":{"pattern":"a[ab]{2000}[^ab]"}}"#.into()]), text.clone(), None),
        (each(vec![r#"{"pattern":"^[ab]*$"}"#.into()]), text, Some(true)),
        (format!(r#"{{"patternProperties":{{{names_like}}}}}"#), format!("{{{names}\"z\":1}}"), None),
        (
            items(&format!(r#"{{"not":{{"enum":[{options}]}}}}"#)),
            list(&format!("[{}9999]", "1,".repeat(100)), 4500),
            None,
        ),
        (items(r#"{"minimum":1.5,"not":{"multipleOf":7e-300}}"#), list("1e9990", 100_000), None),
        (items(r#"{"minimum":1.5,"multipleOf":7}"#), list(&"7".repeat(9_900), 100), None),
        (items(r#"{"multipleOf":3}"#), list("3e99999999999", 50_000), None),
    ] {
        // What does not end takes a tenth of the time to find out, so.
        let steps = if fits == Some(true) { STEPS } else { STEPS / 10 };
        let verdict = check_in(steps, &compiled(&schema), &data).map(|places| places.is_empty());
        assert_eq!(verdict, fits, "{} over {}", &schema[..60.min(schema.len())], &data[..60]);
    }
}

/// Half of the stack that a thread has by default suffices for the highest schemas over the deepest data.
#[test]
fn recursion_leaves_stack() {
    let high = |keyword: &str, end: &str| {
        let one = |inner: String| match keyword {
            "allOf" | "anyOf" | "oneOf" => format!(r#"{{"{keyword}":[{inner}]}}"#),
            "if" => format!(r#"{{"if":{inner},"else":false}}"#),
            "dependentSchemas" => format!(r#"{{"dependentSchemas":{{"a":{inner}}}}}"#),
            _ => format!(r#"{{"not":{inner}}}"#),
        };
        let chain: Vec<_> =
            (0..10).map(|i| format!(r#""{i}":{}"#, one(format!(r##"{{"$ref":"#/$defs/{}"}}"##, i + 1)))).collect();
        format!(r##"{{"$ref":"#/$defs/0","type":"object","$defs":{{{},"10":{end}}}}}"##, chain.join(","))
    };
    let run = move || {
        for keyword in ["allOf", "anyOf", "oneOf", "if", "not", "dependentSchemas"] {
            for end in [
                r##"{"properties":{"a":{"$ref":"#"}}}"##,
                r##"{"patternProperties":{"a":{"$ref":"#"}}}"##,
                r##"{"additionalProperties":{"$ref":"#"}}"##,
                r##"{"unevaluatedProperties":{"$ref":"#"}}"##,
            ] {
                check(&compiled(high(keyword, end)), &deep(32, "1")).expect("enough steps");
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}
