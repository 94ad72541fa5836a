import { interfaceExists } from "../../host/proc-net.ts";
import type { Timers } from "../../host/timers.ts";
import type { AirRadio, AirService } from "./air-plan.ts";
import { ControlSocket, parseStatus } from "./control-socket.ts";
import { type Finding, type Health, newHealth } from "./health.ts";
import { LastingProgram } from "./lasting-program.ts";

/** Where hostapd is on its way to the air (hostapd_state_text in ap/hostapd.c). */
const ON_ITS_WAY = ["UNINITIALIZED", "COUNTRY_UPDATE", "ACS", "ACS_DONE", "HT_SCAN", "DFS", "NO_IR"];
/** After these it is looked at at once. */
const TELLING = /^(?:AP-|MESH-GROUP-|INTERFACE-|DFS-|CTRL-EVENT-(?:TERMINATING|CONNECTED|DISCONNECTED))/;

export interface RadioServiceOptions {
  service: AirService;
  radio: AirRadio;
  runFolder: string;
  timers: Timers;
  /** It has ended, or told something that matters. */
  stirred: (event: string) => void;
}

/** One hostapd or wpa_supplicant with its control sockets: started or taken up, asked how it is, ended. */
export class RadioService {
  readonly program: LastingProgram;
  health: Health;
  /** How many stations its access point and its twin have. */
  stations = 0;
  /** A station in some network. */
  isConnected = false;
  private readonly sockets: ControlSocket[];

  constructor(readonly options: RadioServiceOptions) {
    const { service, runFolder, timers, stirred } = options;
    this.program = new LastingProgram({
      name: service.name,
      command: service.command,
      file: service.file,
      runFolder,
      ended: () => stirred("ended"),
    });
    this.sockets = service.controls.map(
      ({ path }) =>
        new ControlSocket({
          path,
          timers,
          onEvent: (event) => {
            if (TELLING.test(event)) stirred(event);
          },
        }),
    );
    this.health = newHealth(timers.monotonicMs());
  }

  get name(): string {
    return this.options.service.name;
  }

  /** The interface that it was started with. */
  get interface(): string {
    return this.options.service.controls[0]?.interface ?? "";
  }

  /** @throws Error when the program cannot be started */
  async start(): Promise<"taken up" | "started"> {
    for (const socket of this.sockets) socket.close();
    return this.program.start();
  }

  /** @param silent it has not answered: nothing is waited for */
  async stop(silent = false): Promise<void> {
    for (const socket of this.sockets) socket.close();
    await this.program.stop(silent);
  }

  /** How it is now, as far as it says so itself. */
  async check(): Promise<Finding> {
    const { program, sockets } = this;
    if (!program.isRunning) {
      for (const socket of sockets) socket.close();
      return { is: "ill", why: program.ending };
    }
    // hostapd does not mind.
    if (!interfaceExists(this.interface)) return { is: "ill", why: "has lost its interface" };
    program.trimLog();
    try {
      const answers: string[] = [];
      for (const socket of sockets) {
        if (!socket.isOpen) await socket.open();
        answers.push(await socket.ask("STATUS"));
      }
      return this.judge(answers.map(parseStatus));
    } catch (error) {
      for (const socket of sockets) socket.close();
      // The sockets are made some time after the program has started; one that had answered is ill.
      if (this.health.state === "starting") return { is: "starting" };
      return { is: "ill", why: error instanceof Error ? error.message : String(error), silent: true };
    }
  }

  private judge(statuses: readonly ReadonlyMap<string, string>[]): Finding {
    const { program } = this.options.service;
    if (program === "wpa_supplicant") return this.judgeSupplicant(statuses[0]?.get("wpa_state") ?? "");
    // Each socket tells of all networks of the radio.
    this.stations = [...(statuses[0] ?? [])]
      .filter(([key]) => /^num_sta\[\d+\]$/.test(key))
      .reduce((sum, [, count]) => sum + (Number(count) || 0), 0);
    const states = statuses.map((status) => status.get("state") ?? "");
    if (states.every((state) => state === "ENABLED")) return { is: "well" };
    const bad = states.find((state) => state !== "ENABLED" && !ON_ITS_WAY.includes(state));
    return bad === undefined ? { is: "starting" } : { is: "ill", why: `is ${bad.toLowerCase() || "silent"}` };
  }

  private judgeSupplicant(state: string): Finding {
    if (state === "INTERFACE_DISABLED") return { is: "ill", why: "its interface is down" };
    this.isConnected = state === "COMPLETED";
    const isMesh = this.options.radio.interfaces.some(
      ({ name, role }) => name === this.interface && role === "mesh",
    );
    // A station without a network goes on looking for one.
    return isMesh && !this.isConnected ? { is: "starting" } : { is: "well" };
  }
}
