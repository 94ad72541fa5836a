// By its path, since the package's `exports` leaves its types out: by its name, every one of them would be `any`.
export type {
  BindingInterface,
  BindingPortInterface,
  BindingsErrorInterface,
  OpenOptions,
  PortInfo,
  PortStatus,
  SetOptions,
  UpdateOptions,
} from "../../../node_modules/@serialport/bindings-interface/dist/index.d.ts";
