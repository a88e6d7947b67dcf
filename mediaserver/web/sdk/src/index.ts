export { NetConnection, type NetConnectionEvents, type NetConnectionOptions, type ReconnectOptions } from "./netconnection.ts";
export { SharedObject, type SharedObjectEvents, type SyncChange } from "./sharedobject.ts";
export { StatusError, type StatusInfo } from "./status.ts";
export { parseURL, WebSocketTransport, type Address, type Transport } from "./transport.ts";
export { Emitter } from "./emitter.ts";
export { decodeAMF0, decodeAMF3, encodeAMF0, encodeAMF3 } from "./amf0.ts";
export { Dictionary, getClassByAlias, getClassName, registerClassAlias, setClassName, Vector, XML } from "./values.ts";
export { WireError } from "./bytes.ts";
