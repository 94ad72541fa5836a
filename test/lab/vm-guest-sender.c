/*
 * Runs as root in a virtual machine and sends there whatever frames it is told to send:  vm-guest-sender INTERFACE
 *
 * It is told by frames that come to its own interface (ethertype 0x88b6, IEEE 802's second for experiments), so that it
 * can be told while its tunnel is down too. An order, each byte of it xor 0xa5 so that nobody takes it for what it orders:
 *   u32 how often, u16 offset of a field that rises by one each time (0: none), u16 offset of the checksum over that
 *   field (0: none), u16 length, the frame; numbers in network order.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ORDER_TYPE = 0x88b6, ETHER_HEADER = 14, ORDER_HEADER = 10, MASK = 0xa5 };

static uint16_t read16(const unsigned char *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static void write16(unsigned char *at, uint16_t value) {
  at[0] = (unsigned char)(value >> 8);
  at[1] = (unsigned char)value;
}

/* RFC 1624, equation 3. */
static uint16_t mended(uint16_t sum, uint16_t before, uint16_t after) {
  uint32_t all = (uint16_t)~sum + (uint16_t)~before + after;
  all = (all & 0xffff) + (all >> 16);
  all = (all & 0xffff) + (all >> 16);
  return (uint16_t)~all;
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  int link = socket(AF_PACKET, SOCK_RAW, htons(ORDER_TYPE));
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ORDER_TYPE)};
  to.sll_ifindex = (int)if_nametoindex(arguments[1]);
  if (link < 0 || to.sll_ifindex == 0 || bind(link, (struct sockaddr *)&to, sizeof to) != 0) return 1;
  for (;;) {
    unsigned char order[2048];
    ssize_t got = recv(link, order, sizeof order, 0);
    if (got < ETHER_HEADER + ORDER_HEADER) continue;
    for (ssize_t at = ETHER_HEADER; at < got; at++) order[at] ^= MASK;
    unsigned char *head = order + ETHER_HEADER, *frame = head + ORDER_HEADER;
    uint32_t times = (uint32_t)read16(head) << 16 | read16(head + 2);
    uint16_t field = read16(head + 4), sum = read16(head + 6), length = read16(head + 8);
    if (length > got - ETHER_HEADER - ORDER_HEADER || field + 2 > length || sum + 2 > length) continue;
    for (uint32_t sent = 0; sent < times; sent++) {
      sendto(link, frame, length, 0, (struct sockaddr *)&to, sizeof to);
      if (field == 0) continue;
      uint16_t before = read16(frame + field), after = (uint16_t)(before + 1);
      write16(frame + field, after);
      if (sum != 0) write16(frame + sum, mended(read16(frame + sum), before, after));
    }
  }
}
