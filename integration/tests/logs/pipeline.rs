//! No Logstash runs here: its pipeline is parsed, and held against the plugins' options, the stack, and what the tests' shipper
//! does.

use crate::{
    Outcome,
    files::{file, template},
    lscl::{Options, Plugin, Value, parse},
};

/// Of every input, filter and output.
const COMMON: &str =
    "add_field add_tag enable_metric id remove_field remove_tag type codec tags periodic_flush workers";
/// What the plugins of Logstash 8.19 take; of the output what it takes for a data stream.
const TAKEN: [(&str, &str); 5] = [
    (
        "file",
        "check_archive_validity close_older delimiter discover_interval ecs_compatibility exclude exit_after_read \
         file_chunk_count file_chunk_size file_completed_action file_completed_log_path file_sort_by file_sort_direction \
         ignore_older max_open_files mode path sincedb_clean_after sincedb_path sincedb_write_interval start_position stat_interval",
    ),
    ("json", "charset ecs_compatibility target"),
    (
        "mutate",
        "capitalize coerce convert copy gsub join lowercase merge rename replace split strip tag_on_failure update uppercase",
    ),
    (
        "fingerprint",
        "base64encode concatenate_all_fields concatenate_sources ecs_compatibility key method source target",
    ),
    (
        "elasticsearch",
        "action api_key bulk_path ca_trusted_fingerprint cloud_auth cloud_id compression_level custom_headers data_stream \
         data_stream_auto_routing data_stream_dataset data_stream_namespace data_stream_sync_fields data_stream_type \
         dlq_custom_codes dlq_on_failed_indexname_interpolation document_id ecs_compatibility healthcheck_path hosts http_compression \
         parameters password path pipeline pool_max pool_max_per_route proxy resurrect_delay retry_initial_interval \
         retry_max_interval routing silence_errors_in_log sniffing sniffing_delay sniffing_path ssl_certificate \
         ssl_certificate_authorities ssl_cipher_suites ssl_enabled ssl_key ssl_keystore_password ssl_keystore_path ssl_keystore_type \
         ssl_supported_protocols ssl_truststore_password ssl_truststore_path ssl_truststore_type ssl_verification_mode timeout user \
         validate_after_inactivity",
    ),
];
/// Of `logstash.yml`, as far as we set any.
const SETTINGS: &str = "node.name pipeline.ecs_compatibility pipeline.ordered pipeline.workers pipeline.batch.size queue.type \
    queue.max_bytes queue.drain dead_letter_queue.enable dead_letter_queue.max_bytes dead_letter_queue.storage_policy \
    dead_letter_queue.retain.age api.http.host xpack.monitoring.enabled log.level";

fn pipeline() -> Vec<Plugin> {
    parse(&file("deploy/logstash.conf")).unwrap()
}

fn only(plugins: &[Plugin], name: &str) -> Plugin {
    let found: Vec<_> = plugins.iter().filter(|plugin| plugin.name == name).collect();
    assert_eq!(found.len(), 1, "one {name}");
    found[0].clone()
}

/// The text of an option, or of the first of its list.
fn text(options: &Options, name: &str) -> String {
    match options.iter().find(|(known, _)| known == name).map(|(_, value)| value) {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::List(list)) => match &list[..] {
            [Value::Text(text)] => text.clone(),
            other => panic!("{name}: {other:?}"),
        },
        other => panic!("{name}: {other:?}"),
    }
}

fn exist(plugin: &str, options: &Options) {
    let taken = TAKEN.iter().find(|(known, _)| *known == plugin).unwrap_or_else(|| panic!("{plugin} is not known"));
    for (name, value) in options {
        assert!(
            format!("{} {COMMON}", taken.1).split_whitespace().any(|known| known == name),
            "{plugin} takes no {name}"
        );
        if let Value::Codec(codec, options) = value {
            exist(codec, options);
        }
    }
}

#[test]
fn every_option_exists() {
    let plugins = pipeline();
    for plugin in &plugins {
        exist(&plugin.name, &plugin.options);
    }
    let sections: Vec<_> = plugins.iter().map(|plugin| (&*plugin.section, &*plugin.name)).collect();
    assert_eq!(sections.first(), Some(&("input", "file")));
    assert_eq!(sections.last(), Some(&("output", "elasticsearch")));
    for line in file("deploy/logstash/logstash.yml").lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        assert!(SETTINGS.split_whitespace().any(|known| known == name) && !value.is_empty(), "{line}");
    }
}

