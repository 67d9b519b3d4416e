//! Addresses that cannot serve a model, but may hold secrets or other machines' services.
//!
//! Owns the policy on addresses, whether they are spelled out or found for a name: every client
//! uses the resolver in this file, so a name cannot lead to an address that could not be given
//! itself.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Addresses beyond the link-local ones at which clouds hand out credentials: Alibaba, AWS.
const METADATA_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Whether an address is link-local, multicast, unspecified, or a cloud's metadata address.
pub fn is_forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_forbidden_v4(ip),
        IpAddr::V6(ip) => is_forbidden_v6(ip),
    }
}

fn is_forbidden_v4(ip: Ipv4Addr) -> bool {
    // All of 0.0.0.0/8 means "this network".
    ip.octets()[0] == 0
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip == METADATA_V4
}

fn is_forbidden_v6(ip: Ipv6Addr) -> bool {
    ip.is_unspecified()
        || ip.is_unicast_link_local()
        || ip.is_multicast()
        || ip == METADATA_V6
        || inner_v4(ip).is_some_and(is_forbidden_v4)
}

/// The IPv4 address inside a mapped (`::ffff:a.b.c.d`) or translated (`64:ff9b::a.b.c.d`) IPv6
/// address.
fn inner_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let translated = ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let [.., a, b, c, d] = ip.octets();
    ip.to_ipv4_mapped().or_else(|| translated.then(|| Ipv4Addr::new(a, b, c, d)))
}

/// The system's resolver, with forbidden addresses dropped from its answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = allowed(name.as_str(), found)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The addresses in `found` that are not forbidden; fails where all of them are.
fn allowed(name: &str, found: impl Iterator<Item = SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let (forbidden, allowed): (Vec<_>, Vec<_>) =
        found.partition(|address| is_forbidden(address.ip()));
    match forbidden.first() {
        Some(address) if allowed.is_empty() => Err(io::Error::other(format!(
            "{name} leads to {}, a link-local, multicast, unspecified or cloud metadata address, which is not asked",
            address.ip()
        ))),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> io::Result<Vec<SocketAddr>> {
        let addresses = addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
        allowed("models.example", addresses)
    }

    #[test]
    fn a_name_that_leads_to_a_place_of_secrets_is_not_followed() {
        for bad in ["169.254.169.254", "fe80::1", "::ffff:169.254.1.1", "0.0.0.0", "fd00:ec2::254"]
        {
            let error = found(&[bad]).unwrap_err().to_string();
            assert!(error.starts_with("models.example leads to"), "{bad}: {error}");
        }
    }

    #[test]
    fn of_several_addresses_the_good_ones_are_used() {
        let good = found(&["fe80::1", "192.168.1.20", "2001:db8::1"]).unwrap();
        assert_eq!(good.len(), 2);
        assert!(found(&["127.0.0.1"]).is_ok() && found(&[]).unwrap().is_empty());
    }
}
