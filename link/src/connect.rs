//! The program's side: one connection to the relay.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime};
use sightline_protocol::broker::{FromRelay, ToRelay};
use sightline_protocol::id::Digest;
use sightline_protocol::statement::SigningKey;
use tokio::task::JoinSet;

use crate::error::LinkError;
use crate::link::Link;
use crate::message::{MessageReceiver, MessageSender};
use crate::{address, tls, transport};

/// Head start of each address before the next is tried beside it (RFC 8305 §5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Bytes of the UDP socket's buffers: a first frame's burst fits.
const SOCKET_BUFFER: usize = 1 << 20;

/// The TLS name that is sent: nobody checks it, and it says nothing about who is called.
const TLS_NAME: &str = "relay.sightline.invalid";

/// A new connection with its control stream.
pub struct Connected {
    pub link: Link,
    pub to_relay: MessageSender<ToRelay>,
    pub from_relay: MessageReceiver<FromRelay>,
}

/// Connects to the relay at `address` (`name:port`), which must hold the key `pin`; `key` proves who we are.
/// Gives up after 10 s.
pub async fn connect(address: &str, pin: Digest, key: &SigningKey) -> Result<Connected, LinkError> {
    let mistrusted = Arc::new(AtomicBool::new(false));
    let crypto = tls::client(pin, key, mistrusted.clone())?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport::config(true, transport::IDLE)));

    let all = async { race(address::resolve(address).await?, config).await };
    match tokio::time::timeout(transport::CONNECT, all).await {
        Ok(Ok(connected)) => Ok(connected),
        _ if mistrusted.load(Ordering::Relaxed) => Err(LinkError::NotTrusted),
        Ok(Err(LinkError::Lost(why))) => Err(unreachable(address, why)),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(unreachable(address, "it does not answer".into())),
    }
}

fn unreachable(address: &str, why: String) -> LinkError {
    LinkError::Unreachable {
        address: address.to_owned(),
        why,
    }
}

/// Tries the addresses one beside the other; the first that answers wins.
async fn race(addresses: Vec<SocketAddr>, config: ClientConfig) -> Result<Connected, LinkError> {
    let mut tries = JoinSet::new();
    for (nth, address) in addresses.into_iter().enumerate() {
        let config = config.clone();
        tries.spawn(async move {
            tokio::time::sleep(HEAD_START * nth as u32).await;
            try_one(address, config).await
        });
    }
    let mut last = LinkError::Lost("the name has no address".into());
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => last = error,
            Err(error) => last = LinkError::Local(error.to_string()),
        }
    }
    Err(last)
}

async fn try_one(address: SocketAddr, config: ClientConfig) -> Result<Connected, LinkError> {
    let socket = address::socket(address::any_for(address), SOCKET_BUFFER)?;
    let endpoint = Endpoint::new(
        EndpointConfig::default(),
        None,
        socket,
        Arc::new(TokioRuntime),
    )
    .map_err(LinkError::local)?;
    let connecting = endpoint
        .connect_with(config, address, TLS_NAME)
        .map_err(|error| LinkError::Local(error.to_string()))?;
    let connection = connecting.await?;
    let (sender, receiver) = connection.open_bi().await?;
    Ok(Connected {
        link: Link::new(connection, Some(endpoint)),
        to_relay: MessageSender::new(sender),
        from_relay: MessageReceiver::new(receiver),
    })
}
