import type { DeskNetwork } from "./desk-network.ts";

export type Listener = (message: { from: string; body: Uint8Array }) => void;

/** What is listened to: a channel, or a topic, of one network. */
export interface Hearing {
  network: string;
  isTopic: boolean;
  name: string;
}

interface Ear extends Hearing {
  listeners: Set<Listener>;
  /** Ends what was attached for it in the network that runs, or did. */
  detach: () => void;
}

/** Who listens to channels and topics: attached to a network once, and anew whenever it begins anew. */
export class MeshEars {
  private readonly ears = new Map<string, Ear>();

  constructor(private readonly network: (id: string) => DeskNetwork | undefined) {}

  /** A network runs (again): those who listen to it go on listening. */
  began(network: DeskNetwork): void {
    for (const ear of this.ears.values()) if (ear.network === network.membership.id) attach(network, ear);
  }

  /** @returns ends it */
  listen(hearing: Hearing, heard: Listener): () => void {
    const key = `${hearing.network} ${hearing.isTopic ? "topic" : "channel"} ${hearing.name}`;
    const ear = this.ears.get(key) ?? this.newEar(key, hearing);
    ear.listeners.add(heard);
    return () => {
      if (!ear.listeners.delete(heard) || ear.listeners.size > 0) return;
      this.ears.delete(key);
      ear.detach();
    };
  }

  private newEar(key: string, hearing: Hearing): Ear {
    const ear: Ear = { ...hearing, listeners: new Set(), detach: () => {} };
    this.ears.set(key, ear);
    const network = this.network(hearing.network);
    if (network) attach(network, ear);
    return ear;
  }
}

function attach(network: DeskNetwork, ear: Ear): void {
  const tell = (from: string, body: Uint8Array) => {
    for (const heard of ear.listeners) heard({ from, body });
  };
  const { name } = ear;
  if (ear.isTopic) {
    ear.detach = network.engine.subscribe(name, (data, from) => {
      tell(from, data);
      return "accept";
    });
    return;
  }
  network.handle(name, tell);
  ear.detach = () => network.unhandle(name);
}
