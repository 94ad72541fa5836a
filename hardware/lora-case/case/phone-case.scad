// A case for a phone with a LoRa board and its battery in a pocket on its back: a tray that holds the phone, and the
// pocket, which four screws hold to the tray from inside, under the phone.
// Print both as they lie, open side up, without supports: the tray of TPU, the pocket of PETG or ASA.
use <shapes.scad>

/* [What to show] */
part = "tray"; // [tray, pocket, assembly]

/* [Phone, upright, seen from its back] */
phone_width = 71.8;
phone_height = 152.2;
phone_thickness = 8.9;
phone_corner = 9;
// The hole for the camera: its left edge from the left, its upper edge from the top, its size and corners
camera_left = 3;
camera_top = 11;
camera_width = 65.8;
camera_height = 25;
camera_corner = 4;
// Buttons on the right side, seen from the back: from and to, from the top; 0 for none
buttons_right_from = 0;
buttons_right_to = 0;
// Buttons on the left side, seen from the back
buttons_left_from = 40;
buttons_left_to = 90;
// The opening for the charging socket and the loudspeakers
bottom_opening = 44;

/* [Board: upright, its USB socket below, its antenna plug above] */
board_length = 51.7;
board_width = 25.4;
board_height = 10.7;
usb_height = 3.4;
// Seen from the back
board_side = "right"; // [left, right]
// Where the antenna leaves the pocket
antenna_exit = "side"; // [top, side]
antenna_room = 14;
antenna_hole = 6.5;
usb_opening_width = 13;
usb_opening_height = 8;

/* [Battery: a pouch with a protection circuit] */
battery_length = 51;
battery_width = 35;
battery_height = 7;

/* [Walls and fits] */
// The pocket's lower end above the phone's lower end
pocket_from_bottom = 16;
plate = 2.6;
tray_wall = 1.8;
pocket_wall = 2;
pocket_floor = 1.6;
clearance = 0.5;
phone_clearance = 0.3;
rail_height = 1.5;
min_wall = 1.2;
// How far the rim grips over the phone
grip = 1;

/* [Screws: M2.5 by 8 with a sunk head, cutting their own thread] */
screw_hole = 2.2;
screw_clearance_hole = 2.8;
screw_head = 5;

/* [Hidden] */
$fn = 48;
e = 0.01;
divider = 1.4;
headroom = 0.5;

cavity_size = [phone_width + 2 * phone_clearance, phone_height + 2 * phone_clearance];
tray_size = [cavity_size.x + 2 * tray_wall, cavity_size.y + 2 * tray_wall];
rim_start = plate + phone_thickness + 0.1;
tray_height = rim_start + grip + 0.8;

ear_diameter = 7;
// A narrow board stands off the side wall, so that its plug passes the screw's ear.
board_lane = max(board_width + 2 * clearance, ear_diameter + usb_opening_width / 2 + 0.5 + board_width / 2 + clearance);
battery_lane = battery_width + 2 * clearance;
inner_width = board_lane + divider + battery_lane;
inner_length = max(board_length + 2 * clearance + antenna_room, battery_length + 2 * clearance);
inner_height = max(rail_height + board_height, battery_height, antenna_hole * 1.25 + 3) + headroom;
pocket_height = pocket_floor + inner_height;

// In the pocket as it is printed, open side up, seen from the phone's side: left and right change places.
is_board_first = board_side == "right";
board_at = [is_board_first ? board_lane - clearance - board_width : battery_lane + divider + clearance, clearance, pocket_floor + rail_height];
battery_at = [is_board_first ? board_lane + divider + clearance : clearance, clearance, pocket_floor];
divider_x = is_board_first ? board_lane : battery_lane;
usb_at = [board_at.x + board_width / 2, board_at.z + usb_height];
antenna_z = pocket_floor + inner_height / 2 - 0.6;
antenna_at = antenna_exit == "top"
  ? [board_at.x + board_width / 2, inner_length, antenna_z]
  : [is_board_first ? 0 : inner_width, inner_length - antenna_room / 2, antenna_z];
