// NetStream, by which scripts publish streams of their instance on other servers. The
// value of this program is a function of natives that makes the class.
(function (n) {
"use strict";
const {make, attach, publish, send, close, getBufferTime, setBufferTime} = n;
const define = Object.defineProperty;
const hidden = (o, name, value) => define(o, name, {value, writable: true, configurable: true, enumerable: false});

function NetStream(connection) { make(this, connection); }
const methods = {
  attach(stream) { return attach(this, stream); },
  publish(name, mode) { return publish(this, name, mode); },
  send(handler, ...args) { return send(this, handler, ...args); },
  close() { close(this); },
  setBufferTime(seconds) { setBufferTime(this, Number(seconds)); },
};
for (const name in methods) hidden(NetStream.prototype, name, methods[name]);
define(NetStream.prototype, "bufferTime", {get() { return getBufferTime(this); }, set() {}, configurable: true, enumerable: false});
return NetStream;
})
