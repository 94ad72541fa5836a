/** @jsxImportSource hono/jsx */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import type { ComputeView, ShownLease, ShownRequester, ShownWaiting } from "../../src/vm/operator/index.ts";
import {
  endedText,
  energyText,
  fromText,
  phaseText,
  rankText,
  roomText,
  sizeText,
  termsText,
  trafficText,
  waitText,
  whoText,
} from "./compute-text.ts";
import { MESSAGES_STYLE } from "./messages-page.tsx";
import { uptimeText } from "./status-page.tsx";

export const COMPUTE_STYLE = [
  MESSAGES_STYLE,
  "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1em .9em;margin:.4em 0;font-size:.95em}",
  "dt{color:#4b555c}dd{margin:0;min-width:0;overflow-wrap:anywhere}",
  "article form{display:inline-flex;margin:.3em .5em .1em 0}",
  "article details{padding:.2em 0}form.r{align-items:center}",
  "article h3{font-size:1em;margin:0}article h3 span{font-weight:400}",
  "code{font-size:.9em;overflow-wrap:anywhere}",
  ".bad{font-weight:700;color:#a01212}",
  // Where there is room for it, two facts a line.
  "@media(min-width:50em){dl{grid-template-columns:max-content 1fr max-content 1fr}}",
  "@media(prefers-color-scheme:dark){dt{color:#aab4bb}.bad{color:#ff9a9a}}",
].join("");

/**
 * The operator's page of what the box lends: those who wait for a word first, then those who wait for room, what is lent, what
 * is over, and who gets nothing. Every change is a form: it works without scripts.
 * @param token proves that a form came from this page
 * @param said what became of the last form
 */
export function computePage(
  name: string,
  view: ComputeView,
  token: string,
  said?: { ok: boolean; text: string },
): string {
  const { lendsNothing, room, leases, waiting, ended, blocked, terms } = view;
  const asked = waiting.filter(({ waitsFor }) => waitsFor === "operator");
  const others = waiting.filter(({ waitsFor }) => waitsFor !== "operator");
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width,initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{`${name} · compute`}</title>
          <style>{raw(COMPUTE_STYLE)}</style>
        </head>
        <body>
          <main>
            <h1>{`${name}: compute`}</h1>
            <p>
              <a href="/">Status</a> · <a href="/compute">Look again</a>
            </p>
            {said === undefined ? null : (
              <p class={said.ok ? "ok" : "n"} role="status">
                {said.text}
              </p>
            )}
            {lendsNothing === undefined ? null : (
              <section class="n">
                <h2>This box lends nothing</h2>
                <p>{`${lendsNothing}.`}</p>
              </section>
            )}
            {room === undefined ? null : <p>{roomText(room)}</p>}
            {termsText(terms).map((line) => (
              <p class="s">{line}</p>
            ))}
            {asked.length === 0 ? null : (
              <>
                <h2>For you to answer</h2>
                {asked.map((one) => (
                  <WaitingEntry one={one} token={token} />
                ))}
              </>
            )}
            {room === undefined ? null : (
              <>
                <h2>Waiting</h2>
                {others.length === 0 ? <p>Nobody waits.</p> : null}
                {others.map((one) => (
                  <WaitingEntry one={one} token={token} />
                ))}
                <h2>Lent</h2>
                {leases.length === 0 ? <p>Nothing is lent now.</p> : null}
                {leases.map((lease) => (
                  <LeaseEntry lease={lease} token={token} />
                ))}
                <h2>Over</h2>
                {ended.length === 0 ? <p>Nothing has been lent yet.</p> : null}
                <ul>
                  {ended.map((one) => (
                    <li>
                      <code>{one.id.slice(0, 8)}</code> {`${endedText(one)}. `}
                      <Who who={one.who} />
                      {": "}
                      <bdi>{one.activity}</bdi>
                    </li>
                  ))}
                </ul>
              </>
            )}
            <h2>Blocked</h2>
            {blocked.length === 0 ? <p>Nobody.</p> : null}
            {blocked.map((one) => (
              <form class="r" method="post" action="/compute/unblock">
                <Hidden token={token} values={{ who: one.key }} />
                <span>
                  <Who who={one} />
                </span>
                {one.byConfiguration ? (
                  <span class="s">by the configuration (vm.blocked)</span>
                ) : (
                  <button type="submit">Lend to them again</button>
                )}
              </form>
            ))}
            <form method="post" action="/compute/block">
              <Hidden token={token} values={{}} />
              <label>
                A requester’s public key, or the id of a lease or request of theirs
                <input name="who" required maxlength={64} pattern="[0-9a-f]{4,64}" />
              </label>
              <button type="submit">Lend them nothing</button>
            </form>
          </main>
        </body>
      </html>
    </>
  ).toString();
}

