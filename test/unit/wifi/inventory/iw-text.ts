/** Two phys as iw 5.19 prints them, shortened: a USB adapter of mac80211 that was renamed, and a chip with firmware of its own. */
export const IW_PHY = `Wiphy mesh-radio
	wiphy index: 3
	max # scan SSIDs: 4
	Supported Ciphers:
		* WEP40 (00-0f-ac:1)
		* CCMP-128 (00-0f-ac:4)
		* CMAC (00-0f-ac:6)
	Available Antennas: TX 0x3 RX 0x3
	Supported interface modes:
		 * IBSS
		 * managed
		 * AP
		 * AP/VLAN
		 * monitor
		 * mesh point
		 * outside context of a BSS
	Band 1:
		Capabilities: 0x1ff
			RX LDPC
			HT20/HT40
		HT TX/RX MCS rate indexes supported: 0-15
		HE Iftypes: managed
			HE MAC Capabilities (0x08011a000040):
		Bitrates (non-HT):
			* 1.0 Mbps (short preamble supported)
		Frequencies:
			* 2412.0 MHz [1] (20.0 dBm)
			* 2432.0 MHz [5] (20.0 dBm)
			* 2467.0 MHz [12] (13.5 dBm) (no IR)
			* 2484.0 MHz [14] (disabled)
	Band 2:
		Capabilities: 0x1ff
		VHT Capabilities (0x318001b0):
			Max MPDU length: 3895
		HE Iftypes: AP, P2P-GO
		Frequencies:
			* 5180 MHz [36] (23.0 dBm)
			* 5200 MHz [40] (23.0 dBm)
			* 5220 MHz [44] (23.0 dBm)
			* 5240 MHz [48] (23.0 dBm)
			* 5260 MHz [52] (20.0 dBm) (no IR, radar detection)
			  DFS state: usable (for 3095 sec)
			  DFS CAC time: 60000 ms
	Supported commands:
		 * new_interface
		 * start_ap
		 * new_station
		 * set_bss
		 * authenticate
	software interface modes (can always be added):
		 * AP/VLAN
		 * monitor
	valid interface combinations:
		 * #{ IBSS } <= 1, #{ managed, AP, mesh point, P2P-client, P2P-GO } <= 2,
		   total <= 2, #channels <= 1, STA/AP BI must match, radar detect widths: { 20 MHz (no HT), 20 MHz }
		 * #{ AP } <= 4,
		   total <= 4, #channels <= 1
	HT Capability overrides:
		 * MCS: ff ff ff ff ff ff ff ff ff ff
	Device supports SAE with AUTHENTICATE command
	Driver supports a userspace MPM
	Supported TX frame types:
		 * AP: 0x00 0x10
	Maximum associated stations in AP mode: 32
Wiphy phy0
	wiphy index: 0
	Supported interface modes:
		 * managed
		 * AP
	Band 1:
		Capabilities: 0x1020
		Frequencies:
			* 2412 MHz [1] (20.0 dBm)
	Supported commands:
		 * new_interface
		 * start_ap
	interface combinations are not supported
`;

export const IW_REG = `global
country DE: DFS-ETSI
	(2400 - 2483 @ 40), (N/A, 20), (N/A)
	(5250 - 5350 @ 80), (N/A, 20), (0 ms), NO-OUTDOOR, DFS, AUTO-BW

phy#3 (self-managed)
country US: DFS-UNSET
	(2402 - 2437 @ 40), (6, 22), (N/A), AUTO-BW, NO-HT40MINUS
`;

export const IW_DEV = `phy#3
	Unnamed/non-netdev interface
		wdev 0x300000002
		addr 00:c0:ca:00:00:02
		type P2P-device
	Interface mesh0
		ifindex 7
		wdev 0x300000001
		addr 00:c0:ca:00:00:01
		type mesh point
		channel 1 (2412 MHz), width: 20 MHz, center1: 2412 MHz
phy#0
	Interface wlan0
		ifindex 3
		type managed
`;

export const IW_CHANNELS = `Band 1:
	* 2412 MHz [1] 
	  Maximum TX power: 20.0 dBm
	  Channel widths: 20MHz HT40+
	* 2432 MHz [5] 
	  Maximum TX power: 20.0 dBm
	  Channel widths: 20MHz HT40- HT40+
	* 2484 MHz [14] (disabled)
Band 2:
	* 5180 MHz [36] 
	  Maximum TX power: 23.0 dBm
	  Channel widths: 20MHz HT40+ VHT80 VHT160
	* 5260 MHz [52] 
	  Maximum TX power: 20.0 dBm
	  No IR
	  Radar detection
	  Channel widths: 20MHz
	  DFS state: usable (for 934 sec)
`;
