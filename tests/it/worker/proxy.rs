//! A wire that can be cut and led elsewhere: a TCP proxy between a worker and its server.

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Wire {
    pub endpoint: String,
    state: watch::Sender<State>,
}

#[derive(Clone)]
struct State {
    to: String,
    whole: bool,
}

/// A wire to the server. It goes when the value goes.
pub async fn wire(endpoint: &str) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint_of_wire = format!("http://{}", listener.local_addr().unwrap());
    let (state, mut now) = watch::channel(State { to: address(endpoint), whole: true });
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                gone = now.wait_for(|_| false) => break drop(gone),
            };
            let (mut near, _) = accepted.unwrap();
            let mut now = now.clone();
            let State { to, whole } = now.borrow().clone();
            if whole {
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = now.wait_for(|state| !state.whole) => {}
                    }
                });
            }
        }
    });
    Wire { endpoint: endpoint_of_wire, state }
}

fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").to_owned()
}

impl Wire {
    /// Cuts every connection and lets no other through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.whole = false);
    }

    /// Lets connections through again.
    pub fn fix(&self) {
        self.state.send_modify(|state| state.whole = true);
    }

    /// Leads the next connections to another server.
    pub fn lead_to(&self, endpoint: &str) {
        self.state.send_modify(|state| state.to = address(endpoint));
    }
}
