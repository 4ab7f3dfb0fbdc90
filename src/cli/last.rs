//! The last task that this user submitted, for `@last`.
//!
//! Owns: the file that remembers it, one task for each endpoint. It is a convenience: a file that cannot be written is
//! no error, and one that cannot be read is as good as none.

use std::{fs, path::Path};

use toml::{Table, Value};

use crate::domain::ids::TaskId;

/// The most endpoints that are remembered; tests and forwarded ports come and go.
const ENDPOINTS_MAX: usize = 32;

/// The last task that was submitted at the endpoint.
pub(crate) fn read(file: &Path, endpoint: &str) -> Option<TaskId> {
    table(file).get(endpoint)?.as_str()?.parse().ok()
}

/// Remembers the task for the endpoint.
pub(crate) fn write(file: &Path, endpoint: &str, task_id: &str) {
    let mut tasks = table(file);
    tasks.insert(endpoint.to_owned(), Value::String(task_id.to_owned()));
    while tasks.len() > ENDPOINTS_MAX {
        // Task ids begin with the time, so the least one is the oldest.
        let oldest = tasks.iter().min_by(|one, other| one.1.as_str().cmp(&other.1.as_str()));
        let Some(oldest) = oldest.map(|(endpoint, _)| endpoint.clone()) else { break };
        tasks.remove(&oldest);
    }
    let text = format!("# The last task of each server, for @last.\n{tasks}");
    let beside = file.with_extension(std::process::id().to_string());
    let written = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&beside, text));
    // Another command may do the same at this moment; each file is whole.
    let _ = written.and_then(|()| fs::rename(&beside, file));
}

fn table(file: &Path) -> Table {
    fs::read_to_string(file).ok().and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_has_its_last_task_and_old_ones_are_forgotten() {
        let directory = std::env::temp_dir().join(format!("tasker-last-{}", std::process::id()));
        let file = directory.join("tasker/last.toml");
        assert_eq!(read(&file, "http://a"), None);
        let ids: Vec<TaskId> = (0..40).map(|number| TaskId::new(1_700_000_000_000_000 + number * 1_000, 7)).collect();
        for (number, id) in ids.iter().enumerate() {
            write(&file, &format!("http://{number}"), &id.to_string());
        }
        assert_eq!(read(&file, "http://39"), Some(ids[39]));
        assert_eq!(read(&file, "http://8"), Some(ids[8]));
        assert_eq!(read(&file, "http://7"), None);
        write(&file, "http://39", &ids[0].to_string());
        assert_eq!(read(&file, "http://39"), Some(ids[0]));
        fs::write(&file, "no toml").unwrap();
        assert_eq!(read(&file, "http://39"), None);
        fs::remove_dir_all(directory).unwrap();
    }
}
