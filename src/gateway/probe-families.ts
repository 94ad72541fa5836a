/** What a family's probe must get to believe that it is online. */
export interface OnlineAnswer {
  status: 200 | 204;
  type?: string;
  headers?: Readonly<Record<string, string>>;
  body: string;
}

/** One request by which a phone asks whether it is online. */
export interface Probe {
  /** Host names in lower case, without port. */
  hosts: readonly string[];
  /** Exact paths; the query is not looked at. */
  paths: readonly string[];
  online: OnlineAnswer;
}

/**
 * How one family of clients looks for a captive portal, as data. All of them walk the same three steps, and differ in
 * what each step must look like:
 *
 * | step | when | the probe gets |
 * |---|---|---|
 * | caught | the owner has not agreed, or {@link ProbeFamily.rearms} and the phone has just come back | `caught` |
 * | online | the owner has agreed and the operator lets phones believe they are online | the probe's own `online` answer |
 * | offline | the owner has agreed and the operator chose to say that there is no internet | `offline` |
 */
export interface ProbeFamily {
  id: string;
  name: string;
  probes: readonly Probe[];
  /** Paths on the same hosts that the family opens in a browser once it has found a portal. */
  opens?: readonly string[];
  /** A redirect to the portal, or a page that refreshes to it where a redirect is known to be ignored. */
  caught: "redirect" | "refresh";
  /** "fail" is a name that does not resolve, or an error, and means no internet; "portal" where an error would disconnect the phone. */
  offline: "fail" | "portal";
  /**
   * Without an uplink the family says "no internet" when it comes back under an old lease, unless it meets the portal
   * once more (Android 7.1 and later).
   */
  rearms: boolean;
  source: string;
}

const noContent: OnlineAnswer = { status: 204, body: "" };
const plain = (body: string): OnlineAnswer => ({ status: 200, type: "text/plain", body });
const page = (body: string): OnlineAnswer => ({ status: 200, type: "text/html", body });

const APPLE_SUCCESS = page("<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>");

const generate204 = (...hosts: string[]): Probe => ({
  hosts,
  paths: ["/generate_204", "/gen_204", "/gen204"],
  online: noContent,
});