ear_out = pocket_wall + ear_diameter / 2 - 1;
ears = [for (x = [ear_diameter / 2, inner_width - ear_diameter / 2], y = [-ear_out, inner_length + ear_out]) [x, y]];
pocket_outer = [inner_width + 2 * pocket_wall, inner_length + 2 * ear_out + ear_diameter];
// The pocket's origin, the lower corner of its cavity, on the tray: in the middle of its width.
pocket_on_tray = [(tray_size.x - inner_width) / 2, tray_wall + pocket_from_bottom + ear_out + ear_diameter / 2];
pocket_top_on_tray = pocket_on_tray.y + inner_length + ear_out + ear_diameter / 2;
// The camera's hole on the tray as it is printed, seen from the phone's side: left and right change places.
camera_at = [
  tray_wall + phone_clearance + phone_width - camera_left - camera_width,
  tray_wall + phone_clearance + phone_height - camera_top - camera_height
];

assert(tray_wall >= min_wall && pocket_wall >= min_wall && pocket_floor >= min_wall && plate >= min_wall, "no wall may be below min_wall");
assert(pocket_outer.x <= tray_size.x, "the pocket is wider than the phone: take a narrower battery");
assert(pocket_top_on_tray <= camera_at.y, "the pocket covers the camera: lower pocket_from_bottom or take a shorter battery");
assert((ear_diameter - screw_clearance_hole) / 2 >= min_wall, "ear_diameter leaves less than min_wall around the screw");

echo(phone_at = [tray_wall + phone_clearance, tray_wall + phone_clearance, plate], camera_at = camera_at,
  pocket_on_tray = pocket_on_tray, board_at = board_at, battery_at = battery_at, usb_at = usb_at, antenna_at = antenna_at,
  first_ear = ears[0], inner = [inner_width, inner_length, inner_height]);

module phone_outline(grow) {
  translate([tray_wall - grow, tray_wall - grow])
    rounded_square([cavity_size.x + 2 * grow, cavity_size.y + 2 * grow], phone_corner + grow);
}

// The room for the phone, narrowing by 45 degrees to the rim's edge.
module phone_room() {
  translate([0, 0, plate]) linear_extrude(rim_start - plate + e) phone_outline(0);
  hull() {
    translate([0, 0, rim_start]) linear_extrude(e) phone_outline(0);
    translate([0, 0, rim_start + grip]) linear_extrude(e) phone_outline(-grip);
  }
  translate([0, 0, rim_start + grip]) linear_extrude(2) phone_outline(-grip);
}

// Open to the rim, so that nothing is bridged. `side` is -1 for the left in the print.
module side_opening(from, to, side) {
  if (to > from)
    translate([side < 0 ? -1 : tray_size.x - tray_wall - grip - 0.5, tray_size.y - tray_wall - phone_clearance - to, plate + 1])
      cube([tray_wall + grip + 1.5, to - from, tray_height]);
}

module tray() {
  difference() {
    linear_extrude(tray_height) phone_outline(tray_wall);
    phone_room();
    translate([camera_at.x, camera_at.y, -e])
      rounded_plate([camera_width, camera_height, plate + 2 * e], camera_corner);
    side_opening(buttons_right_from, buttons_right_to, -1);
    side_opening(buttons_left_from, buttons_left_to, 1);
    translate([(tray_size.x - bottom_opening) / 2, -1, plate + 1]) cube([bottom_opening, tray_wall + grip + 2, tray_height]);
    for (at = ears) translate([pocket_on_tray.x + at.x, pocket_on_tray.y + at.y, 0]) {
      translate([0, 0, -e]) cylinder(d = screw_clearance_hole, h = plate + 2 * e);
      depth = (screw_head - screw_clearance_hole) / 2;
      translate([0, 0, plate - depth]) cylinder(d1 = screw_clearance_hole, d2 = screw_head + 2 * e, h = depth + e);
    }
  }
}

