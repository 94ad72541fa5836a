// A case for a LoRa board with a battery beside it: a body, and a lid with a groove for a sealing cord.
// Print the body as it lies, open side up, and the lid as it lies, groove up. No supports. PETG or ASA, walls of three
// lines or more.
use <shapes.scad>

/* [What to show] */
part = "body"; // [body, lid, assembly]

/* [Board: its USB socket at the left end, its antenna plug at the right] */
board_length = 50.2;
board_width = 25.5;
// With everything on it, both sides
board_height = 10.2;
// Middle of the USB socket above the underside of the board
usb_height = 3.4;
// Room behind the board for the antenna socket, its nut and the plug of its cable
antenna_room = 14;

/* [Battery: with its holder or wires; 0 for none] */
battery_length = 77;
battery_width = 21;
battery_height = 20;

/* [Openings] */
// Around the rubber of a USB-C plug: 12.35 by 6.5 at most
usb_opening_width = 13;
usb_opening_height = 8;
// SMA: 6.5
antenna_hole = 6.5;

/* [Walls and fits] */
wall = 3.6;
floor_thickness = 2;
lid_thickness = 3.4;
// Around the board and the battery, on every side
clearance = 0.5;
// Under the board, for its solder joints
rail_height = 2;
min_wall = 1.2;

/* [Seal: cord of 2 mm; 0 for none] */
seal_width = 2.2;
seal_depth = 1.5;

/* [Screws: M3 by 12, cutting their own thread] */
screw_hole = 2.7;
screw_clearance_hole = 3.4;
ear_diameter = 9;

/* [Lanyard; 0 for none] */
lanyard_hole = 4.5;

/* [Hidden] */
$fn = 48;
e = 0.01;
corner = 1;
divider = 1.6;
lip_height = 2;
lip_thickness = 1.6;
lip_gap = 0.3;
headroom = 1;
// From the inner edge of the wall, which presses on the cord
seal_from = 0.2;
has_battery = battery_length > 0 && battery_width > 0;

board_lane = board_width + 2 * clearance;
battery_lane = has_battery ? battery_width + 2 * clearance : 0;
inner_length = max(board_length + 2 * clearance + antenna_room, has_battery ? battery_length + 2 * clearance : 0);
inner_width = board_lane + (has_battery ? divider + battery_lane : 0);
inner_height = max(rail_height + board_height, has_battery ? battery_height : 0, antenna_hole * 1.3 + 5)
  + headroom + lip_height;
body_height = floor_thickness + inner_height;

board_at = [clearance, clearance, floor_thickness + rail_height];
battery_at = [clearance, board_lane + divider + clearance, floor_thickness];
usb_at = [board_at.y + board_width / 2, board_at.z + usb_height];
antenna_at = [board_at.y + board_width / 2, floor_thickness + max(6, (inner_height - lip_height) / 2)];
ear_out = wall + ear_diameter / 2 - 1.5;
ears = [
  [ear_diameter / 2, -ear_out], [inner_length - ear_diameter / 2, -ear_out],
  [ear_diameter / 2, inner_width + ear_out], [inner_length - ear_diameter / 2, inner_width + ear_out]
];

assert(wall >= min_wall && floor_thickness >= min_wall, "wall and floor_thickness must not be below min_wall");
assert(wall - seal_from - seal_width >= min_wall - e, "wall leaves less than min_wall outside the seal");
assert(lid_thickness - seal_depth >= min_wall, "lid_thickness leaves less than min_wall below the seal");
assert((ear_diameter - screw_clearance_hole) / 2 >= min_wall, "ear_diameter leaves less than min_wall around the screw");
assert(usb_opening_width + 2 < inner_width, "usb_opening_width is more than the case is wide");
assert(usb_at[1] + usb_opening_height / 2 + min_wall <= body_height, "the USB opening meets the rim: raise headroom or lower usb_height");

echo(board_at = board_at, battery_at = battery_at, usb_at = usb_at, antenna_at = antenna_at, first_ear = ears[0],
  inner = [inner_length, inner_width, inner_height]);

module walls_outline() {
  translate([-wall, -wall]) rounded_square([inner_length + 2 * wall, inner_width + 2 * wall], corner + wall);
}

module ears_of(height) {
  for (at = ears) translate(at) ear(ear_diameter, height, [0, at.y < 0 ? ear_diameter / 2 : -ear_diameter / 2]);
}

module lanyard_tab() {
  // On the right end, at the side of the battery, flat on the bed.
  at = [inner_length + wall + 4, inner_width - 6];
  if (lanyard_hole > 0) difference() {
    hull() {
      translate(at) cylinder(d = lanyard_hole + 6, h = 5);
      translate([inner_length + wall - 1, at.y - lanyard_hole / 2 - 5, 0]) cube([1, lanyard_hole + 10, 5]);
    }
    translate([at.x, at.y, -e]) cylinder(d = lanyard_hole, h = 5 + 2 * e);
  }
}

