// Shapes that both cases are made of. Lengths in mm; everything prints without supports as it lies.

// A plate with round corners, its lower left corner at [0, 0, 0].
module rounded_plate(size, radius) {
  linear_extrude(size.z) rounded_square([size.x, size.y], radius);
}

module rounded_square(size, radius) {
  r = max(0.01, min(radius, min(size.x, size.y) / 2 - 0.01));
  translate([r, r]) offset(r) square([size.x - 2 * r, size.y - 2 * r]);
}

// A hole through a standing wall along +Y, round but for its roof of 45 degrees, which prints without a bridge.
module teardrop_along_y(diameter, length) {
  rotate([90, 0, 0]) translate([0, 0, -length]) linear_extrude(length) {
    circle(d = diameter);
    rotate(45) square(diameter / 2);
  }
}

module teardrop_along_x(diameter, length) {
  rotate([0, 0, -90]) teardrop_along_y(diameter, length);
}

// A screw's ear: a post beside a wall, and the web that holds it. `towards` points from the post into the wall.
module ear(diameter, height, towards) {
  hull() {
    cylinder(d = diameter, h = height);
    translate([towards.x, towards.y, 0]) cylinder(d = diameter, h = height);
  }
}
