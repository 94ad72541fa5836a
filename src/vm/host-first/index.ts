export { type AimInForce, CgroupError, readControllerPlaces, VmsGroup } from "./cgroup.ts";
export type { Controller, ControllerPlaces, Mount } from "./controller-places.ts";
export {
  CALM,
  type Cause,
  decidePressure,
  type HostReading,
  type PressedLease,
  type PressureDecision,
  type PressureOrder,
  type PressurePolicy,
  type PressureState,
  USUAL_POLICY,
} from "./decide-pressure.ts";
export { type GroupLimits, VMS_GROUP, VMS_PARTITION } from "./group-plan.ts";
export { HostFirst, type HostFirstOptions } from "./host-first.ts";
export { HostReadings, readPressure } from "./host-readings.ts";
export { type Room, type RoomyLease, whoGivesWay } from "./make-room.ts";
export { byRank, compareStanding, type Origin, type Ranked } from "./rank.ts";
export { readSensors, type SensorReading } from "./sensors.ts";