module cavity() {
  translate([0, 0, floor_thickness]) rounded_plate([inner_length, inner_width, inner_height + 1], corner);
}

module body() {
  difference() {
    union() {
      difference() {
        union() {
          linear_extrude(body_height) walls_outline();
          ears_of(body_height);
        }
        cavity();
      }
      lanyard_tab();
      // Rails under the long edges of the board, and a stop against the push of the plug.
      for (y = [board_at.y - clearance - e, board_at.y + board_width - 1.6])
        translate([-e, y, floor_thickness - e]) cube([board_at.x + board_length, 1.6 + clearance + e, rail_height + e]);
      translate([board_at.x + board_length + clearance, 0, floor_thickness - e])
        translate([0, board_at.y + board_width / 2 - 3, 0]) cube([1.6, 6, rail_height + 2 + e]);
      if (has_battery)
        // Lower than the board's top, and open at both ends for wires.
        translate([8, board_lane, floor_thickness - e])
          cube([inner_length - 16, divider, min(rail_height + board_height, battery_height) - 2]);
    }
    translate([-wall - e, usb_at[0] - usb_opening_width / 2, usb_at[1] - usb_opening_height / 2])
      cube([wall + 2 * e, usb_opening_width, usb_opening_height]);
    translate([inner_length - e, antenna_at[0], antenna_at[1]]) teardrop_along_x(antenna_hole, wall + 2 * e);
    for (at = ears) translate([at.x, at.y, max(body_height - 12, 2)]) cylinder(d = screw_hole, h = 13);
  }
}

// Upside down, as it is printed: its outside on the bed.
module lid() {
  difference() {
    union() {
      linear_extrude(lid_thickness) walls_outline();
      ears_of(lid_thickness);
      translate([0, 0, lid_thickness - e]) linear_extrude(lip_height + e) difference() {
        translate([lip_gap, lip_gap]) rounded_square([inner_length - 2 * lip_gap, inner_width - 2 * lip_gap], corner);
        inset = lip_gap + lip_thickness;
        translate([inset, inset]) rounded_square([inner_length - 2 * inset, inner_width - 2 * inset], corner);
      }
    }
    if (seal_width > 0) translate([0, 0, lid_thickness - seal_depth]) linear_extrude(seal_depth + e) difference() {
      out = seal_from + seal_width;
      in = seal_from;
      translate([-out, -out]) rounded_square([inner_length + 2 * out, inner_width + 2 * out], corner + out);
      translate([-in, -in]) rounded_square([inner_length + 2 * in, inner_width + 2 * in], corner + in);
    }
    for (at = ears) translate([at.x, at.y, -e]) cylinder(d = screw_clearance_hole, h = lid_thickness + 2 * e);
  }
}

// For the picture: the body with what goes in, and beside it the lid as it is printed.
module assembly() {
  color("SteelBlue") body();
  color("LightSteelBlue") translate([0, -inner_width - 2 * ear_out - ear_diameter - 8, 0]) lid();
  color("SeaGreen") translate(board_at) cube([board_length, board_width, 1.6]);
  color("DarkSlateGray") translate([board_at.x + 8, board_at.y + 3, board_at.z + 1.6])
    cube([board_length - 14, board_width - 6, max(1, board_height - 6)]);
  color("Silver") translate([board_at.x, usb_at[0] - 4.5, usb_at[1] - 1.6]) cube([7, 9, 3.2]);
  if (has_battery) color("Goldenrod") translate(battery_at) battery_shape();
  color("Gold") translate([inner_length - 6, antenna_at[0], antenna_at[1]]) rotate([0, 90, 0]) cylinder(d = 6.2, h = wall + 14);
  color("DimGray") translate([inner_length + wall + 6, antenna_at[0], antenna_at[1]]) rotate([0, 90, 0]) cylinder(d = 9, h = 50);
}

module battery_shape() {
  // A thick battery is a round cell in a holder, a thin one a pouch.
  if (battery_height > 15) {
    difference() {
      cube([battery_length, battery_width, battery_height * 0.6]);
      translate([2, 1, 2]) cube([battery_length - 4, battery_width - 2, battery_height]);
    }
    translate([(battery_length - 65) / 2, battery_width / 2, battery_height / 2]) rotate([0, 90, 0]) cylinder(d = 18, h = 65);
  } else cube([battery_length, battery_width, battery_height]);
}

if (part == "body") body();
else if (part == "lid") lid();
else assembly();
