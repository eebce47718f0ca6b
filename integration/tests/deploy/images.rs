use std::{fs, process::Command};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const IGNORED: &str = "deploy/images/Dockerfile.dockerignore";

/// Who builds the images from source builds what is kept under version control.
#[test]
fn no_file_of_the_source_is_kept_from_the_images() {
    let ignored = fs::read_to_string(format!("{ROOT}/{IGNORED}")).unwrap();
    assert!(ignored.lines().count() > 1, "{ignored}");
    for pattern in ignored.lines() {
        let name = pattern.trim_start_matches('/');
        assert!(!name.contains(['*', '/']), "{pattern} is more than a name at the root");
        let listed = Command::new("git").args(["-C", ROOT, "ls-files", "--", name]).output().unwrap();
        assert!(listed.status.success(), "{listed:?}");
        assert!(listed.stdout.is_empty(), "{pattern} keeps out: {}", String::from_utf8_lossy(&listed.stdout));
    }
}
