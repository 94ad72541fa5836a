/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import { problemLine } from "../../src/config/index.ts";
import type { BoxStatus } from "../../src/portal/status.ts";
import { timeText } from "../../src/time/time-view.ts";
import { updateNotes, updateText } from "../../src/update/index.ts";

export const STATUS_STYLE = [
  "*{box-sizing:border-box}",
  "body{margin:0 auto;max-width:64em;padding:16px;background:#fff;color:#16191c;font:16px/1.45 system-ui,sans-serif}",
  "h1{font-size:1.4em;margin:.2em 0}h2{font-size:1.1em;margin:1.4em 0 .4em}",
  "p{margin:.4em 0}",
  ".w{overflow-x:auto}",
  "table{border-collapse:collapse;width:100%}",
  "th,td{text-align:left;padding:.35em .8em .35em 0;border-bottom:1px solid #d5dade;vertical-align:baseline}",
  "td:empty{padding:0}",
  "a{color:inherit}",
  "td.m{font-family:ui-monospace,monospace;font-size:.9em;white-space:nowrap}",
  ".failed,.troubled{font-weight:700;color:#a01212}.running{color:#0b6b57}",
  ".n{border:2px solid #a01212;border-radius:8px;padding:.7em 1em;margin:1em 0}.n h2{margin-top:0}.n ul{margin-bottom:0;padding-inline-start:1.2em}",
  ".s{color:#4b555c}",
  "@media(prefers-color-scheme:dark){body{background:#14181b;color:#e9edf0}th,td{border-color:#39424a}.failed,.troubled{color:#ff9a9a}.running{color:#66d3b8}.n{border-color:#ff9a9a}.s{color:#aab4bb}}",
  // On a narrow screen a row is a block of lines rather than a line that is cut off.
  "@media(max-width:40em){thead{position:absolute;left:-999em}tr{display:block;padding:.35em 0;border-bottom:1px solid}td,td.m{display:block;padding:0;border:0;white-space:normal;overflow-wrap:anywhere}td:first-child{font-weight:600}}",
].join("");

const REFRESH_S = 5;