function WaitingEntry({ one, token }: { one: ShownWaiting; token: string }) {
  const isAsked = one.waitsFor === "operator";
  return (
    <article class={isAsked ? "open" : ""}>
      <h3>
        {waitText(one)}
        <span>{`, asked ${uptimeText(one.waitedSeconds)} ago`}</span>
      </h3>
      <p dir="auto">{one.activity === "" ? "(nothing was said of what it is for)" : one.activity}</p>
      <Facts
        facts={[["Wants", `${sizeText(one)}, for ${uptimeText(one.seconds)}`], ...requesterFacts(one)]}
      />
      {isAsked ? <Button action="allow" id={one.id} token={token} words="Allow" /> : null}
      <Button action="refuse" id={one.id} token={token} words="Refuse" />
      <Block id={one.id} token={token} />
    </article>
  );
}

function LeaseEntry({ lease, token }: { lease: ShownLease; token: string }) {
  const { id, activity, rogueAttempts, secondsLeft } = lease;
  return (
    <article>
      <h3>
        {phaseText(lease)}
        <span>{`, ${uptimeText(secondsLeft)} left`}</span>
      </h3>
      <p dir="auto">{activity === "" ? "(nothing was said of what it is for)" : activity}</p>
      <Facts
        facts={[
          ["Has", sizeText(lease)],
          ...requesterFacts(lease),
          ["Traffic", trafficText(lease)],
          [
            "Rogue",
            rogueAttempts === 0 ? (
              "nothing was tried past its tunnel"
            ) : (
              <span class="bad">{`${rogueAttempts} packets were tried past its tunnel, and dropped`}</span>
            ),
          ],
          ["Used", energyText(lease)],
        ]}
      />
      <details>
        <summary>End it</summary>
        <Button action="end" id={id} token={token} words="End it and delete it" />
      </details>
      <Block id={id} token={token} />
    </article>
  );
}

function requesterFacts(one: ShownLease | ShownWaiting): [string, Child][] {
  const { id, who, acceptsInspection, image } = one;
  return [
    ["By", <Who who={who} />],
    ["From", fromText(one)],
    ["Priority", rankText(one)],
    ["Inspection", acceptsInspection ? "they have agreed to it" : "they have not agreed to it"],
    ["Image", image],
    ["Id", <code>{id.slice(0, 8)}</code>],
  ];
}

function Facts({ facts }: { facts: readonly [string, Child][] }) {
  return (
    <dl>
      {facts
        .filter(([, value]) => value !== "")
        .map(([label, value]) => (
          <>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </>
        ))}
    </dl>
  );
}

const Who = ({ who }: { who: ShownRequester }) => <bdi title={who.key}>{whoText(who)}</bdi>;

/** Folded: it ends all that they have. */
function Block({ id, token }: { id: string; token: string }) {
  return (
    <details>
      <summary>Block</summary>
      <form method="post" action="/compute/block">
        <Hidden token={token} values={{ who: id }} />
        <button type="submit">Lend who asked nothing, and end what they have</button>
      </form>
    </details>
  );
}

interface ButtonProps {
  action: "allow" | "refuse" | "end";
  id: string;
  token: string;
  words: string;
}

function Button({ action, id, token, words }: ButtonProps) {
  return (
    <form method="post" action={`/compute/${action}`}>
      <Hidden token={token} values={{ id }} />
      <button type="submit">{words}</button>
    </form>
  );
}

function Hidden({ token, values }: { token: string; values: Readonly<Record<string, string>> }) {
  return (
    <>
      <input type="hidden" name="token" value={token} />
      {Object.entries(values).map(([name, value]) => (
        <input type="hidden" name={name} value={value} />
      ))}
    </>
  );
}
