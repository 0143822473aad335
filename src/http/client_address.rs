//! Where a request comes from, for throttling.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap},
};

use crate::graphql::context::ClientAddress;

/// The peer, or what `proxies` trusted proxies in front wrote into `X-Forwarded-For`. Each appends the address that it
/// saw, so that the client is the `proxies`-th from the right; what stands further left the client wrote itself.
pub fn client_address(extensions: &Extensions, headers: &HeaderMap, proxies: usize) -> ClientAddress {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
    if proxies == 0 {
        return ClientAddress(peer.to_canonical());
    }
    let values = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    let client = hops.len().checked_sub(proxies).and_then(|index| parse(hops[index])).unwrap_or(peer);
    ClientAddress(client.to_canonical())
}

/// An address with or without a port.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    address.or_else(with_port).or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(forwarded: &[&str], proxies: usize) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo("10.0.0.9:1234".parse::<SocketAddr>().unwrap()));
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        client_address(&extensions, &headers, proxies).0.to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        assert_eq!(client(&["1.1.1.1"], 0), "10.0.0.9");
        assert_eq!(client(&["6.6.6.6, 1.1.1.1"], 1), "1.1.1.1");
        assert_eq!(client(&["6.6.6.6", "1.1.1.1, 10.0.0.1"], 2), "1.1.1.1");
        assert_eq!(client(&["1.1.1.1"], 2), "10.0.0.9");
        assert_eq!(client(&["nonsense"], 1), "10.0.0.9");
        assert_eq!(client(&[], 1), "10.0.0.9");
    }

    #[test]
    fn addresses_are_read_with_and_without_a_port() {
        assert_eq!(client(&["1.1.1.1:80"], 1), "1.1.1.1");
        assert_eq!(client(&["[2001:db8::1]:80"], 1), "2001:db8::1");
        assert_eq!(client(&["[2001:db8::1]"], 1), "2001:db8::1");
        assert_eq!(client(&["::ffff:1.1.1.1"], 1), "1.1.1.1");
    }
}
