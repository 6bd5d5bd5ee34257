//! Finding the relay's addresses, and sockets with room.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::error::LinkError;

/// Addresses tried at most: a name with more of them is misconfigured.
const ADDRESSES: usize = 8;

/// The addresses behind `name:port`, in the resolver's order.
pub async fn resolve(address: &str) -> Result<Vec<SocketAddr>, LinkError> {
    let unreachable = |why: String| LinkError::Unreachable {
        address: address.to_owned(),
        why,
    };
    if !address.contains(':') {
        return Err(unreachable(
            "the address has no port; write name:4600".into(),
        ));
    }
    let found = tokio::net::lookup_host(address)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let found: Vec<SocketAddr> = found.take(ADDRESSES).collect();
    if found.is_empty() {
        return Err(unreachable("the name has no address".into()));
    }
    Ok(found)
}

/// Any free port of the family in which `peer` is reached.
pub fn any_for(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// A bound UDP socket whose buffers are `buffer` bytes, or as near as the system allows.
pub fn socket(address: SocketAddr, buffer: usize) -> Result<UdpSocket, LinkError> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )
    .map_err(LinkError::local)?;
    // The system may clamp it; a smaller buffer costs throughput, not correctness.
    let _ = socket.set_recv_buffer_size(buffer);
    let _ = socket.set_send_buffer_size(buffer);
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` also serves IPv4; where the system refuses, IPv6 alone is served.
        let _ = socket.set_only_v6(false);
    }
    socket
        .bind(&address.into())
        .map_err(|error| LinkError::Local(format!("cannot listen on {address}: {error}")))?;
    Ok(socket.into())
}

/// What counts as one address: an IPv4 address, or an IPv6 /64, which one customer has for itself.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => {
                let mut segments = v6.segments();
                segments[4..].fill(0);
                Ipv6Addr::from(segments).into()
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_customer_is_one_neighbourhood() {
        let near = |a: &str| neighbourhood(a.parse().unwrap());
        assert_eq!(near("2001:db8:1:2::5"), near("2001:db8:1:2:ffff::1"));
        assert_ne!(near("2001:db8:1:2::5"), near("2001:db8:1:3::5"));
        assert_eq!(near("::ffff:10.0.0.1"), near("10.0.0.1"));
        assert_ne!(near("10.0.0.2"), near("10.0.0.1"));
    }
}
