import type { Config } from "../config/index.ts";
import type { FarService, Gateway, GuestBackend } from "../gateway/index.ts";
import type { PortalFacts } from "./desk-api.ts";

export interface FactSources {
  config: Config;
  backend: GuestBackend;
  gateway: Gateway;
  /** Of other boxes. */
  farServices: readonly FarService[];
  /** For so long a guest is lent a machine to try; undefined: the box lends none now. */
  demoMinutes: number | undefined;
  /** Whether the phones are to say what time it is. */
  asksTime: boolean;
  /** The configuration could not be read as it was meant. */
  isConfigBroken: boolean;
  /** The host of the certificate, where there is one. */
  tlsHost: string | undefined;
}

/** What the portal tells guests of the box, as it is now. */
export function portalFacts(sources: FactSources): PortalFacts {
  const { config, backend, gateway, farServices, demoMinutes, asksTime, isConfigBroken, tlsHost } = sources;
  const url = ({ port, path }: { port: number; path: string }) =>
    `http://${config.gateway.name}:${port}${path}`;
  return {
    ...config.box,
    ...config.portal,
    // A button leads to a page; a service that speaks UDP has none.
    services: config.gateway.services
      .filter(({ protocol }) => protocol === "tcp")
      .map((service) => ({ name: service.name, description: service.description, url: url(service) })),
    farServices: farServices.map((service) => ({ name: service.name, box: service.box, url: url(service) })),
    portalUrl: backend.portalUrl,
    portalHosts: [...backend.portalHosts],
    internet: backend.uplinkUsable,
    toldOnline: gateway.toldOnline,
    guestToGuest: config.gateway.guest_to_guest,
    configBroken: isConfigBroken,
    ...(demoMinutes === undefined ? {} : { demoMinutes }),
    ...(asksTime ? { asksTime } : {}),
    ...(tlsHost === undefined ? {} : { tlsHost }),
  };
}