/** The operator's read-only page: the parts, the guests and the end of the journal. */
export function statusPage(status: BoxStatus): string {
  const { name, version, mode, uptimeSeconds, config, parts, guests, guestsByState, journal } = status;
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <meta http-equiv="refresh" content={String(REFRESH_S)} />
          <title>{`${name} · status`}</title>
          <style>{raw(STATUS_STYLE)}</style>
        </head>
        <body>
          <main>
            <h1>{name}</h1>
            <p class="s">
              {`Omerta Box ${version}, ${mode} mode, up for ${uptimeText(uptimeSeconds)}. This page refreshes itself every ${REFRESH_S} s.`}
              {status.hasOperator ? (
                <>
                  {" "}
                  <a href="/operator">Password, export, sign out</a>
                </>
              ) : null}
            </p>
            {status.time ? <p class="s">{`Time: ${timeText(status.time)}.`}</p> : null}
            {config.problems.length === 0 ? null : (
              <section class="n">
                <h2>Part of the configuration is wrong and not in use</h2>
                <p>{config.file} is kept as it is. Correct this, and restart the box:</p>
                <ul>
                  {config.problems.map((problem) => (
                    <li>{problemLine(problem)}</li>
                  ))}
                </ul>
              </section>
            )}
            <MessagesSection messages={status.messages} />
            <ComputeSection compute={status.compute} />
            <UpdateSection update={status.update} />
            <h2>Parts</h2>
            <Table
              title="Parts"
              head={["Part", "State", "Now"]}
              rows={parts.map((part) => [
                part.name,
                <span class={part.state}>{part.state}</span>,
                part.detail,
              ])}
            />
            <h2>Guests</h2>
            <p class="s">
              {Object.entries(guestsByState)
                .filter(([, count]) => count > 0)
                .map(([state, count]) => `${count} ${state}`)
                .join(", ")}
            </p>
            {guests.length === 0 ? (
              <p>Nobody has joined yet.</p>
            ) : (
              <Table
                title="Guests"
                head={["Station", "Address", "State", "Language", "Time left", "Agreed at"]}
                mono={2}
                rows={guests.map((guest) => [
                  guest.mac,
                  guest.ipv4,
                  guest.state,
                  guest.language,
                  guest.secondsLeft > 0 ? uptimeText(guest.secondsLeft) : "",
                  guest.from,
                ])}
              />
            )}
            <RadiosSection wifi={status.wifi} />
            <UplinksSection uplinks={status.uplinks} />
            <MeshSection mesh={status.mesh} />
            <LoraSection lora={status.lora} />
            <h2>Journal</h2>
            <Table
              title="Journal"
              head={["Time (box’s clock, UTC)", "What", "Whom", "More"]}
              mono={1}
              rows={journal.map((entry) => [
                new Date(entry.wallMs).toISOString().slice(0, 19).replace("T", " "),
                `${entry.part}: ${entry.kind}`,
                entry.subject,
                Object.entries(entry.detail)
                  .map(
                    ([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`,
                  )
                  .join(", "),
              ])}
            />
          </main>
        </body>
      </html>
    </>
  ).toString();
}

/** Calls for help, before everything else. */
function MessagesSection({ messages }: { messages: BoxStatus["messages"] }) {
  if (messages === undefined) return null;
  const { sos, status } = messages;
  return (
    <section class={sos.some(({ state }) => state !== "acknowledged") ? "n" : ""}>
      <h2>Calls for help</h2>
      {sos.length === 0 ? <p>None is open.</p> : null}
      {sos.map(({ text, name, place, ageS, state, note }) => (
        <p>
          <b>{state === "acknowledged" ? `Acknowledged${note === "" ? "" : ` (${note})`}` : "Open"}</b>
          {`, ${uptimeText(ageS)} ago: `}
          <bdi>{[text, name, place.words].filter((part) => part !== "").join(" · ")}</bdi>
        </p>
      ))}
      <p>
        <a href="/messages">Messages: answer, tell everybody, take away</a>
        {status.outbox.waiting === 0 ? null : `, ${status.outbox.waiting} waiting for people outside`}
      </p>
    </section>
  );
}

/** Which version runs, and why: what has gone back by itself says so before everything else. */
function UpdateSection({ update }: { update: BoxStatus["update"] }) {
  if (update === undefined) return null;
  return (
    <section class={updateNotes(update).length > 0 ? "n" : ""}>
      <h2>System</h2>
      {updateText(update).map((line) => (
        <p>{line}</p>
      ))}
    </section>
  );
}

/** What is lent, and whether somebody waits for the operator's word. */
function ComputeSection({ compute }: { compute: BoxStatus["compute"] }) {
  if (compute === undefined) return null;
  const { lendsNothing, leases, waiting, toAnswer } = compute;
  const machines = leases === 1 ? "1 virtual machine is lent" : `${leases} virtual machines are lent`;
  const wait = waiting === 0 ? "" : `, ${waiting} ${waiting === 1 ? "request waits" : "requests wait"}`;
  return (
    <section class={toAnswer > 0 ? "n" : ""}>
      <h2>Compute</h2>
      <p>{lendsNothing === undefined ? `${machines}${wait}.` : `This box lends nothing: ${lendsNothing}.`}</p>
      <p>
        <a href="/compute">
          {toAnswer === 0 ? "Compute: look, end, block" : `Compute: ${toAnswer} for you to answer`}
        </a>
      </p>
    </section>
  );
}

/** What each Wi-Fi radio does, and what is not to be had. */
function RadiosSection({ wifi }: { wifi: BoxStatus["wifi"] }) {
  if (wifi === undefined || !wifi.enabled || wifi.present === 0) return null;
  return (
    <>
      <h2>Wi-Fi radios</h2>
      <Table
        title="Wi-Fi radios"
        head={["Interface", "Network", "State", "Stations", "Channel", "Radio"]}
        rows={wifi.radios.flatMap(({ phy, channel, interfaces }) =>
          interfaces.map(({ name, role, network, state, stations, why }) => [
            name,
            <bdi>{network}</bdi>,
            why === "" ? state : `${state}: ${why}`,
            role === "open" ? String(stations) : "",
            channel,
            phy,
          ]),
        )}
      />
      {wifi.notes.map((note) => (
        <p class="s">{note}</p>
      ))}
    </>
  );
}

/** The ways to the internet. */
function UplinksSection({ uplinks }: { uplinks: BoxStatus["uplinks"] }) {
  if (uplinks === undefined || uplinks.length === 0) return null;
  return (
    <>
      <h2>Ways to the internet</h2>
      <Table
        title="Ways to the internet"
        head={["Interface", "What", "State", "For", "In use", "Round trip"]}
        mono={1}
        rows={uplinks.map((one) => [
          one.interface,
          uplinkText(one),
          <span class={one.inUse && WORKING_STATES.has(one.state) ? "running" : "s"}>
            {uplinkState(one)}
          </span>,
          uptimeText(one.seconds),
          one.inUse ? "yes" : "",
          one.rttMs === undefined ? "" : `${Math.round(one.rttMs)} ms${lossText(one.lossPercent / 100)}`,
        ])}
      />
    </>
  );
}

type UplinkOfStatus = NonNullable<BoxStatus["uplinks"]>[number];

const UPLINK_STATES: Record<UplinkOfStatus["state"], string> = {
  absent: "not there",
  unplugged: "no carrier",
  "no-address": "no address yet",
  "no-route": "no router told of",
  checking: "being looked at",
  "router-silent": "its router does not answer",
  associated: "its router answers, and nothing beyond",
  captive: "a captive portal wants something first",
  "no-names": "reaches addresses, names do not resolve",
  lossy: "reaches the internet with losses",
  slow: "reaches the internet slowly",
  online: "reaches the internet",
};

const WORKING_STATES: ReadonlySet<UplinkOfStatus["state"]> = new Set(["online", "slow", "lossy", "no-names"]);

/** How a way to the internet is, in a few words. */
export const uplinkState = ({ state, portalUrl }: UplinkOfStatus): string =>
  `${UPLINK_STATES[state]}${portalUrl === undefined ? "" : `: ${portalUrl}`}`;

/** "modem, metered, priority 50" */
export const uplinkText = ({ kind, metered, priority }: UplinkOfStatus): string =>
  [kind === "unknown" ? "" : kind, metered ? "metered" : "", `priority ${priority}`]
    .filter((part) => part !== "")
    .join(", ");

/** The networks of this box, the other boxes, and the ways to them. */
function MeshSection({ mesh: { networks, peers } }: { mesh: BoxStatus["mesh"] }) {
  const nameOf = (id: string) => networks.find((network) => network.id === id)?.name ?? id;
  return (
    <>
      <h2>Other boxes</h2>
      {networks.length === 0 ? (
        <p>
          This box belongs to no network yet: <code>omerta-box mesh found NAME</code> makes one,{" "}
          <code>omerta-box mesh join LINK</code> joins one.
        </p>
      ) : (
        <Table
          title="Networks"
          head={["Network", "Its words", "This box in it", "Others", "From afar"]}
          rows={networks.map((network) => [
            network.trouble === undefined ? (
              network.name
            ) : (
              <span class="troubled">{`${network.name}: ${network.trouble}`}</span>
            ),
            network.words,
            `${network.self.role}, ${network.self.words}`,
            `${network.connected} of ${network.known} connected`,
            natText(network),
          ])}
        />
      )}
      {networks.length > 0 && peers.length === 0 ? <p>No other box has been heard of yet.</p> : null}
      {peers.length === 0 ? null : (
        <Table
          title="Other boxes"
          head={["Box", "Its words", "Network", "State", "Way taken", "Round trip", "Other ways"]}
          rows={peers.map((peer) => {
            const chosen = peer.paths.find((path) => path.chosen);
            const others = peer.paths.filter((path) => !path.chosen && path.state !== "dead");
            return [
              peer.name === "" ? peer.role : peer.name,
              peer.words,
              nameOf(peer.network),
              <span class={peer.connected ? "running" : "s"}>{peerState(peer)}</span>,
              chosen === undefined ? "" : pathText(chosen),
              chosen?.rttMs === undefined ? "" : `${chosen.rttMs.toFixed(1)} ms${lossText(chosen.loss)}`,
              [...new Set(others.map(pathText))].join("; "),
            ];
          })}
        />
      )}
    </>
  );
}

const peerState = ({ connected, heardSecondsAgo }: BoxStatus["mesh"]["peers"][number]): string =>
  connected ? "connected" : `not connected, heard of ${uptimeText(heardSecondsAgo ?? 0)} ago`;

const lossText = (loss: number): string => (loss < 0.005 ? "" : `, ${Math.round(loss * 100)} % lost`);

type Path = BoxStatus["mesh"]["peers"][number]["paths"][number];

const pathText = ({ kind, interface: name, target }: Path): string =>
  target.by === "udp" && name !== undefined ? `${kind} by ${name}` : kind;

const NAT_TEXT: Record<BoxStatus["mesh"]["networks"][number]["nat"], string> = {
  unknown: "not seen from afar yet",
  open: "nothing in between",
  cone: "behind a NAT that can be passed",
  symmetric: "behind a NAT that maps each destination anew",
  blocked: "UDP does not pass",
};

/** What stands between a box and the boxes far away. */
export const natText = ({ nat, seenAs }: BoxStatus["mesh"]["networks"][number]): string =>
  `${NAT_TEXT[nat]}${seenAs === "" ? "" : `, seen as ${seenAs}`}`;

/** The LoRa cases, the boxes that they hear, and the last texts. */
function LoraSection({ lora }: { lora: BoxStatus["lora"] }) {
  const { address, cases, texts } = lora;
  const nodes = cases.flatMap((one) => one.nodes);
  const heard = cases.flatMap((one) => one.heard.map((box) => [box, one.name] as const));
  return (
    <>
      <h2>LoRa</h2>
      <p class="s">{`This box is ${address}.`}</p>
      {cases.length === 0 ? (
        <p>No LoRa case is plugged in.</p>
      ) : (
        <Table
          title="LoRa cases"
          head={["Case", "State", "Firmware", "Channel", "Airtime used", "Messages"]}
          rows={cases.map((one) => [
            one.name,
            <span class={one.state === "working" ? "running" : "troubled"}>
              {one.reason === "" ? one.state : `${one.state}: ${one.reason}`}
            </span>,
            one.firmware ?? "",
            one.channel ?? "",
            one.airtime.map(airtimeText).join("; "),
            `${one.waiting} on the way`,
          ])}
        />
      )}
      {heard.length === 0 ? null : (
        <Table
          title="Boxes heard by LoRa"
          head={["Box", "Heard", "Signal", "Frames", "By"]}
          mono={1}
          rows={heard.map(([box, name]) => [
            box.address,
            `${uptimeText(box.secondsAgo)} ago`,
            box.snrDb === undefined ? "" : `${box.snrDb.toFixed(1)} dB over noise`,
            box.lossPercent === undefined ? "" : `${box.lossPercent} % of ours lost`,
            name,
          ])}
        />
      )}
      {nodes.length === 0 ? null : (
        <Table
          title="Nodes that the LoRa cases know"
          head={["Node", "Name", "Heard", "Hops", "Battery", "Position"]}
          mono={1}
          rows={nodes.map(({ id, name, heardSecondsAgo, hops, batteryPercent, position }) => [
            id,
            name,
            heardSecondsAgo === undefined ? "" : `${uptimeText(heardSecondsAgo)} ago`,
            hops === undefined ? "" : `${hops} hops`,
            batteryPercent === undefined ? "" : `battery ${batteryPercent} %`,
            position ? `${position.latitude.toFixed(5)}, ${position.longitude.toFixed(5)}` : "",
          ])}
        />
      )}
      {texts.length === 0 ? null : (
        <Table
          title="Texts by LoRa"
          head={["When", "With", "Text", "What became of it"]}
          rows={texts
            .slice(0, TEXTS_SHOWN)
            .map((text) => [
              `${uptimeText(text.secondsAgo)} ago`,
              text.direction === "sent" ? `to ${text.peer}` : `from ${text.peer}`,
              text.text,
              text.direction === "sent" ? text.fate : `heard, ${text.fate}`,
            ])}
        />
      )}
    </>
  );
}

/** "12 of 360 s in an hour (869.4–869.65 MHz)" */
export function airtimeText({ subBand, usedMs, allowedMs, windowSeconds }: Airtime): string {
  const [used, allowed] = allowedMs < 10_000 ? [usedMs, allowedMs] : [usedMs / 1000, allowedMs / 1000];
  const unit = allowedMs < 10_000 ? "ms" : "s";
  const window = windowSeconds === 3600 ? "an hour" : `${windowSeconds} s`;
  return `${used >= 10 ? Math.round(used) : used.toFixed(1)} of ${Math.round(allowed)} ${unit} in ${window} (${subBand})`;
}

type Airtime = BoxStatus["lora"]["cases"][number]["airtime"][number];

/** More of them are on the command line. */
const TEXTS_SHOWN = 10;

type Cell = string | ReturnType<typeof Table>;

/** @param mono how many of the first columns are in fixed width */
function Table({
  title,
  head,
  rows,
  mono = 0,
}: {
  title: string;
  head: readonly string[];
  rows: readonly (readonly Cell[])[];
  mono?: number;
}) {
  return (
    <section class="w" tabindex={0} aria-label={title}>
      <table>
        <thead>
          <tr>
            {head.map((column) => (
              <th scope="col">{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr>
              {row.map((cell, index) => (
                <td class={index < mono ? "m" : ""}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** "3 d 4 h", "12 min", "40 s": the two largest units at most. */
export function uptimeText(seconds: number): string {
  const units = [
    ["d", 86_400],
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const;
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  let rest = seconds;
  const texts = units.slice(first, first + 2).map(([unit, size]) => {
    const value = Math.floor(rest / size);
    rest -= value * size;
    return value === 0 ? "" : `${value} ${unit}`;
  });
  return texts.filter(Boolean).join(" ");
}
