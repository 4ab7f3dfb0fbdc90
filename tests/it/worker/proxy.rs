//! A wire that can be cut: a TCP proxy between a worker and its server.

use std::net::SocketAddr;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub struct Wire {
    pub address: SocketAddr,
    whole: watch::Sender<bool>,
}

/// A wire to the address. It goes when the value goes.
pub async fn wire(to: SocketAddr) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (whole, mut is_whole) = watch::channel(true);
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                gone = is_whole.wait_for(|_| false) => break drop(gone),
            };
            let (mut near, _) = accepted.unwrap();
            let mut is_whole = is_whole.clone();
            if *is_whole.borrow() {
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(to).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = is_whole.wait_for(|whole| !whole) => {}
                    }
                });
            }
        }
    });
    Wire { address, whole }
}

impl Wire {
    /// Cuts every connection and lets no other through.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}
