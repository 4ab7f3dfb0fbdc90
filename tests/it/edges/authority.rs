//! Authorities that are none, as gRPC libraries send them to a socket or to a list of addresses.

use std::path::PathBuf;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
};

use crate::harness::{self, database, within};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_HEADERS: u8 = 4;
const END_STREAM: u8 = 1;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags, 0, 0, 0, stream]);
    frame.extend(payload);
    frame
}

/// A field of the static table's name with a value, which enters the table of recent fields.
fn field(name: u8, value: &str) -> Vec<u8> {
    [&[0x40 | name, u8::try_from(value.len()).unwrap()][..], value.as_bytes()].concat()
}

/// Asks for the health with this authority, twice on one connection; the second call names the authority by its place
/// in the table. The answers' octets.
async fn ask(mut connection: impl AsyncRead + AsyncWrite + Unpin, authority: &str) -> Vec<Vec<u8>> {
    let mut sent = PREFACE.to_vec();
    sent.extend(frame(SETTINGS, 0, 0, &[]));
    // :method POST, :scheme http, then the fields that enter the table: :path, :authority, content-type.
    let path = field(4, "/grpc.health.v1.Health/Check");
    let first = [&[0x83, 0x86][..], &path, &field(1, authority), &field(31, "application/grpc")].concat();
    // Newest first: content-type, authority, path.
    let second = [0x83, 0x86, 0x80 | 64, 0x80 | 63, 0x80 | 62];
    for (stream, block) in [(1, &first[..]), (3, &second[..])] {
        sent.extend(frame(HEADERS, END_HEADERS, stream, block));
        sent.extend(frame(DATA, END_STREAM, stream, &[0; 5]));
    }
    connection.write_all(&sent).await.unwrap();
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let mut head = [0; 9];
        within("an answer", connection.read_exact(&mut head)).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        connection.read_exact(&mut payload).await.unwrap();
        match head[3] {
            DATA if !payload.is_empty() => answers.push(payload),
            RST_STREAM | GOAWAY => panic!("{authority}: refused by frame {}: {payload:?}", head[3]),
            _ => {}
        }
    }
    answers
}

/// The message of a server that serves: flag, length, field 1 is 1.
const SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_takes_whatever_authority_clients_make_of_its_path() {
    let database = database().await;
    let path: PathBuf = std::env::temp_dir().join(format!("tasker-{}.sock", uuid::Uuid::now_v7().simple()));
    let app = harness::serve_with(&database, &[("server.listen", &format!("unix:{}", path.display()))]).await;
    let encoded = path.display().to_string().replace('/', "%2F");
    for authority in ["localhost", &path.display().to_string(), &encoded, &format!("unix:{}", path.display()), "a b"] {
        let connection = UnixStream::connect(&path).await.unwrap();
        assert_eq!(ask(connection, authority).await, [SERVING, SERVING], "{authority}");
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_takes_a_list_of_addresses() {
    let database = database().await;
    let app = harness::serve(&database).await;
    let address = app.endpoint().strip_prefix("http://").unwrap();
    for authority in [address, "127.0.0.1:1,127.0.0.1:2", "[::1]:1,127.0.0.1:2"] {
        let connection = TcpStream::connect(address).await.unwrap();
        assert_eq!(ask(connection, authority).await, [SERVING, SERVING], "{authority}");
    }
    app.stop().await;
}
