// NetConnection, as scripts have it to reach other servers. The value of this program is
// a function of natives that makes the class.
(function (n) {
"use strict";
const {connect, call, close, addHeader, connected, uri} = n;
const define = Object.defineProperty;
const hidden = (o, name, value) => define(o, name, {value, writable: true, configurable: true, enumerable: false});
const computed = (o, name, get) => define(o, name, {get() { return get(this); }, set() {}, configurable: true, enumerable: false});

function NetConnection() {}
const methods = {
  connect(uri, ...args) { return connect(this, uri === undefined || uri === null ? "" : String(uri), ...args); },
  call(method, responder, ...args) { return call(this, String(method), responder, ...args); },
  close() { close(this); },
  addHeader(name, must, value) { addHeader(this, String(name), Boolean(must), value, arguments.length < 2); },
};
for (const name in methods) hidden(NetConnection.prototype, name, methods[name]);
computed(NetConnection.prototype, "isConnected", connected);
computed(NetConnection.prototype, "uri", uri);
return NetConnection;
})
