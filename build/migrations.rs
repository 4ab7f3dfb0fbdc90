//! The migrations, embedded so that the binary migrates any database by itself.

use std::{error::Error, fmt::Write as _, fs, path::Path};

/// One row per file of `directory`: version, description, SQL.
pub(crate) fn table(directory: &Path) -> Result<String, Box<dyn Error>> {
    let mut names: Vec<String> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    names.retain(|name| name.ends_with(".sql"));
    names.sort();
    let mut rows = String::from("&[\n");
    for name in names {
        let (version, description) = name
            .trim_end_matches(".sql")
            .split_once('_')
            .ok_or_else(|| format!("migrations/{name} is not named VERSION_description.sql"))?;
        let version: i64 = version.parse().map_err(|_| format!("migrations/{name} does not start with a number"))?;
        let path = directory.canonicalize()?.join(&name);
        writeln!(
            rows,
            "    ({version}, {:?}, include_str!({:?})),",
            description.replace('_', " "),
            path.display().to_string()
        )?;
    }
    rows.push(']');
    Ok(rows)
}
