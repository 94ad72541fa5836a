/** A line of shell that plays a phone at a wire of the guests' network: it asks for an address, and then for the portal there, until it has its page. */
export const WIRED_PHONE = `
  until grep -q up /sys/class/net/br-guest/operstate 2>/dev/null || ip -4 addr show br-guest 2>/dev/null | grep -q inet; do sleep 0.5; done
  ip netns add phone
  ip link add phone0 type veth peer name wlan0 netns phone
  ip link set phone0 master br-guest up
  ip -n phone link set wlan0 up
  printf '#!/bin/sh\\n[ "$1" = bound ] && ip addr add $ip/$mask dev $interface && echo $router >/run/router\\nexit 0\\n' >/run/lease
  chmod 755 /run/lease
  until ip netns exec phone busybox udhcpc -n -q -t 5 -i wlan0 -s /run/lease 2>/dev/null; do sleep 0.5; done
  until ip netns exec phone busybox wget -q -T 10 -O - http://$(cat /run/router)/; do sleep 0.5; done`;
