//! The network goes away: for three seconds, and for good.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sightline_link::{
    Accepted, Arrived, Certificate, Connected, Limits, Link, RelayListener, connect,
};
use sightline_protocol::broker::{FromRelay, ToRelay};
use sightline_protocol::close::CloseCode;
use sightline_protocol::statement::SigningKey;
use tokio::net::UdpSocket;

/// Passes datagrams between one program and the relay while the network is up.
async fn network(relay: SocketAddr, up: Arc<AtomicBool>) -> SocketAddr {
    let outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let inside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = outside.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
        let mut program = None;
        loop {
            tokio::select! {
                Ok((length, from)) = outside.recv_from(&mut there) => {
                    program = Some(from);
                    if up.load(Ordering::Relaxed) {
                        let _ = inside.send_to(&there[..length], relay).await;
                    }
                }
                Ok((length, _)) = inside.recv_from(&mut back) => {
                    if let (true, Some(program)) = (up.load(Ordering::Relaxed), program) {
                        let _ = outside.send_to(&back[..length], program).await;
                    }
                }
            }
        }
    });
    address
}

async fn linked(up: Arc<AtomicBool>) -> (RelayListener, Connected, Link) {
    let (certificate, key) = Certificate::generate("relay").unwrap();
    let certificate = Certificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = RelayListener::bind(any, &certificate, Limits::default()).unwrap();
    let address = network(listener.local_address().unwrap(), up)
        .await
        .to_string();
    let key = SigningKey::from_seed(&[1; 32]);
    let (program, accepted) = tokio::join!(connect(&address, certificate.pin(), &key), async {
        listener.accept(|| 0).await.unwrap().accept().await
    });
    let Accepted { link, .. } = accepted.unwrap();
    (listener, program.unwrap(), link)
}

#[tokio::test]
async fn gone_for_three_seconds_goes_on() {
    let up = Arc::new(AtomicBool::new(true));
    let (_listener, mut program, link) = linked(up.clone()).await;
    program.to_relay.send(&ToRelay::Allocate(())).await.unwrap();
    let Arrived::Control(mut to, mut from) = link.accept().await.unwrap() else {
        panic!("the first stream is the control stream");
    };
    from.next().await.unwrap();
    up.store(false, Ordering::Relaxed);
    to.send(&FromRelay::Welcome(())).await.unwrap();
    program.to_relay.send(&ToRelay::Allocate(())).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    up.store(true, Ordering::Relaxed);
    let again = Instant::now();
    assert_eq!(from.next().await.unwrap(), Some(ToRelay::Allocate(())));
    let down = program.from_relay.next().await.unwrap();
    assert_eq!(down, Some(FromRelay::Welcome(())));
    assert!(
        again.elapsed() < Duration::from_secs(5),
        "{:?}",
        again.elapsed()
    );
}

#[tokio::test]
async fn gone_for_good_ends_cleanly_within_a_minute() {
    let up = Arc::new(AtomicBool::new(true));
    let (_listener, mut program, link) = linked(up.clone()).await;
    up.store(false, Ordering::Relaxed);
    let since = Instant::now();
    let (here, there, read) = tokio::join!(
        program.link.closed(),
        link.closed(),
        program.from_relay.next()
    );
    assert!(
        (25..50).contains(&since.elapsed().as_secs()),
        "{:?}",
        since.elapsed()
    );
    assert_eq!(here.code(), CloseCode::LinkLost);
    assert_eq!(there.code(), CloseCode::LinkLost);
    assert_eq!(read.unwrap_err().code(), CloseCode::LinkLost);
}
