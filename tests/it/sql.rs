//! Every statement fits the schema and says what it is for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};

use crate::harness;

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_fits_the_schema() {
    let database = harness::database().await;
    let mut connection = database.store.pool().acquire().await.unwrap();
    let mut problems = Vec::new();
    let files = files();
    assert!(!files.is_empty());
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("-- ") {
            problems.push(format!("{}: has no header comment", path.display()));
        }
        if let Err(error) = (&mut *connection).prepare(AssertSqlSafe(text).into_sql_str()).await {
            problems.push(format!("{}: {error}", path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sql")];
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "sql") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
