//! The command line as people use it: the real binary against a real server.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use serde_json::Value;
use tasker::{app::App, worker};
use tasker_sdk::Client;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use crate::harness::{Database, database, serve, serve_with, within};

/// Three steps that wait for a person: nobody offers to run them.
const MANUAL: &str = "
name: by_hand
version: 1.0.0
task_handler_class: ByHand
step_templates:
  - {name: pack, handler_class: nobody}
  - {name: label, handler_class: nobody}
  - {name: ship, handler_class: nobody, depends_on_steps: [pack, label]}
";

/// A server and the command line that talks to it.
struct World {
    database: Database,
    app: App,
}

/// How a command ended.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl World {
    async fn new() -> Self {
        let database = database().await;
        let app = serve(&database).await;
        Self { database, app }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = tasker(words);
        command.env("TASKER_ENDPOINT", self.app.endpoint());
        command
    }

    async fn run(&self, words: &[&str]) -> Ran {
        ended(&mut self.command(words)).await
    }

    /// Runs a command that must succeed.
    async fn ok(&self, words: &[&str]) -> String {
        let ran = self.run(words).await;
        assert_eq!(ran.code, 0, "tasker {}: {}", words.join(" "), ran.err);
        ran.out
    }

    /// Registers a handler from text.
    async fn apply(&self, yaml: &str) {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli");
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join(format!("{}.yaml", uuid::Uuid::now_v7()));
        std::fs::write(&file, yaml).unwrap();
        self.ok(&["apply", file.to_str().unwrap()]).await;
        std::fs::remove_file(file).unwrap();
    }

    /// With another server at the same endpoint.
    async fn restarted(self) -> Self {
        let Self { database, app } = self;
        let listen = app.endpoint().trim_start_matches("http://").to_owned();
        app.stop().await;
        let app = serve_with(&database, &[("server.listen", &listen)]).await;
        Self { database, app }
    }

    async fn submit(&self, handler: &str) -> String {
        self.ok(&["submit", handler, "--context", r#"{"parcel": 7}"#, "--quiet"]).await.trim().to_owned()
    }
}

/// The binary, with nothing of the surroundings that could change what it does.
fn tasker(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tasker"));
    command.args(words).kill_on_drop(true);
    for name in ["TOKEN", "TOKEN_FILE", "OUTPUT", "CONFIG", "ENV", "ENDPOINT", "PROFILE"] {
        command.env_remove(format!("TASKER_{name}"));
    }
    // What a user has in the home directory is not the tests'.
    command.env("XDG_CONFIG_HOME", directory("settings")).env("XDG_STATE_HOME", directory("state"));
    command
}

/// A directory of this process below the tests' own.
fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}-{name}", std::process::id()))
}