/** Every family that is known, each host and path in at most one of them. */
export const PROBE_FAMILIES: readonly ProbeFamily[] = [
  {
    id: "apple",
    name: "Apple (iOS, iPadOS, macOS)",
    probes: [
      {
        hosts: [
          "captive.apple.com",
          "www.apple.com",
          "www.appleiphonecell.com",
          "appleiphonecell.com",
          "www.airport.us",
          "airport.us",
          "www.ibook.info",
          "ibook.info",
          "www.itools.info",
          "itools.info",
          "www.thinkdifferent.us",
          "thinkdifferent.us",
          "gsp1.apple.com",
          "netcts.cdn-apple.com",
        ],
        paths: ["/hotspot-detect.html", "/library/test/success.html"],
        online: APPLE_SUCCESS,
      },
    ],
    caught: "redirect",
    // Anything but success leaves a "Cancel" button that disconnects; the portal explains what to tap instead.
    offline: "portal",
    rearms: false,
    source: "developer.apple.com/news/?id=q78sq5rv; Wi-Fi Alliance captive network portal guidelines",
  },
  {
    id: "android",
    name: "Android",
    probes: [
      generate204(
        "connectivitycheck.gstatic.com",
        "connectivitycheck.android.com",
        "www.google.com",
        "play.googleapis.com",
        "clients1.google.com",
        "connect.rom.miui.com",
        "connectivitycheck.platform.hicloud.com",
        "connectivitycheck.cbg-app.huawei.com",
        "wifi.vivo.com.cn",
        "conn1.coloros.com",
        "conn2.coloros.com",
        "conn1.oppomobile.com",
        "conn2.oppomobile.com",
      ),
    ],
    caught: "redirect",
    offline: "fail",
    rearms: true,
    source: "AOSP NetworkStack, NetworkMonitor.java (and the vendors' own hosts: Xiaomi, Huawei, vivo, OPPO)",
  },
  {
    id: "samsung",
    name: "Samsung",
    probes: [generate204("d2uzsrnmmf6tds.cloudfront.net", "www.samsung.com")],
    // Some models ignore a redirect.
    caught: "refresh",
    offline: "fail",
    rearms: true,
    source: "openNDS and ConnectBox field reports",
  },
  {
    id: "windows",
    name: "Windows",
    probes: [
      {
        hosts: ["www.msftconnecttest.com", "ipv6.msftconnecttest.com"],
        paths: ["/connecttest.txt"],
        online: plain("Microsoft Connect Test"),
      },
      {
        hosts: ["www.msftncsi.com", "ipv6.msftncsi.com"],
        paths: ["/ncsi.txt"],
        online: plain("Microsoft NCSI"),
      },
    ],
    opens: ["/redirect"],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "learn.microsoft.com, NCSI overview",
  },
  {
    id: "edge",
    name: "Microsoft Edge",
    probes: [
      {
        hosts: ["edge-http.microsoft.com", "edge.microsoft.com"],
        paths: ["/captiveportal/generate_204"],
        online: noContent,
      },
    ],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "Chromium captive portal detector with Edge's host",
  },
  {
    id: "firefox",
    name: "Firefox",
    probes: [
      {
        hosts: ["detectportal.firefox.com"],
        paths: ["/canonical.html"],
        online: page(
          '<meta http-equiv="refresh" content="0;url=https://support.mozilla.org/kb/captive-portal"/>',
        ),
      },
      { hosts: ["detectportal.firefox.com"], paths: ["/success.txt"], online: plain("success\n") },
    ],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "Firefox preferences captivedetect.canonicalURL and network.connectivity-service",
  },
  {
    id: "chrome",
    name: "Chrome, ChromeOS",
    probes: [generate204("clients3.google.com", "www.gstatic.com", "clients4.google.com")],
    caught: "redirect",
    offline: "fail",
    // Older Androids ask clients3.google.com too.
    rearms: true,
    source: "Chromium captive_portal_detector.cc, shill portal_detector.cc",
  },
  {
    id: "networkmanager",
    name: "NetworkManager (GNOME, Debian)",
    probes: [
      {
        hosts: ["nmcheck.gnome.org"],
        paths: ["/check_network_status.txt"],
        online: { ...plain("NetworkManager is online\n"), headers: { "X-NetworkManager-Status": "online" } },
      },
      {
        hosts: ["network-test.debian.org"],
        paths: ["/nm"],
        online: { ...plain("NetworkManager is online\n"), headers: { "X-NetworkManager-Status": "online" } },
      },
    ],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "NetworkManager nm-connectivity.c",
  },
  {
    id: "ubuntu",
    name: "Ubuntu",
    probes: [
      {
        hosts: ["connectivity-check.ubuntu.com"],
        paths: ["/"],
        online: { ...noContent, headers: { "X-NetworkManager-Status": "online" } },
      },
    ],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "Ubuntu's network-manager-config-connectivity-ubuntu",
  },
  {
    id: "kindle",
    name: "Kindle",
    probes: [
      {
        hosts: ["spectrum.s3.amazonaws.com"],
        paths: ["/kindle-wifi/wifistub.html"],
        online: page(
          "<!DOCTYPE html><html><head><title>Kindle Reachability Probe Page</title></head>" +
            "<body><!--81ce4465-7167-4dcb-835b-dcc9e44c112a created with python 2.5 uuid.uuid4()--></body></html>",
        ),
      },
    ],
    caught: "redirect",
    offline: "fail",
    rearms: false,
    source: "the stub page itself; the marker is its UUID",
  },
];

/** Every host that a family asks, once each. */
export function hostsOf(family: ProbeFamily): string[] {
  return [...new Set(family.probes.flatMap((probe) => probe.hosts))];
}
