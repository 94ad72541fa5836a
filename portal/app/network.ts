import { type Account, account, changed, keepAccount, keyOf } from "./account.ts";
import { box, isRefused, UnreachableError } from "./box.ts";
import { button, field, form, h } from "./dom.ts";
import type { Messenger } from "./messenger.ts";
import { code } from "./sign.ts";
import { t } from "./texts.ts";

/** The network that vouches for a person, or could. Nothing is shown where the box offers none. */
export function networkSection(messenger: Messenger, me: Account): HTMLElement {
  const section = h("div");
  const show = (...children: Node[]) => section.replaceChildren(...children);
  const member = (network: string) => show(h("p", {}, t("app.network.joined", { network })), takeAlong());
  if (me.membership !== undefined) member(me.membership.network);
  else {
    void offered((network, needsInvite) => {
      const joined = (chain: string) => {
        const now = account();
        if (now === undefined) return;
        // Boxes that have the card are to have the certificates too.
        keepAccount(changed({ ...now, membership: { network, chain } }));
        void messenger.send();
        member(network);
      };
      show(h("p", {}, t("app.network.what", { network })), joinForm(me, network, needsInvite, joined));
    });
  }
  return section;
}

async function offered(show: (network: string, needsInvite: boolean) => void): Promise<void> {
  try {
    const { network, needsInvite } = await box.network();
    if (network !== "") show(network, needsInvite);
  } catch (error) {
    // It is offered the next time that the page is opened.
    if (!(error instanceof UnreachableError)) throw error;
  }
}

function joinForm(
  me: Account,
  network: string,
  needsInvite: boolean,
  joined: (chain: string) => void,
): HTMLElement {
  const invite = h("input", { dir: "ltr", autocomplete: "off", id: "invite" });
  const problem = h("p", { role: "alert" });
  const join = async () => {
    problem.textContent = t("app.working");
    try {
      const answer = await box.join(keyOf(me).publicKey, me.name, invite.value.trim());
      if (isRefused(answer)) problem.textContent = t("app.network.refused");
      else joined(answer.chain);
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      problem.textContent = t("app.trouble.unreachable");
    }
  };
  return form(
    () => void join(),
    needsInvite ? field(t("app.network.invite"), invite) : undefined,
    problem,
    h("button", { class: "b q" }, t("app.network.join", { network })),
  );
}

/** An invite as a link and a code, for the app, the command line or another device. */
function takeAlong(): HTMLElement {
  const place = h("div", { role: "status" });
  const take = async () => {
    try {
      const answer = await box.takeAlong();
      if (isRefused(answer)) place.replaceChildren(h("p", {}, t("app.network.refused")));
      else place.replaceChildren(h("p", {}, t("app.take.what")), code(answer.link), link(answer.link));
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      place.replaceChildren(h("p", {}, t("app.trouble.unreachable")));
    }
  };
  return h(
    "div",
    {},
    button(t("app.take"), () => void take(), "b q"),
    place,
  );
}

const link = (text: string): HTMLElement => h("p", { class: "s", dir: "ltr" }, h("bdi", {}, text));