#[test]
fn it_reads_what_is_written_and_keeps_its_place() {
    let (plugins, stack) = (pipeline(), file("deploy/stack.yml"));
    let input = only(&plugins, "file").options;
    assert_eq!(text(&input, "path"), "/var/log/skep/*.ndjson");
    assert!(
        stack.contains("- logs:/var/log/skep\n")
            && stack.contains("source: logs, target: /var/log/skep, read_only: true")
    );
    let image = file("deploy/images/Dockerfile");
    assert!(image.contains("LOG_DIR=/var/log/skep"), "{image}");
    assert_eq!(text(&input, "start_position"), "beginning");
    assert!(text(&input, "max_open_files").parse::<u32>().unwrap() > 100);
    let kept = text(&input, "sincedb_path");
    assert!(stack.contains(&format!("- logstash:{}\n", kept.rsplit_once('/').unwrap().0)), "{kept} is on a volume");
    let settings = file("deploy/logstash/logstash.yml");
    for line in ["queue.type: persisted", "dead_letter_queue.enable: true", "pipeline.ecs_compatibility: v8"] {
        assert!(settings.contains(&format!("\n{line}\n")), "{line}");
    }
    assert!(stack.contains("target: /usr/share/logstash/config/logstash.yml"));
    let texts = [file("deploy/logstash.conf"), settings];
    for named in texts.iter().flat_map(|text| text.split("${").skip(1)) {
        let name = named.split(['}', ':']).next().unwrap();
        let given = [format!("      {name}: "), format!("export {name}=")];
        assert!(given.iter().any(|given| stack.contains(given)), "{name} is given");
    }
}

#[test]
fn it_makes_of_a_line_what_the_shipper_makes() -> Outcome {
    let plugins = pipeline();
    let fingerprint = only(&plugins, "fingerprint");
    // The line itself, by its hexadecimal SHA-256.
    assert!(fingerprint.conditions.is_empty());
    let names: Vec<_> = fingerprint.options.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["source", "method", "target"]);
    assert_eq!(text(&fingerprint.options, "source"), "[event][original]");
    assert_eq!(text(&fingerprint.options, "method"), "SHA256");
    let codec = only(&plugins, "file").options.into_iter().find(|(name, _)| name == "codec").unwrap().1;
    assert!(matches!(codec, Value::Codec(name, _) if name == "json"));

    let output = only(&plugins, "elasticsearch").options;
    assert_eq!(text(&output, "document_id"), format!("%{{{}}}", text(&fingerprint.options, "target")));
    for (name, value) in
        [("data_stream", "true"), ("action", "create"), ("user", "skep_logstash"), ("ssl_enabled", "true")]
    {
        assert_eq!(text(&output, name), value);
    }
    let authority = text(&output, "ssl_certificate_authorities");
    assert_eq!(authority, "/run/secrets/ca", "as the stack mounts the secret `ca`");

    let added = |name: &str| -> Vec<(String, String)> {
        let added = plugins.iter().filter(|plugin| plugin.name == "mutate").flat_map(|plugin| {
            let fields = plugin.options.iter().filter(|(name, _)| name == "add_field");
            let Value::Hash(fields) = &fields.map(|(_, value)| value).next().cloned().unwrap_or(Value::Hash(vec![]))
            else {
                panic!("add_field takes a hash")
            };
            let condition = plugin.conditions.join(" ");
            fields.iter().map(|(name, value)| (condition.clone(), name.clone(), value.clone())).collect::<Vec<_>>()
        });
        let found = added.filter(|(_, field, _)| field == name);
        found.map(|(condition, _, value)| (condition, format!("{value:?}"))).collect()
    };
    let datasets = added("[data_stream][dataset]");
    assert_eq!(
        datasets,
        [
            (r#"if [ service.name ] in [ "gate" , "storage" ]"#, r#"Text("skep.%{[service.name]}")"#),
            ("else", r#"Text("skep.unparsable")"#)
        ]
        .map(|(condition, value)| (condition.to_owned(), value.to_owned()))
    );
    assert_eq!(added("[data_stream][type]")[0].1, r#"Text("logs")"#);
    let shipped = integration::Line { file: "gate-a.ndjson".into(), text: r#"{"service.name":"gate"}"#.into() };
    assert_eq!(shipped.stream(), "logs-skep.gate-default");
    for text in [r#"{"service.na"#, r#"{"service.name":"another","message":{"a":1}}"#] {
        let foreign = integration::Line { text: text.into(), ..shipped.clone() };
        assert_eq!(foreign.stream(), "logs-skep.unparsable-default");
        assert_eq!(foreign.document()["message"], text);
    }
    let copied = plugins.iter().find(|plugin| plugin.conditions == ["else"]).unwrap();
    let to_message = Value::Hash(vec![("[event][original]".into(), Value::Text("message".into()))]);
    assert!(copied.options.contains(&("copy".into(), to_message)));
    // Of `printf '%s' '{"service.name":"gate"}' | sha256sum`.
    assert_eq!(&shipped.fingerprint()[..16], "d0c9da049546a20f");
    assert_eq!(template()["index_patterns"][0], "logs-skep.*-*");

    let policy: serde_json::Value = serde_json::from_str(&file("deploy/elasticsearch/policy.json"))?;
    let phases = &policy["policy"]["phases"];
    assert!(phases["hot"]["actions"]["rollover"]["max_primary_shard_size"].is_string());
    assert!(phases["hot"]["actions"]["rollover"]["max_age"].is_string());
    assert_eq!(
        (&phases["delete"]["min_age"], phases["delete"]["actions"]["delete"].is_object()),
        (&"RETENTION".into(), true)
    );
    let setup = file("deploy/elasticsearch/setup");
    assert!(setup.contains(r#"s/\"RETENTION\"/\"${RETENTION:-30d}\"/"#) && setup.contains("skep-lifecycle"));
    Ok(())
}