async fn ended(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = within("the command ends", command.output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// A command that goes on, and the lines that it prints.
fn following(world: &World, words: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = world.command(words);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

fn documents(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_runs_on_real_data() {
    let world = World::new().await;
    let drain = CancellationToken::new();
    let client = Client::builder(world.app.endpoint()).no_token().connect().await.unwrap();
    let options = worker::Options { allow_commands: true, ..worker::Options::default() };
    let working = tokio::spawn(worker::run(client, options, drain.clone()));

    let applied = world.ok(&["apply", "examples/debian/debian_anatomy.yaml"]).await;
    assert!(applied.contains("default.debian_anatomy@1.0.0  8      created"), "{applied}");
    let context = "@examples/debian/context.json";
    let task = world.ok(&["submit", "debian_anatomy", "--context", context, "--quiet"]).await;
    let task = task.trim();
    let watched = world.run(&["watch", task]).await;
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    assert!(watched.out.contains("✔ complete in "), "{}", watched.out);
    assert!(watched.out.contains("8 of 8 steps, 9 attempts"), "{}", watched.out);

    let report = world.ok(&["get", &format!("{task}/report"), "--field", "/text"]).await;
    assert!(report.starts_with("2,074 packages of Debian 12, 13,950 dependencies"), "{report}");
    let moves = documents(&world.ok(&["get", &format!("{task}/fetch"), "--history", "-o", "json"]).await);
    let states: Vec<_> = moves.iter().map(|moved| moved["to_state"].as_str().unwrap()).collect();
    assert_eq!(states, ["in_progress", "error", "pending", "in_progress", "complete"]);
    let failure = moves[1]["cause"]["failed"]["failure"]["message"].as_str().unwrap();
    assert!(failure.contains("mirror a: 40960 bytes"), "{failure}");

    drain.cancel();
    within("the worker ends", working).await.unwrap().unwrap();
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_intervene() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    for step in ["pack", "label", "ship"] {
        let step = format!("{task}/{step}");
        let told = world.ok(&["resolve", &step, "--results", r#"{"n": 12345678901234567890}"#, "--by", "ann"]).await;
        assert!(told.contains("resolved_manually"), "{told}");
    }
    assert_eq!(world.run(&["watch", &task]).await.code, 0);
    assert_eq!(world.ok(&["get", &format!("{task}/ship"), "--field", "n"]).await, "12345678901234567890\n");

    let other = world.submit("by_hand").await;
    let told = world.ok(&["cancel", &other, "--reason", "ordered twice"]).await;
    assert!(told.contains("cancelled"), "{told}");
    assert_eq!(world.run(&["watch", &other]).await.code, 1);
    let refused = world.run(&["retry", &other]).await;
    assert_eq!(refused.code, 3);
    assert!(refused.err.contains("  reason   "), "{}", refused.err);

    let both = world.run(&["cancel", &other, "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000"]).await;
    assert_eq!(both.code, 1, "the first again changes nothing, the second is unknown: {}", both.err);
    assert!(both.err.contains("TASK_NOT_FOUND"), "{}", both.err);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_to_do() {
    let world = World::new().await;
    let check = async |words: &[&str], code: i32, expected: &str| {
        let ran = world.run(words).await;
        assert_eq!(ran.code, code, "tasker {}: {}", words.join(" "), ran.err);
        assert!(ran.err.contains(expected), "tasker {}: {}", words.join(" "), ran.err);
    };
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    check(&["submit", "nothing", "--context", r#"{"a": 1}"#], 3, "reason   HANDLER_UNKNOWN").await;
    check(&["submit", "by_hand@9.9.9", "--context", r#"{"a": 1}"#], 3, "reason   VERSION_UNKNOWN").await;
    check(&["submit", "by_hand", "--context", "{"], 2, "--context is not JSON: EOF").await;
    check(&["submit", "by_hand", "--context", "@none.json"], 2, "cannot read none.json").await;
    check(&["submit", "by_hand", "--context", "[1]"], 3, "field    ").await;
    check(&["get", &format!("{task}/nowhere")], 2, "its steps are pack, label, ship").await;
    check(&["resolve", &task], 2, "a task cannot be resolved").await;
    check(&["get", "nonsense"], 2, "is neither a task, a step id, nor TASK/STEP-NAME").await;
    check(&["apply", "none.yaml"], 2, "none.yaml: error: there is no such file").await;
    check(&["list", "--page-token", "made up"], 3, "PAGE_TOKEN_INVALID").await;
    check(&["list", "--endpoint", "http://127.0.0.1:1"], 4, "no tasker server answers at http://127.0.0.1:1").await;

    let ran = world.run(&["submit", "nothing", "--context", r#"{"a": 1}"#, "-o", "json"]).await;
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["reason"], "HANDLER_UNKNOWN");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_in_files_have_places_and_nothing_is_sent() {
    let world = World::new().await;
    let ran = world.run(&["apply", "tests/it/cli/broken.yaml"]).await;
    assert_eq!(ran.code, 2);
    insta::assert_snapshot!(ran.err);
    assert_eq!(world.ok(&["handlers"]).await, "no handlers; register some with: tasker apply FILE\n");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_complete_across_pages() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let created = world.ok(&["submit", "by_hand", "-c", r#"{"a": 1}"#, "--count", "45", "--tag", "many", "-q"]).await;
    let mut created: Vec<&str> = created.lines().collect();
    created.sort_unstable();
    assert_eq!(created.len(), 45);

    let page = documents(&world.ok(&["list", "--limit", "20", "-o", "json"]).await);
    assert_eq!(page.len(), 21, "a page and its token");
    let token = page[20]["next_page_token"].as_str().unwrap();
    let rest = documents(&world.ok(&["list", "--limit", "40", "--page-token", token, "-o", "json"]).await);
    assert_eq!(rest.len(), 25);
    let all = documents(&world.ok(&["list", "--all", "--tag", "many", "--state", "pending", "-o", "json"]).await);
    let mut found: Vec<&str> = all.iter().map(|task| task["task_id"].as_str().unwrap()).collect();
    found.sort_unstable();
    assert_eq!(found, created);
    assert_eq!(world.ok(&["list", "--handler", "other"]).await, "no tasks\n");
    let counts: Value = serde_json::from_str(&world.ok(&["list", "--count", "-o", "json"]).await).unwrap();
    assert_eq!((&counts["total"], &counts["counts"]["pending"]), (&45.into(), &45.into()));
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_drawn() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    let text = world.ok(&["graph", &task]).await;
    assert!(text.contains("critical path   label → ship ◂") && text.contains("├─╯"), "{text}");
    for (format, begins) in [("dot", "digraph"), ("mermaid", "flowchart LR"), ("svg", "<svg "), ("json", "{")] {
        let drawn = world.ok(&["graph", &task, "--format", format]).await;
        assert!(drawn.starts_with(begins) && drawn.contains("pack"), "{format}: {drawn}");
    }
    let json: Value = serde_json::from_str(&world.ok(&["graph", &task, "-o", "json"]).await).unwrap();
    assert_eq!(json["task_id"], *task);
    assert_eq!(json["dependency_graph"]["edges"][0]["to_name"], "ship");

    let mut watching = world.command(&["graph", &task, "--watch", "-o", "json"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = {
        use tokio::io::AsyncBufReadExt as _;
        tokio::io::BufReader::new(watching.stdout.take().unwrap()).lines()
    };
    let mut last = within("the first graph", lines.next_line()).await.unwrap().unwrap();
    for step in ["pack", "label", "ship"] {
        world.ok(&["resolve", &format!("{task}/{step}")]).await;
    }
    while let Some(line) = within("the graph changes", lines.next_line()).await.unwrap() {
        last = line;
    }
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["completion_percentage"], &last["summary"]["total_steps"]), (&100.0.into(), &3.into()));
    assert!(within("the end", watching.wait()).await.unwrap().success());

    let unknown = world.run(&["graph", "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000"]).await;
    assert_eq!(unknown.code, 3);
    assert!(unknown.err.contains("TASK_NOT_FOUND"), "{}", unknown.err);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_survives_the_server() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    let (mut watching, mut lines) = following(&world, &["watch", &task, "-o", "json"]);
    within("the first snapshot", lines.next_line()).await.unwrap().unwrap();
    world.ok(&["resolve", &format!("{task}/pack")]).await;
    within("the first move", lines.next_line()).await.unwrap().unwrap();

    let world = world.restarted().await;
    world.ok(&["resolve", &format!("{task}/label")]).await;
    world.ok(&["resolve", &format!("{task}/ship")]).await;

    let mut moves = Vec::new();
    while let Some(line) = within("the stream goes on", lines.next_line()).await.unwrap() {
        let document: Value = serde_json::from_str(&line).unwrap();
        moves.extend(document["transition"]["sequence"].as_i64());
    }
    assert!(moves.is_sorted_by(|one, other| one + 1 == *other), "no move is lost or repeated: {moves:?}");
    assert!(within("the end", watching.wait()).await.unwrap().success());
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_shown_published_and_followed_through_a_restart() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    world.ok(&["resolve", &format!("{task}/pack")]).await;
    let shown = world.ok(&["events", "--task", &task, "--filter", "step.resolved_manually"]).await;
    assert_eq!((shown.lines().count(), shown.contains(&task)), (1, true), "{shown}");

    let names = ["events", "--follow", "--since", "10m", "--filter", "order.*", "-o", "json"];
    let (mut follower, mut lines) = following(&world, &names);
    let mut next = async || -> Value {
        let line = within("an event comes", lines.next_line()).await.unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    };
    let payload = |parcel: usize| format!(r#"{{"parcel": {parcel}}}"#);
    world.ok(&["events", "publish", "order.packed", "--payload", &payload(1), "--task", &task]).await;
    let first = next().await;
    assert_eq!((&first["name"], &first["task_id"]), (&"order.packed".into(), &task.as_str().into()), "{first}");
    let world = world.restarted().await;
    for parcel in 2..4 {
        world.ok(&["events", "publish", "order.packed", "--payload", &payload(parcel)]).await;
        assert_eq!(next().await["payload"]["parcel"], parcel);
    }
    follower.kill().await.unwrap();

    let cursor = first["cursor"].as_str().unwrap();
    let after = world.ok(&["events", "--after", cursor, "--filter", "order.*", "-o", "json"]).await;
    let parcels: Vec<Value> = documents(&after).iter().map(|event| event["payload"]["parcel"].clone()).collect();
    assert_eq!(parcels, [2, 3]);
    let types = world.ok(&["events", "types", "--category", "step"]).await;
    assert!(types.contains("step.resolved_manually") && !types.contains("task.completed"), "{types}");
    let refused = world.run(&["events", "publish", "no dots", "--task", &task]).await;
    assert_eq!((refused.code, refused.err.contains("INVALID_FIELDS")), (3, true), "{}", refused.err);
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_an_id_and_the_last_task_are_enough() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let created = world.ok(&["submit", "by_hand", "-c", r#"{"a": 1}"#, "--count", "12", "-q"]).await;
    let ids: Vec<&str> = created.lines().collect();
    let last = ids[ids.len() - 1];
    let shown: Value = serde_json::from_str(&world.ok(&["get", "@last", "-o", "json"]).await).unwrap();
    assert_eq!(shown["task_id"], last);
    let by_prefix: Value =
        serde_json::from_str(&world.ok(&["get", &last[..27].to_uppercase(), "-o", "json"]).await).unwrap();
    assert_eq!(by_prefix["task_id"], last);
    let told = world.ok(&["resolve", "@last/pack"]).await;
    assert!(told.contains("pack  resolved_manually"), "{told}");

    // All of them were made in the same minute, or in two.
    let ambiguous = world.run(&["watch", &last[..8]]).await;
    assert_eq!((ambiguous.code, ambiguous.out.as_str()), (2, ""), "{}", ambiguous.err);
    let told = ambiguous.err.lines().filter(|line| line.contains(" default.by_hand@1.0.0  pending")).count();
    assert!((1..=10).contains(&told) && ambiguous.err.contains("write more of the id"), "{}", ambiguous.err);
    let nobody = world.run(&["get", "ffffffff"]).await;
    assert_eq!((nobody.code, nobody.err.lines().next()), (2, Some("error: no task id begins with ffffffff")));
    let short = world.run(&["get", &last[..7]]).await;
    assert!(short.code == 2 && short.err.contains("has at least 8 digits"), "{}", short.err);
    let elsewhere =
        world.run(&["get", "@last", "--endpoint", &world.app.endpoint().replace("127.0.0.1", "localhost")]).await;
    assert!(
        elsewhere.code == 2 && elsewhere.err.contains("no task was submitted to http://localhost"),
        "{}",
        elsewhere.err
    );
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_that_meet_conditions_are_changed_after_a_look() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    for (tag, count) in [("keep", "2"), ("drop", "5")] {
        world.ok(&["submit", "by_hand", "-c", r#"{"a": 1}"#, "--count", count, "--tag", tag, "-q"]).await;
    }
    let pending = async || -> i64 {
        let counts: Value = serde_json::from_str(&world.ok(&["list", "--count", "-o", "json"]).await).unwrap();
        counts["counts"]["pending"].as_i64().unwrap_or(0)
    };
    let conditions = "handler=by_hand tag=drop";
    let told = world.ok(&["cancel", "--where", conditions, "--dry-run"]).await;
    assert!(told.ends_with("would cancel 5 tasks\n"), "{told}");
    let unasked = world.run(&["cancel", "--where", conditions]).await;
    assert!(
        unasked.code == 2 && unasked.err.contains("nobody can be asked whether to cancel 5 tasks"),
        "{}",
        unasked.err
    );
    assert_eq!(pending().await, 7, "nothing was changed yet");

    let first = world.ok(&["cancel", "--where", conditions, "--yes", "--limit", "2"]).await;
    assert!(first.ends_with("2 tasks: 2 done, 0 refused; there are more, run it again for the rest\n"), "{first}");
    assert_eq!(pending().await, 5);
    let second = world.ok(&["cancel", "--where", conditions, "--yes", "-o", "json"]).await;
    let changed = documents(&second);
    assert!(changed.iter().all(|task| task["state"] == "cancelled"), "{second}");
    assert_eq!((changed.len(), pending().await), (3, 2));
    assert_eq!(world.ok(&["cancel", "--where", conditions, "--yes"]).await, "no tasks\n");
    let wrong = world.run(&["retry", "--where", "stat=error"]).await;
    assert!(wrong.code == 2 && wrong.err.contains("did you mean 'state'?"), "{}", wrong.err);
    assert_eq!(world.ok(&["retry", "--where", "age<1h", "--dry-run"]).await, "no tasks\n");
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_name_servers() {
    let world = World::new().await;
    let home = directory("profiles");
    std::fs::create_dir_all(home.join("tasker")).unwrap();
    let file = home.join("tasker/config.toml");
    let text = format!(
        "# mine\n[profiles.here]\nendpoint = \"{}\"\n\n[profiles.nowhere]\nendpoint = \"http://127.0.0.1:1\"\n",
        world.app.endpoint()
    );
    std::fs::write(&file, &text).unwrap();
    let run = async |words: &[&str]| {
        let mut command = tasker(words);
        ended(command.env("XDG_CONFIG_HOME", &home)).await
    };
    assert_eq!(run(&["list", "--profile", "here"]).await.out, "no tasks\n");
    assert_eq!(run(&["profile", "use", "nowhere"]).await.code, 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text.replace("# mine\n", "# mine\nprofile = \"nowhere\"\n\n"));
    let away = run(&["list"]).await;
    assert!(away.code == 4 && away.err.contains("answers at http://127.0.0.1:1"), "{}", away.err);
    assert_eq!(run(&["list", "--endpoint", world.app.endpoint()]).await.out, "no tasks\n");
    let listed = run(&["profile", "list"]).await.out;
    assert!(listed.contains("\nnowhere *  http://127.0.0.1:1\n"), "{listed}");
    let unknown = run(&["list", "--profile", "her"]).await;
    assert!(
        unknown.code == 2 && unknown.err.contains("there is no profile \"her\"; did you mean 'here'?"),
        "{}",
        unknown.err
    );
    std::fs::remove_dir_all(home).unwrap();
    world.app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_speaks_something_else_is_told_in_words() {
    use tokio::io::AsyncWriteExt as _;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let ran = ended(&mut tasker(&["list", "--endpoint", &format!("http://127.0.0.1:{port}")])).await;
    assert!(ran.code == 4 && ran.err.contains("an HTTP server answers there, not a gRPC one"), "{}", ran.err);
    serving.abort();

    let world = World::new().await;
    let plain = world.app.endpoint().trim_start_matches("http://");
    let ran = ended(&mut tasker(&["list", "--endpoint", &format!("https://{plain}")])).await;
    let expected = format!("the server there speaks without TLS; write http://{plain}");
    assert!(ran.code == 4 && ran.err.contains(&expected), "{}", ran.err);
    world.app.stop().await;
}

#[tokio::test]
async fn a_file_to_begin_with_is_written_once() {
    let file = directory("init.toml");
    let path = file.to_str().unwrap();
    let ran = ended(&mut tasker(&["config", "init", path])).await;
    assert_eq!(ran.code, 0, "{}", ran.err);
    let checked = ended(&mut tasker(&["config", "check", "--config", path])).await;
    assert_eq!((checked.code, checked.out.as_str()), (0, "all is well\n"));
    std::fs::write(&file, "# changed").unwrap();
    let again = ended(&mut tasker(&["config", "init", path])).await;
    assert!(again.code == 2 && again.err.contains("exists"), "{}", again.err);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "# changed");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn colours_on_a_pipe_move_no_cursor() {
    let world = World::new().await;
    world.apply(MANUAL).await;
    let task = world.submit("by_hand").await;
    world.ok(&["cancel", &task]).await;
    for words in [["watch", &task].as_slice(), &["graph", &task, "--watch"]] {
        let mut command = world.command(words);
        let ran = ended(command.env("CLICOLOR_FORCE", "1").env("TERM", "xterm")).await;
        assert!(ran.out.contains("\x1b[3"), "it is coloured: {}", ran.out);
        for code in ["\x1b[?25l", "A\r", "\x1b[J", "\x1b[K"] {
            assert!(!ran.out.contains(code), "{words:?} moves the cursor: {:?}", ran.out);
        }
    }
    world.app.stop().await;
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    use tokio::io::AsyncReadExt as _;
    let mut child = tasker(&["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_u8().await.unwrap();
    drop(stdout);
    assert!(within("it ends", child.wait()).await.unwrap().success());
}
