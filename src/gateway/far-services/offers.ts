import { type FarNetwork, isBox } from "./far-network.ts";

/** A service that another box offers. */
export interface Offer {
  /** Tells it apart from all others: the network, the box, and its port there. */
  key: string;
  network: FarNetwork;
  peer: string;
  /** What the box is called. */
  box: string;
  name: string;
  /** Of the service at its own box. */
  servicePort: number;
  /** Where its page is. */
  path: string;
}

/** Of one box: no member may take the place of all others. */
const MAX_OF_A_BOX = 10;

/** What boxes of a network offer, by their own word. */
export function offersOf(network: FarNetwork): Offer[] {
  const boxes = network.directory.all().filter(({ member }) => isBox(member));
  return boxes.flatMap(({ peer, record }) =>
    record.services
      .flatMap(({ name, port, path }) => {
        if (path === undefined || name === "") return [];
        const key = `${network.membership.id} ${peer} ${port}`;
        return [{ key, network, peer, box: record.name || peer, name, servicePort: port, path }];
      })
      .slice(0, MAX_OF_A_BOX),
  );
}
