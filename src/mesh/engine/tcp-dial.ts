import type { Connection, Transport, Upgrader } from "@libp2p/interface";
import { type TCPComponents, type TCPOptions, tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";

/**
 * libp2p's TCP transport, dialling in a way that Bun survives. The transport hands its `signal` on to `net.connect`,
 * which in Bun 1.4.5 emits an AbortError on a socket that nobody listens to any more, and an aborted dial to a black hole
 * ends the process. The transport watches the signal itself and destroys the socket, so `net.connect` need not see it:
 * here it gets the signal as a property that its copying of the options passes over, and the upgrader gets it back.
 * Nothing outside this transport is touched. Link-local addresses are dialled with their zone.
 */
export function survivingTcp(init: TCPOptions = {}): (components: TCPComponents) => Transport {
  return (components) => {
    const transport = tcp(init)(components);
    const dial = transport.dial.bind(transport);
    transport.dial = (address, options) => {
      const { signal, upgrader, ...others } = options;
      const hidden = { ...others, ...zonedHost(address), upgrader: givingBack(upgrader, signal) };
      // Not enumerable: spreading leaves it out.
      Object.defineProperty(hidden, "signal", { value: signal, enumerable: false });
      return dial(address, hidden as typeof hidden & { signal: AbortSignal });
    };
    return transport;
  };
}

/**
 * The transport takes an address without its zone ("/ip6zone/eth0/ip6/fe80::1/tcp/4001"), which a link-local one is none
 * without (RFC 4007); what is in the options goes before what it takes from the address.
 */
function zonedHost(address: Multiaddr): { host?: string } {
  const [zone, ip] = address.getComponents();
  return zone?.name === "ip6zone" && ip?.name === "ip6" ? { host: `${ip.value}%${zone.value}` } : {};
}

/** The part of the upgrader that a dial uses. */
function givingBack(upgrader: Upgrader, signal: AbortSignal): Upgrader {
  return new Proxy(upgrader, {
    get(target, key) {
      if (key !== "upgradeOutbound") return Reflect.get(target, key, target);
      return (...[connection, options]: Parameters<Upgrader["upgradeOutbound"]>): Promise<Connection> =>
        target.upgradeOutbound(connection, { ...options, signal });
    },
  });
}
