//! The image and the unit, as far as a machine without a container engine can tell.

use std::{fs, path::Path, process::Command};

use super::{is_command, root, text};

#[test]
fn the_steps_of_the_image_make_something_that_runs() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("image-{}", std::process::id()));
    let output = Command::new(root().join("scripts/image-steps"))
        .args(["--binary", env!("CARGO_BIN_EXE_tasker")])
        .arg(&place)
        .output()
        .unwrap();
    let _ = fs::remove_dir_all(&place);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("runs as nobody special"), "{out}");
}

#[test]
fn the_image_is_small_unprivileged_and_probed() {
    let dockerfile = text("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("debian:bookworm-slim\n"), "the runtime stage is a small one");
    let instruction = |name: &str| {
        let line = last.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line.rsplit_once('[').map_or(line, |(_, list)| list.trim_end_matches(']')).to_owned()
    };
    assert!(last.lines().any(|line| line.starts_with("USER ") && line != "USER root"));
    let words =
        |list: &str| -> Vec<String> { list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect() };
    let probe = words(&instruction("HEALTHCHECK"));
    assert_eq!(probe[0], "tasker");
    assert_eq!(words(&instruction("ENTRYPOINT")), ["tasker"]);
    for command in [&probe[1..], &words(&instruction("CMD"))[..]] {
        is_command(&command.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    }
}

#[test]
fn systemd_takes_the_unit() {
    let unit = text("deploy/systemd/tasker.service");
    for line in unit.lines().filter(|line| line.starts_with("ExecStart")) {
        let words: Vec<&str> = line.split_once('=').unwrap().1.split_whitespace().skip(1).collect();
        is_command(&words).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    if !Path::new("/usr/bin/systemd-analyze").exists() {
        return;
    }
    // It looks for the program, which is not installed here.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unit-{}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let path = place.join("tasker.service");
    fs::write(&path, unit.replace("/usr/local/bin/tasker", "/bin/true")).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&path)
        .output()
        .unwrap();
    fs::remove_dir_all(&place).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let about_us: Vec<&str> = said.lines().filter(|line| line.contains("tasker.service")).collect();
    assert!(about_us.is_empty(), "{}", about_us.join("\n"));
}