module pocket() {
  difference() {
    union() {
      difference() {
        union() {
          linear_extrude(pocket_height) translate([-pocket_wall, -pocket_wall])
            rounded_square([inner_width + 2 * pocket_wall, inner_length + 2 * pocket_wall], 1 + pocket_wall);
          for (at = ears) translate(at) ear(ear_diameter, pocket_height, [0, at.y < 0 ? ear_diameter / 2 : -ear_diameter / 2]);
        }
        translate([0, 0, pocket_floor]) rounded_plate([inner_width, inner_length, inner_height + 1], 1);
      }
      for (x = [board_at.x - clearance - e, board_at.x + board_width - 1.4])
        translate([x, -e, pocket_floor - e]) cube([1.4 + clearance + e, board_at.y + board_length, rail_height + e]);
      translate([board_at.x + board_width / 2 - 3, board_at.y + board_length + clearance, pocket_floor - e])
        cube([6, 1.4, rail_height + 2 + e]);
      translate([divider_x, 8, pocket_floor - e])
        cube([divider, inner_length - 8 - antenna_room, min(rail_height + board_height, battery_height) - 1]);
    }
    translate([usb_at[0] - usb_opening_width / 2, -pocket_wall - e, usb_at[1] - usb_opening_height / 2])
      cube([usb_opening_width, pocket_wall + 2 * e, usb_opening_height]);
    if (antenna_exit == "top") translate([antenna_at.x, inner_length - e, antenna_at.z]) teardrop_along_y(antenna_hole, pocket_wall + 2 * e);
    else translate([is_board_first ? -pocket_wall - e : inner_width - e, antenna_at.y, antenna_at.z])
      teardrop_along_x(antenna_hole, pocket_wall + 2 * e);
    for (at = ears) translate([at.x, at.y, max(pocket_height - 8, min_wall)]) cylinder(d = screw_hole, h = 9);
  }
}

// For the picture: from behind, put together; the pocket with what goes in; the tray from the phone's side.
module assembly() {
  translate([tray_size.x, 0, tray_height]) rotate([0, 180, 0]) {
    color("SteelBlue") tray();
    translate([pocket_on_tray.x, pocket_on_tray.y, -pocket_height]) {
      color("LightSteelBlue") pocket();
      antenna(40);
    }
    color("DimGray") translate([tray_wall + phone_clearance, tray_wall + phone_clearance, plate + 0.05])
      rounded_plate([phone_width, phone_height, phone_thickness], phone_corner);
  }
  translate([tray_size.x + 45, pocket_on_tray.y, 0]) {
    color("LightSteelBlue") pocket();
    color("SeaGreen") translate(board_at) cube([board_width, board_length, 1.6]);
    color("DarkSlateGray") translate([board_at.x + 3, board_at.y + 8, board_at.z + 1.6])
      cube([board_width - 6, max(4, board_length - 14), max(1, board_height - 6)]);
    color("Silver") translate([usb_at[0] - 4.5, board_at.y, usb_at[1] - 1.6]) cube([9, 7, 3.2]);
    color("Goldenrod") translate(battery_at) cube([battery_width, battery_length, battery_height]);
    antenna(0);
  }
  translate([tray_size.x + pocket_outer.x + 80, 0, 0]) color("SteelBlue") tray();
}

module antenna(whip) {
  translate(antenna_at) rotate(antenna_exit == "top" ? [-90, 0, 0] : [0, is_board_first ? -90 : 90, 0]) {
    color("Gold") translate([0, 0, -6]) cylinder(d = 6.2, h = pocket_wall + 14);
    if (whip > 0) color("DimGray") translate([0, 0, pocket_wall + 3]) cylinder(d = 8, h = whip);
  }
}

if (part == "tray") tray();
else if (part == "pocket") pocket();
else assembly();
